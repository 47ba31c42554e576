package chaos

import (
	"cmp"
	"math/rand/v2"

	"github.com/nsqlab/nsqlab/sim"
)

// BitFlip damages a file of a broker that is down, as a bad disk does.
var BitFlip = Kind{
	Name:  "bitflip",
	Usage: "kills a broker and flips a bit of one of its files; it is started again when the fault is over",
	Params: []Param{
		{Name: "bitflip", Type: Broker, Required: true, Usage: "the broker"},
		{Name: "files", Type: Pattern, Usage: "the files of which one is drawn (" + anyLog + ")", Draw: []string{"*"}},
	},
	New:     func(a Args) (Fault, error) { return bitFlip{a.Names["bitflip"], cmp.Or(a.Names["files"], anyLog)}, nil },
	Permits: ruined,
	Ends:    true,
}

type bitFlip struct{ node, files string }

// Inject implements Fault.
func (f bitFlip) Inject(c sim.Cluster) (heal func() error, err error) {
	return ruin(c, f.node, f.files, func(d *sim.Disk, rng *rand.Rand, name string, size int64) error {
		return d.FlipBit(name, rng.Int64N(8*size))
	})
}
