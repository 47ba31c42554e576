package chaos

import (
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// SlowDisk makes the syncs of a broker's disk take longer.
var SlowDisk = Kind{
	Name:  "slowdisk",
	Usage: "makes every sync of a broker's disk take longer",
	Params: []Param{
		{Name: "slowdisk", Type: Broker, Required: true, Usage: "the broker"},
		{Name: "by", Type: Duration, Required: true, Usage: "how much longer"},
	},
	New: func(a Args) (Fault, error) { return slowDisk{a.Names["slowdisk"], a.Durations["by"]}, nil },
}

type slowDisk struct {
	node string
	by   time.Duration
}

// Inject implements Fault.
func (f slowDisk) Inject(c sim.Cluster) (heal func() error, err error) {
	return sicken(c, f.node, func(d *sim.Disk) (*sim.DiskFault, error) { return d.Slow(f.by), nil })
}
