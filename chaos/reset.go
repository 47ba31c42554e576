package chaos

import (
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Reset breaks every connection of an end that carries anything.
var Reset = Kind{
	Name:   "reset",
	Usage:  "breaks every connection of an end that carries anything, for as long as it is on",
	Params: []Param{{Name: "reset", Type: End, Required: true, Usage: "the broker, or a load line's clients"}},
	New:    func(a Args) (Fault, error) { return reset{a.Names["reset"]}, nil },
}

type reset struct{ end string }

// Inject implements Fault.
func (r reset) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, both(r.end, ""), func() sim.Rule { return r })
}

// Judge implements sim.Rule.
func (reset) Judge(time.Duration, *rand.Rand, sim.Chunk) sim.Fate { return sim.Fate{Reset: true} }
