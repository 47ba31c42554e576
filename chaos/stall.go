package chaos

import (
	"cmp"
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Stall closes the window of an end's connections: bytes wait, and the connections can be opened all the same.
var Stall = Kind{
	Name:  "stall",
	Usage: "an end does not read, as with a TCP window of zero: bytes to it wait until the fault is over, connections can be opened, and it can send",
	Params: []Param{
		{Name: "stall", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "from", Type: End, Usage: "what this end sends alone; left out, what all send"},
		{Name: "way", Type: Way, Usage: "in, if left out; out: nobody reads what the end sends; both"},
	},
	New: func(a Args) (Fault, error) {
		return stall{a.Names["stall"], a.Names["from"], cmp.Or(a.Names["way"], "in")}, nil
	},
}

type stall struct{ end, from, way string }

// Inject implements Fault.
func (s stall) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, ways(s.end, s.from, s.way), func() sim.Rule { return s })
}

// Judge implements sim.Rule.
func (stall) Judge(_ time.Duration, _ *rand.Rand, c sim.Chunk) sim.Fate {
	return sim.Fate{Hold: len(c.Data) > 0}
}
