package chaos

// ClockOffset sets a node's wall clock wrong.
var ClockOffset = Kind{
	Name:  "clockoffset",
	Usage: "has a node's wall clock be ahead or behind; its monotonic clock does not know",
	Params: []Param{
		{Name: "clockoffset", Type: Node, Required: true, Usage: "the broker, or the nsqlookupd"},
		{Name: "by", Type: Shift, Required: true, Usage: "how far it is ahead; behind if less than 0"},
	},
	New:  func(a Args) (Fault, error) { return skewed{a.Names["clockoffset"], offset(a)}, nil },
	Skew: offset,
}
