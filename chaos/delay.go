package chaos

import (
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Delay makes everything to and from an end take longer.
var Delay = Kind{
	Name:  "delay",
	Usage: "everything to and from an end takes longer, each way",
	Params: []Param{
		{Name: "delay", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "by", Type: Duration, Required: true, Usage: "how much longer, one way"},
		{Name: "jitter", Type: Duration, Usage: "up to so much more, drawn evenly for each chunk of bytes"},
	},
	New: func(a Args) (Fault, error) {
		return delay{a.Names["delay"], a.Durations["by"], a.Durations["jitter"]}, nil
	},
}

type delay struct {
	end        string
	by, jitter time.Duration
}

// Inject implements Fault.
func (d delay) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, both(d.end, ""), func() sim.Rule { return d })
}

// Judge implements sim.Rule.
func (d delay) Judge(_ time.Duration, rng *rand.Rand, _ sim.Chunk) sim.Fate {
	fate := sim.Fate{Delay: d.by}
	if d.jitter > 0 {
		fate.Delay += time.Duration(rng.Int64N(int64(d.jitter)))
	}
	return fate
}
