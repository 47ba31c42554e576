package sim

import (
	"fmt"
	"path"
	"slices"
	"syscall"
	"time"
)

// A DiskOp is a kind of operation on a disk.
type DiskOp string

// The operations that can fail. DiskList and DiskSyncDir are of the whole disk, whose name to a pattern is "."; a renaming has two names.
const (
	DiskCreate  DiskOp = "create"
	DiskOpen    DiskOp = "open"
	DiskSize    DiskOp = "size"
	DiskRead    DiskOp = "read"
	DiskWrite   DiskOp = "write"
	DiskSync    DiskOp = "sync"
	DiskRename  DiskOp = "rename"
	DiskRemove  DiskOp = "remove"
	DiskList    DiskOp = "list"
	DiskSyncDir DiskOp = "syncdir"
)

// DiskOps are all of them.
var DiskOps = []DiskOp{
	DiskCreate, DiskOpen, DiskSize, DiskRead, DiskWrite, DiskSync, DiskRename, DiskRemove, DiskList, DiskSyncDir,
}

// A DiskFault is something wrong with a disk, until it is cleared. Crashes do not clear it.
type DiskFault struct {
	disk *Disk
	kind diskFaultKind
	hits int

	op      DiskOp // of a failing one: which operations, on which names
	pattern string
	nth     int
	seen    int
	err     error

	capacity int64         // of a full one: in bytes, of all files together
	by       time.Duration // of a slow one
}

type diskFaultKind byte

const (
	faultFails diskFaultKind = iota
	faultFills
	faultLies
	faultSlows
)

// Hits is how many operations the fault has harmed.
func (f *DiskFault) Hits() int { return f.hits }

// Clear ends the fault. Its Hits stay.
func (f *DiskFault) Clear() {
	f.disk.faults = slices.DeleteFunc(f.disk.faults, func(other *DiskFault) bool { return other == f })
}

// String describes the fault for a person.
func (f *DiskFault) String() string {
	what := "syncs are lies"
	switch f.kind {
	case faultFails:
		what = fmt.Sprintf("%s of %q fails", f.op, f.pattern)
		if f.nth > 0 {
			what = fmt.Sprintf("%s number %d of %q fails", f.op, f.nth, f.pattern)
		}
		what += ": " + f.err.Error()
	case faultFills:
		what = fmt.Sprintf("full at %d bytes", f.capacity)
	case faultSlows:
		what = fmt.Sprintf("syncs take %v longer", f.by)
	}
	return fmt.Sprintf("%s (hits %d)", what, f.hits)
}

// ClearFaults ends all faults.
func (d *Disk) ClearFaults() { d.faults = nil }

// Fill leaves room for so many bytes more. The write that finds too little fills it up and gives ENOSPC; removing files makes room.
func (d *Disk) Fill(room int64) *DiskFault {
	return d.suffer(&DiskFault{kind: faultFills, capacity: d.used() + room})
}

// Fail makes an operation fail with err, or EIO if that is nil: the nth from now of those on a name that matches the pattern, one of
// path.Match; 0 is every one. What fails does nothing, but a failing write has written half, and a failing Sync is that of Linux: what
// it should have made last can still be read and counts as synced, so the next Sync succeeds, without it.
func (d *Disk) Fail(op DiskOp, pattern string, nth int, err error) (*DiskFault, error) {
	if !slices.Contains(DiskOps, op) {
		return nil, fmt.Errorf("sim: no operation of a disk is called %q; there are %q", op, DiskOps)
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("sim: the pattern %q: %w", pattern, err)
	}
	if nth < 0 {
		return nil, fmt.Errorf("sim: no operation is number %d", nth)
	}
	if err == nil {
		err = syscall.EIO
	}
	return d.suffer(&DiskFault{kind: faultFails, op: op, pattern: pattern, nth: nth, err: err}), nil
}

// FailSyncOnce makes the next Sync of a file that matches fail, and is short for Fail.
func (d *Disk) FailSyncOnce(pattern string) (*DiskFault, error) {
	return d.Fail(DiskSync, pattern, 1, nil)
}

// LieAboutSync makes Sync and SyncDir say nil and do nothing, as a disk does whose cache outlives no power cut. Once it is cleared the next
// ones make last what these did not.
func (d *Disk) LieAboutSync() *DiskFault { return d.suffer(&DiskFault{kind: faultLies}) }

// Slow makes a sync take so much longer.
func (d *Disk) Slow(by time.Duration) *DiskFault {
	return d.suffer(&DiskFault{kind: faultSlows, by: by})
}

// SyncTime is how long the sync that begins now takes. Whose the disk is lets that time pass before the calls of Sync and SyncDir, which
// themselves take none.
func (d *Disk) SyncTime() time.Duration {
	takes := d.SyncLatency
	for _, f := range d.faults {
		if f.kind == faultSlows {
			f.hits++
			takes += f.by
		}
	}
	return takes
}

func (d *Disk) suffer(f *DiskFault) *DiskFault {
	f.disk = d
	d.faults = append(d.faults, f)
	return f
}

// failure gives the error with which an operation on names is to fail, or nil.
func (d *Disk) failure(op DiskOp, names ...string) (err error) {
	for _, f := range d.faults {
		if f.kind != faultFails || f.op != op || !slices.ContainsFunc(names, f.matches) {
			continue
		}
		f.seen++
		if f.nth == 0 || f.seen == f.nth {
			f.hits++
			err = f.err
		}
	}
	return err
}

func (f *DiskFault) matches(name string) bool {
	ok, err := path.Match(f.pattern, name)
	return ok && err == nil
}

// admit says how many of so many bytes can be written to the file, and what is wrong if not all.
func (d *Disk) admit(name string, want int) (n int, err error) {
	n = want
	if err = d.failure(DiskWrite, name); err != nil {
		n /= 2
	}
	for _, f := range d.faults {
		if f.kind != faultFills {
			continue
		}
		if room := max(f.capacity-d.used(), 0); room < int64(n) {
			f.hits++
			n, err = int(room), syscall.ENOSPC
		}
	}
	return n, err
}

// lies says whether a Sync is one, and counts it.
func (d *Disk) lies() (yes bool) {
	for _, f := range d.faults {
		if f.kind == faultLies {
			f.hits++
			yes = true
		}
	}
	return yes
}

// used is the length of all files that have a name.
func (d *Disk) used() (total int64) {
	for _, i := range d.names {
		total += int64(len(i.data))
	}
	return total
}
