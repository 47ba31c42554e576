package chaos

import "github.com/nsqlab/nsqlab/sim"

// DiskFull leaves a broker's disk with little room.
var DiskFull = Kind{
	Name:  "diskfull",
	Usage: "leaves a broker's disk with so many bytes of room: the write that finds too little fills it up and fails",
	Params: []Param{
		{Name: "diskfull", Type: Broker, Required: true, Usage: "the broker"},
		{Name: "room", Type: Bytes, Required: true, Usage: "what is left, such as 64KB", Draw: []string{"0B", "0B", "100B", "1KB"}},
	},
	New:     func(a Args) (Fault, error) { return diskFull{a.Names["diskfull"], a.Counts["room"]}, nil },
	Permits: unnoted,
	Weakens: unsaved,
}

type diskFull struct {
	node string
	room int64
}

// Inject implements Fault.
func (f diskFull) Inject(c sim.Cluster) (heal func() error, err error) {
	return sicken(c, f.node, func(d *sim.Disk) (*sim.DiskFault, error) { return d.Fill(f.room), nil })
}
