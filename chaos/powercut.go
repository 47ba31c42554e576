package chaos

import "github.com/nsqlab/nsqlab/sim"

// PowerCut ends a node's machine, and starts both again.
var PowerCut = Kind{
	Name:    "powercut",
	Usage:   "ends a node's machine: any part of what was not synced is gone; it is started again when the fault is over",
	Params:  []Param{{Name: "powercut", Type: Node, Required: true, Usage: "the broker, or the nsqlookupd"}},
	New:     func(a Args) (Fault, error) { return powerCut{a.Names["powercut"]}, nil },
	Permits: losses[byPower],
	Ends:    true,
}

type powerCut struct{ node string }

// Inject implements Fault.
func (p powerCut) Inject(c sim.Cluster) (heal func() error, err error) {
	return end(c, p.node, cutPower)
}
