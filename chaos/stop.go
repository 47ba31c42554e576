package chaos

import "github.com/nsqlab/nsqlab/sim"

// Stop ends a node in order, as SIGTERM does, and starts it again.
var Stop = Kind{
	Name:    "stop",
	Usage:   "ends a node in order, as SIGTERM does: a broker saves what it holds; it is started again when the fault is over",
	Params:  []Param{{Name: "stop", Type: Node, Required: true, Usage: "the broker, or the nsqlookupd"}},
	New:     func(a Args) (Fault, error) { return stop{a.Names["stop"]}, nil },
	Permits: losses[byStop],
	Ends:    true,
}

type stop struct{ node string }

// Inject implements Fault.
func (s stop) Inject(c sim.Cluster) (heal func() error, err error) {
	return end(c, s.node, stopNode)
}
