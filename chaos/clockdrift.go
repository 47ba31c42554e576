package chaos

import "github.com/nsqlab/nsqlab/sim"

// ClockDrift has a node's clocks go too fast or too slowly.
var ClockDrift = Kind{
	Name:  "clockdrift",
	Usage: "has a node's clocks, the monotonic one too, go too fast or too slowly, as with a bad crystal",
	Params: []Param{
		{Name: "clockdrift", Type: Node, Required: true, Usage: "the broker, or the nsqlookupd"},
		{Name: "by", Type: Drift, Required: true, Usage: "how much too fast; too slowly if less than 0"},
	},
	New:  func(a Args) (Fault, error) { return skewed{a.Names["clockdrift"], drift(a)}, nil },
	Skew: drift,
}

func drift(a Args) sim.Skew { return sim.Skew{Drift: a.Counts["by"]} }
