package sim

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
)

// A Disk is one node's: a store.FS in memory that knows what a crash would leave of it, and can be harmed.
//
//	d := sim.NewDisk()
//	f, err := d.Create("log") // the node's
//	full := d.Fill(4096)      // harm: ENOSPC after so many bytes more
//	d.PowerCut(w.Rand("disk"))
//	full.Clear()
//
// The law: it has no clock and starts no goroutine, and it is not safe for use by two. The same calls give the same disk.
type Disk struct {
	// SyncLatency is how long a sync of a healthy disk takes, of however many files; see SyncTime.
	SyncLatency time.Duration

	names   map[string]*inode // as a process sees them
	lasting map[string]*inode // as a power cut leaves them that takes all it can
	journal []dirOp           // what led from lasting to names, in order
	made    int               // inodes
	life    int               // of the process: files opened in an earlier one are dead
	faults  []*DiskFault
	reached func(Point) // told of what a broker comes to; nil: nobody watches
}

// A dirOp is a creation, removal or renaming that may not last.
type dirOp struct {
	op       DiskOp
	name, to string // to: of a renaming
	file     *inode // nil: of a removal
}

// NewDisk makes an empty disk.
func NewDisk() *Disk {
	return &Disk{names: map[string]*inode{}, lasting: map[string]*inode{}}
}

// errKilled is what the open files of a killed process say: nobody should be there to ask them.
var errKilled = errors.New("the process that opened it is gone")

// Create implements store.FS.
func (d *Disk) Create(name string) (store.File, error) {
	if err := d.begin(DiskCreate, name); err != nil {
		return nil, err
	}
	if d.names[name] != nil {
		return nil, &fs.PathError{Op: string(DiskCreate), Path: name, Err: fs.ErrExist}
	}
	d.made++
	i := &inode{id: d.made, name: name}
	d.do(dirOp{op: DiskCreate, name: name, file: i})
	return &diskFile{disk: d, inode: i, life: d.life, writable: true}, nil
}

// Open implements store.FS.
func (d *Disk) Open(name string) (store.File, error) {
	i, err := d.find(DiskOpen, name)
	if err != nil {
		return nil, err
	}
	return &diskFile{disk: d, inode: i, life: d.life}, nil
}

// Size implements store.FS.
func (d *Disk) Size(name string) (int64, error) {
	i, err := d.find(DiskSize, name)
	if err != nil {
		return 0, err
	}
	return int64(len(i.data)), nil
}

// Remove implements store.FS.
func (d *Disk) Remove(name string) error {
	if _, err := d.find(DiskRemove, name); err != nil {
		return err
	}
	d.do(dirOp{op: DiskRemove, name: name})
	return nil
}

// Rename implements store.FS.
func (d *Disk) Rename(from, to string) error {
	err := d.begin(DiskRename, from, to)
	if err != nil {
		return err
	}
	i, err := d.lookUp(DiskRename, from)
	if err != nil || from == to {
		return err
	}
	i.name = to
	d.do(dirOp{op: DiskRename, name: from, to: to, file: i})
	return nil
}

// List implements store.FS.
func (d *Disk) List() ([]string, error) {
	if err := d.begin(DiskList, wholeDisk); err != nil {
		return nil, err
	}
	return sortedNames(d.names), nil
}

// SyncDir implements store.FS. After an error what was done is as lasting as before, and the next SyncDir makes it last: a journal
// keeps what it could not write, unlike the pages of a file.
func (d *Disk) SyncDir() error {
	if err := d.begin(DiskSyncDir, wholeDisk); err != nil {
		return err
	}
	if !d.lies() {
		d.settle()
	}
	return nil
}

// wholeDisk is the name that the operations on the whole disk go by.
const wholeDisk = "."

// begin says what keeps an operation on names from being tried.
func (d *Disk) begin(op DiskOp, names ...string) error {
	for _, name := range names {
		if name == "" || name == ".." || name == wholeDisk && op != DiskList && op != DiskSyncDir || strings.ContainsAny(name, "/\x00") {
			return &fs.PathError{Op: string(op), Path: name, Err: fs.ErrInvalid}
		}
	}
	if err := d.failure(op, names...); err != nil {
		return &fs.PathError{Op: string(op), Path: names[0], Err: err}
	}
	return nil
}

// find begins an operation on a file that has to be there.
func (d *Disk) find(op DiskOp, name string) (*inode, error) {
	if err := d.begin(op, name); err != nil {
		return nil, err
	}
	return d.lookUp(op, name)
}

func (d *Disk) lookUp(op DiskOp, name string) (*inode, error) {
	if i := d.names[name]; i != nil {
		return i, nil
	}
	return nil, &fs.PathError{Op: string(op), Path: name, Err: fs.ErrNotExist}
}

// do carries out a directory operation and puts it in the journal.
func (d *Disk) do(o dirOp) {
	o.apply(d.names)
	d.journal = append(d.journal, o)
}

// settle makes all directory operations last.
func (d *Disk) settle() {
	d.lasting = maps.Clone(d.names)
	d.journal = nil
}

func (o dirOp) apply(names map[string]*inode) {
	switch o.op {
	case DiskCreate:
		names[o.name] = o.file
	case DiskRemove:
		delete(names, o.name)
	case DiskRename:
		delete(names, o.name)
		names[o.to] = o.file
	}
}

func sortedNames(names map[string]*inode) []string { return slices.Sorted(maps.Keys(names)) }

// A diskFile is an open file.
type diskFile struct {
	disk     *Disk
	inode    *inode
	life     int
	writable bool
	closed   bool
}

// Write implements store.File.
func (f *diskFile) Write(p []byte) (n int, err error) {
	if f.disk.reached == nil {
		return f.write(p)
	}
	if err := f.usable(); err != nil {
		return 0, f.wrap(DiskWrite, err)
	}
	name := f.inode.name
	f.disk.pass(DiskWrite, name, false)
	half := len(p) / 2
	if _, _, log := store.ParseFileName(name); log && half > 0 {
		if n, err = f.write(p[:half]); err != nil {
			return n, err
		}
		f.disk.reach(inWrite)
	}
	more, err := f.write(p[n:])
	if err == nil {
		f.disk.pass(DiskWrite, name, true)
	}
	return n + more, err
}

// write is Write without anybody who watches.
func (f *diskFile) write(p []byte) (n int, err error) {
	if err = f.usable(); err == nil && !f.writable {
		err = syscall.EBADF
	}
	if err == nil {
		n, err = f.disk.admit(f.inode.name, len(p))
		f.inode.append(p[:n])
	}
	return n, f.wrap(DiskWrite, err)
}

// ReadAt implements store.File.
func (f *diskFile) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, f.wrap(DiskRead, fs.ErrInvalid)
	}
	if err = f.usable(); err == nil {
		err = f.disk.failure(DiskRead, f.inode.name)
	}
	if err != nil {
		return 0, f.wrap(DiskRead, err)
	}
	if at < int64(len(f.inode.data)) {
		n = copy(p, f.inode.data[at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Sync implements store.File.
func (f *diskFile) Sync() error {
	if f.usable() == nil {
		f.disk.pass(DiskSync, f.inode.name, false)
	}
	err := f.usable()
	if err != nil {
		return f.wrap(DiskSync, err)
	}
	if err = f.disk.failure(DiskSync, f.inode.name); err != nil {
		f.inode.forget()
		return f.wrap(DiskSync, err)
	}
	if !f.disk.lies() {
		f.inode.sync()
	}
	f.disk.pass(DiskSync, f.inode.name, true)
	return nil
}

// Close implements store.File. It makes nothing last.
func (f *diskFile) Close() error {
	err := f.usable()
	f.closed = true
	return f.wrap("close", err)
}

// usable says why the file cannot be used any more.
func (f *diskFile) usable() error {
	switch {
	case f.closed:
		return fs.ErrClosed
	case f.life != f.disk.life:
		return errKilled
	}
	return nil
}

func (f *diskFile) wrap(op DiskOp, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: string(op), Path: f.inode.name, Err: err}
}
