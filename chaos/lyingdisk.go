package chaos

import "github.com/nsqlab/nsqlab/sim"

// LyingDisk makes the syncs of a broker's disk succeed without doing anything. That loses nothing by itself, but what the broker takes to
// last is only written, and a power cut may take it, also later on: who believes that it is synced does not sync it again.
var LyingDisk = Kind{
	Name:    "lyingdisk",
	Usage:   "makes the syncs of a broker's disk say that all is well and do nothing: a power cut may then take what was synced",
	Params:  []Param{{Name: "lyingdisk", Type: Broker, Required: true, Usage: "the broker"}},
	New:     func(a Args) (Fault, error) { return lyingDisk{a.Names["lyingdisk"]}, nil },
	Weakens: map[sim.Durability]sim.Durability{sim.Fsync: sim.OS},
}

type lyingDisk struct{ node string }

// Inject implements Fault.
func (f lyingDisk) Inject(c sim.Cluster) (heal func() error, err error) {
	return sicken(c, f.node, func(d *sim.Disk) (*sim.DiskFault, error) { return d.LieAboutSync(), nil })
}
