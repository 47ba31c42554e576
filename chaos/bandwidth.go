package chaos

import (
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Bandwidth makes an end share a narrow line with itself: so many bytes a second each way, over all its connections.
var Bandwidth = Kind{
	Name:  "bandwidth",
	Usage: "all that goes to an end shares so many bytes a second, and all that comes from it",
	Params: []Param{
		{Name: "bandwidth", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "rate", Type: Rate, Required: true, Usage: "bytes a second each way, such as 10KB/s", Draw: []string{"1KB/s", "5KB/s", "20KB/s", "100KB/s"}},
	},
	Lingers: time.Minute, // what is in the queue still has its turn to wait for
	New:     func(a Args) (Fault, error) { return bandwidth{a.Names["bandwidth"], a.Rates["rate"]}, nil },
}

type bandwidth struct {
	end  string
	rate float64
}

// Inject implements Fault.
func (b bandwidth) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, both(b.end, ""), func() sim.Rule { return &line{rate: b.rate} })
}

// A line is one direction: each chunk waits until those before have gone through.
type line struct {
	rate float64
	free time.Duration // when the last one is through
}

// Judge implements sim.Rule.
func (l *line) Judge(now time.Duration, _ *rand.Rand, c sim.Chunk) sim.Fate {
	l.free = max(l.free, now) + time.Duration(float64(len(c.Data))/l.rate*float64(time.Second))
	return sim.Fate{Delay: l.free - now}
}
