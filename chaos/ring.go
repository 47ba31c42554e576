package chaos

import (
	"errors"
	"slices"
)

// Ring has each of some ends reach its two neighbours alone.
var Ring = Kind{
	Name:  "ring",
	Usage: "some ends stand in a ring, and what one sends to another that is no neighbour waits until the fault is over; those not named reach all",
	Params: []Param{
		{Name: "ring", Type: Ends, Required: true, Usage: "four ends or more in their order, such as [b1, shop, b2, billing]; the last is a neighbour of the first"},
	},
	New: func(a Args) (Fault, error) {
		ring := a.Lists["ring"]
		if len(ring) < 4 {
			return nil, errors.New("ring: want four ends or more; of fewer all are neighbours")
		}
		return cut(func(from, to string) bool {
			i, j := slices.Index(ring, from), slices.Index(ring, to)
			steps := max(i, j) - min(i, j)
			return i >= 0 && j >= 0 && steps > 1 && steps < len(ring)-1
		}), nil
	},
}
