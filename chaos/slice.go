package chaos

import (
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Slice has bytes travel a few at a time.
var Slice = Kind{
	Name:  "slice",
	Usage: "bytes to and from an end travel a few at a time",
	Params: []Param{
		{Name: "slice", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "bytes", Type: Count, Required: true, Usage: "how many at a time"},
		{Name: "gap", Type: Duration, Usage: "how far they are behind those before, of one send; left out, they come as pieces at once", Draw: []string{"1ms", "10ms"}},
	},
	New: func(a Args) (Fault, error) {
		return slicing{a.Names["slice"], int(a.Counts["bytes"]), a.Durations["gap"]}, nil
	},
}

type slicing struct {
	end   string
	bytes int
	gap   time.Duration
}

// Inject implements Fault.
func (s slicing) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, both(s.end, ""), func() sim.Rule { return s })
}

// Judge implements sim.Rule.
func (s slicing) Judge(_ time.Duration, _ *rand.Rand, c sim.Chunk) (f sim.Fate) {
	if len(c.Data) > s.bytes {
		f.Slice, f.Gap = s.bytes, s.gap
	}
	return f
}
