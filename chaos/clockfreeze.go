package chaos

import "github.com/nsqlab/nsqlab/sim"

// ClockFreeze has a node's clocks stand still.
var ClockFreeze = Kind{
	Name:   "clockfreeze",
	Usage:  "has a node's clocks stand still, the monotonic one too, while the node goes on, as on a machine that its host gives no time",
	Params: []Param{{Name: "clockfreeze", Type: Node, Required: true, Usage: "the broker, or the nsqlookupd"}},
	New:    func(a Args) (Fault, error) { return skewed{a.Names["clockfreeze"], frozen(a)}, nil },
	Skew:   frozen,
}

func frozen(Args) sim.Skew { return sim.Skew{Frozen: true} }
