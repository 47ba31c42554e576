package chaos

import (
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Partition lets nothing through, as a cut cable does: what is sent waits in the sender's kernel and arrives after the
// healing, if the connection lives so long.
var Partition = Kind{
	Name:  "partition",
	Usage: "nothing gets through to and from an end; what is sent waits, as TCP has it, until the fault is over",
	Params: []Param{
		{Name: "partition", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "from", Type: End, Usage: "cut off from this end alone; left out, from all"},
		{Name: "way", Type: Way, Usage: "in: nothing reaches the end; out: nothing leaves it; both, if left out"},
	},
	New: func(a Args) (Fault, error) {
		return partition{a.Names["partition"], a.Names["from"], a.Names["way"]}, nil
	},
}

type partition struct{ end, from, way string }

// Inject implements Fault.
func (p partition) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, ways(p.end, p.from, p.way), func() sim.Rule { return p })
}

// Judge implements sim.Rule.
func (partition) Judge(time.Duration, *rand.Rand, sim.Chunk) sim.Fate { return sim.Fate{Hold: true} }

// A cut holds what goes from one end to another where it says so.
type cut func(from, to string) bool

// Inject implements Fault.
func (s cut) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, []pair{{}}, func() sim.Rule { return s })
}

// Judge implements sim.Rule.
func (s cut) Judge(_ time.Duration, _ *rand.Rand, c sim.Chunk) sim.Fate {
	return sim.Fate{Hold: s(c.From, c.To)}
}
