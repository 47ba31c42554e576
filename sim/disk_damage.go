package sim

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// FlipBit changes a bit of a file, for readers and on the disk; bit 0 is the lowest of the first byte, 8 of the second.
func (d *Disk) FlipBit(name string, bit int64) error {
	i, err := d.lookUp("flip", name)
	if err != nil {
		return err
	}
	if bit < 0 || bit/8 >= int64(len(i.data)) {
		return fmt.Errorf("sim: %s has no bit %d: it has %d bytes", name, bit, len(i.data))
	}
	i.data = slices.Clone(i.data)
	i.data[bit/8] ^= 1 << (bit % 8)
	return nil
}

// Truncate cuts a file off at a size no larger than its own, for readers and on the disk.
func (d *Disk) Truncate(name string, size int64) error {
	i, err := d.lookUp("truncate", name)
	if err != nil {
		return err
	}
	if size < 0 || size > int64(len(i.data)) {
		return fmt.Errorf("sim: %s cannot be cut off at %d: it has %d bytes", name, size, len(i.data))
	}
	i.truncate(int(size))
	return nil
}

// Files gives the names of the files that match the pattern, one of path.Match, and are not empty, sorted and past all faults.
func (d *Disk) Files(pattern string) ([]string, error) {
	var found []string
	for _, name := range sortedNames(d.names) {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, fmt.Errorf("sim: the pattern %q: %w", pattern, err)
		}
		if ok && len(d.names[name].data) > 0 {
			found = append(found, name)
		}
	}
	return found, nil
}

// ReadFile gives a file's contents, past all faults.
func (d *Disk) ReadFile(name string) ([]byte, error) {
	i, err := d.lookUp(DiskRead, name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(i.data), nil
}

// WriteFile puts a file on the disk, in the place of one that has its name, past all faults. It lasts, and so do all directory
// operations until now.
func (d *Disk) WriteFile(name string, data []byte) {
	i := d.names[name]
	if i == nil {
		d.made++
		i = &inode{id: d.made, name: name}
		d.names[name] = i
	}
	i.become(slices.Clone(data))
	d.settle()
}

// Corrupt does some damage to a file that is not empty, for readers and on the disk, and says what: a bit is another, bytes are others, a
// sector is zeros, the end is missing. Little of it changes nothing: what was zeros already.
func (d *Disk) Corrupt(name string, rng *rand.Rand) (what string, err error) {
	i, err := d.lookUp("corrupt", name)
	if err != nil {
		return "", err
	}
	if len(i.data) == 0 {
		return "", fmt.Errorf("sim: %s is empty", name)
	}
	at := rng.IntN(len(i.data))
	switch rng.IntN(4) {
	case 0:
		bit := int64(at)*8 + rng.Int64N(8)
		return fmt.Sprintf("bit %d of %s is another", bit, name), d.FlipBit(name, bit)
	case 1:
		return fmt.Sprintf("%s ends at %d", name, at), d.Truncate(name, int64(at))
	case 2:
		lo := at - at%sectorSize
		hi := min(lo+sectorSize, len(i.data))
		i.data = slices.Clone(i.data)
		clear(i.data[lo:hi])
		return fmt.Sprintf("%s is zeros from %d to %d", name, lo, hi), nil
	}
	hi := min(at+1+rng.IntN(64), len(i.data))
	i.data = slices.Clone(i.data)
	for n := at; n < hi; n++ {
		i.data[n] = byte(rng.Uint32())
	}
	return fmt.Sprintf("%s is noise from %d to %d", name, at, hi), nil
}

// Dump lists the files with their sizes, what of them may go, the directory operations that may go, and the faults.
func (d *Disk) Dump() string {
	var b strings.Builder
	for _, name := range sortedNames(d.names) {
		i := d.names[name]
		fmt.Fprintf(&b, "%s #%d size=%d synced=%d", name, i.id, len(i.data), i.synced)
		for _, x := range i.forgotten {
			fmt.Fprintf(&b, " forgotten=%d-%d", x.lo, x.hi)
		}
		b.WriteByte('\n')
	}
	for _, o := range d.journal {
		fmt.Fprintf(&b, "pending: %s\n", o)
	}
	for _, f := range d.faults {
		fmt.Fprintf(&b, "fault: %s\n", f)
	}
	return b.String()
}

func (o dirOp) String() string {
	switch o.op {
	case DiskCreate:
		return fmt.Sprintf("create %s #%d", o.name, o.file.id)
	case DiskRename:
		return fmt.Sprintf("rename %s to %s #%d", o.name, o.to, o.file.id)
	}
	return fmt.Sprintf("%s %s", o.op, o.name)
}
