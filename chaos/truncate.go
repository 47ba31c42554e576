package chaos

import (
	"cmp"
	"math/rand/v2"

	"github.com/nsqlab/nsqlab/sim"
)

// Truncate shortens a file of a broker that is down, as a bad repair of a file system does.
var Truncate = Kind{
	Name:  "truncate",
	Usage: "kills a broker and cuts off the end of one of its files; it is started again when the fault is over",
	Params: []Param{
		{Name: "truncate", Type: Broker, Required: true, Usage: "the broker"},
		{Name: "files", Type: Pattern, Usage: "the files of which one is drawn (" + anyLog + ")", Draw: []string{"*"}},
	},
	New: func(a Args) (Fault, error) {
		return truncate{a.Names["truncate"], cmp.Or(a.Names["files"], anyLog)}, nil
	},
	Permits: ruined,
	Ends:    true,
}

type truncate struct{ node, files string }

// Inject implements Fault.
func (f truncate) Inject(c sim.Cluster) (heal func() error, err error) {
	return ruin(c, f.node, f.files, func(d *sim.Disk, rng *rand.Rand, name string, size int64) error {
		return d.Truncate(name, rng.Int64N(size))
	})
}
