package chaos

import (
	"errors"
	"slices"
)

// Bridge splits the ends in two halves that have but one end in common.
var Bridge = Kind{
	Name:  "bridge",
	Usage: "two halves that cannot reach each other, and one end that reaches both; what is sent waits until the fault is over",
	Params: []Param{
		{Name: "bridge", Type: End, Required: true, Usage: "the broker, the nsqlookupd or the load line's clients that reach all"},
		{Name: "side", Type: Ends, Required: true, Usage: "one half, such as [b1, shop]; all but the bridge are the other"},
	},
	New: func(a Args) (Fault, error) {
		bridge, side := a.Names["bridge"], a.Lists["side"]
		if slices.Contains(side, bridge) {
			return nil, errors.New("bridge: it stands on neither side")
		}
		return cut(func(from, to string) bool {
			return from != bridge && to != bridge && slices.Contains(side, from) != slices.Contains(side, to)
		}), nil
	},
	Fits: func(a Args, ends []string) error {
		if len(a.Lists["side"])+1 >= len(ends) {
			return errors.New("bridge: nobody is left for the other side")
		}
		return nil
	},
}
