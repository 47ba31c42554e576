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
	directions := both(p.end, p.from)
	switch p.way {
	case "in":
		directions = directions[:1]
	case "out":
		directions = directions[1:]
	}
	return obstruct(c, directions, func() sim.Rule { return p })
}

// Judge implements sim.Rule.
func (partition) Judge(time.Duration, *rand.Rand, sim.Chunk) sim.Fate { return sim.Fate{Hold: true} }
