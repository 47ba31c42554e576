package chaos

import "github.com/nsqlab/nsqlab/sim"

// Kill ends a node at once, as kill -9 does, and starts it again.
var Kill = Kind{
	Name:    "kill",
	Usage:   "ends a node at once, as kill -9 does; it is started again when the fault is over, an nsqlookupd with nothing that it knew",
	Params:  []Param{{Name: "kill", Type: Node, Required: true, Usage: "the broker, or the nsqlookupd"}},
	New:     func(a Args) (Fault, error) { return kill{a.Names["kill"]}, nil },
	Permits: losses[byKill],
	Ends:    true,
}

type kill struct{ node string }

// Inject implements Fault.
func (k kill) Inject(c sim.Cluster) (heal func() error, err error) {
	return end(c, k.node, sim.Cluster.Kill)
}
