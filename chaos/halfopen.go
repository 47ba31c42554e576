package chaos

import (
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// HalfOpen has an end's connections forgotten on their way, as by a NAT or a firewall that was restarted: what goes over those that stand is
// lost, also when the fault is over, and nobody learns of it. New ones are as without the fault.
var HalfOpen = Kind{
	Name:  "halfopen",
	Usage: "the connections that an end has are forgotten on their way: what goes over them is lost from then on, and neither end learns of it; new ones work",
	Params: []Param{
		{Name: "halfopen", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "from", Type: End, Usage: "the connections with this end alone; left out, with all"},
		{Name: "way", Type: Way, Usage: "in: nothing reaches the end; out: nothing leaves it; both, if left out"},
	},
	Lingers: unnoticed,
	New: func(a Args) (Fault, error) {
		return halfOpen{a.Names["halfopen"], a.Names["from"], a.Names["way"]}, nil
	},
}

type halfOpen struct{ end, from, way string }

// Inject implements Fault.
func (h halfOpen) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, ways(h.end, h.from, h.way), func() sim.Rule { return forgetful{} })
}

// forgetful loses what goes over connections that it has not seen the opening of. It holds those it has.
type forgetful map[uint64]bool

// Judge implements sim.Rule.
func (f forgetful) Judge(_ time.Duration, _ *rand.Rand, c sim.Chunk) sim.Fate {
	if c.Opening {
		f[c.Conn] = true
	}
	return sim.Fate{Lose: !f[c.Conn]}
}
