package chaos

import (
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// SlowClose has the end of a connection arrive late.
var SlowClose = Kind{
	Name:  "slowclose",
	Usage: "that a connection has ended arrives late, both at an end and at the others; bytes are as without the fault",
	Params: []Param{
		{Name: "slowclose", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "by", Type: Duration, Required: true, Usage: "how late"},
	},
	New: func(a Args) (Fault, error) { return slowClose{a.Names["slowclose"], a.Durations["by"]}, nil },
}

type slowClose struct {
	end string
	by  time.Duration
}

// Inject implements Fault.
func (s slowClose) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, both(s.end, ""), func() sim.Rule { return s })
}

// Judge implements sim.Rule.
func (s slowClose) Judge(_ time.Duration, _ *rand.Rand, c sim.Chunk) (f sim.Fate) {
	if len(c.Data) == 0 && !c.Opening {
		f.Delay = s.by
	}
	return f
}
