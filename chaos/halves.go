package chaos

import (
	"errors"
	"slices"
)

// Halves splits the ends in two.
var Halves = Kind{
	Name:  "halves",
	Usage: "nothing gets through between some ends and all the others; what is sent waits, as TCP has it, until the fault is over",
	Params: []Param{
		{Name: "halves", Type: Ends, Required: true, Usage: "one half, such as [b1, shop]: brokers, nsqlookupds and load lines"},
		{Name: "way", Type: Way, Usage: "in: nothing reaches that half; out: nothing leaves it; both, if left out"},
	},
	New: func(a Args) (Fault, error) {
		half, way := a.Lists["halves"], a.Names["way"]
		return cut(func(from, to string) bool {
			leaves, enters := slices.Contains(half, from), slices.Contains(half, to)
			return leaves && !enters && way != "in" || enters && !leaves && way != "out"
		}), nil
	},
	Fits: func(a Args, ends []string) error {
		if len(a.Lists["halves"]) >= len(ends) {
			return errors.New("halves: nobody is left for the other half")
		}
		return nil
	},
}
