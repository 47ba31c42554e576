package chaos

import (
	"cmp"
	"strings"

	"github.com/nsqlab/nsqlab/sim"
)

// DiskError makes operations on a broker's disk fail.
var DiskError = Kind{
	Name:  "diskerror",
	Usage: "makes an operation on a broker's disk fail with EIO; after a failed sync what it was to make last may go, though the next one succeeds",
	Params: []Param{
		{Name: "diskerror", Type: Broker, Required: true, Usage: "the broker"},
		{Name: "op", Type: Word, Required: true, Words: diskOps(), Draw: frequentOps, Usage: "which operation: " + strings.Join(diskOps(), ", ")},
		{Name: "files", Type: Pattern, Usage: "on which files, such as \"*.log\" (all)", Draw: []string{anyLog}},
		{Name: "nth", Type: Count, Usage: "only that one of them, counted from when the fault comes (every one)", Draw: []string{"1", "2", "3", "5"}},
	},
	New: func(a Args) (Fault, error) {
		return diskError{a.Names["diskerror"], sim.DiskOp(a.Names["op"]), cmp.Or(a.Names["files"], "*"), int(a.Counts["nth"])}, nil
	},
	Permits: unnoted,
	Weakens: unsaved,
}

// frequentOps are those that a broker has its disk do all the time, the most frequent ones more than once.
var frequentOps = []string{"write", "write", "write", "sync", "sync", "read", "create", "syncdir"}

// diskOps are the operations that can fail.
func diskOps() []string {
	var all []string
	for _, op := range sim.DiskOps {
		all = append(all, string(op))
	}
	return all
}

type diskError struct {
	node  string
	op    sim.DiskOp
	files string
	nth   int
}

// Inject implements Fault.
func (f diskError) Inject(c sim.Cluster) (heal func() error, err error) {
	return sicken(c, f.node, func(d *sim.Disk) (*sim.DiskFault, error) { return d.Fail(f.op, f.files, f.nth, nil) })
}
