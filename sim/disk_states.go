package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"slices"
)

// ErrTooMany is what States says when it was not let go through all.
var ErrTooMany = errors.New("sim: a power cut could leave the disk in too many states")

// States gives every state that a power cut could leave, each once and a disk of its own, beginning with the one where least remains.
// After so many ways as limit allows it gives ErrTooMany and ends. A state may come about in more ways than one.
//
// The ways are: each directory operation since SyncDir remains or not, but not without those before it on the same names; the length of
// a file whose end was not synced is the synced one, or that at the end of a sector of 512 bytes or of a write; each of its sectors
// that was not synced holds what it held at the end of a write, or nothing. A file that lost its name is gone with all it had.
func (d *Disk) States(limit int) iter.Seq2[*Disk, error] {
	return func(yield func(*Disk, error) bool) {
		seen := map[[sha256.Size]byte]bool{}
		var way branches
		for range limit {
			s := d.Clone()
			s.cut(way.walk())
			if sum := s.sum(); !seen[sum] {
				seen[sum] = true
				if !yield(s, nil) {
					return
				}
			}
			if !way.next() {
				return
			}
		}
		yield(nil, ErrTooMany)
	}
}

// branches are the choices of one way through a power cut.
type branches []branch

type branch struct{ taken, of int }

// walk goes the way again, and chooses the least everywhere behind its end.
func (w *branches) walk() chooser {
	at := 0
	return func(_ question, n int) int {
		if at == len(*w) {
			*w = append(*w, branch{0, n})
		}
		at++
		return (*w)[at-1].taken
	}
}

// next sets the way to the next one; false: there is none.
func (w *branches) next() bool {
	for n := len(*w); n > 0; n-- {
		if last := &(*w)[n-1]; last.taken+1 < last.of {
			last.taken++
			*w = (*w)[:n]
			return true
		}
	}
	return false
}

// sum tells disks apart by the names and contents of their files.
func (d *Disk) sum() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, name := range sortedNames(d.names) {
		data := d.names[name].data
		var head []byte
		head = binary.AppendUvarint(head, uint64(len(name)))
		head = binary.AppendUvarint(append(head, name...), uint64(len(data)))
		h.Write(head)
		h.Write(data)
	}
	h.Sum(sum[:0])
	return sum
}

// Clone makes a disk that is in the same state, with the same faults: they are reached by ClearFaults there. Files that are open here
// are not open there.
func (d *Disk) Clone() *Disk {
	c := *d
	copies := map[*inode]*inode{nil: nil}
	copyOf := func(i *inode) *inode {
		if copies[i] == nil && i != nil {
			copies[i] = i.clone()
		}
		return copies[i]
	}
	copyNames := func(names map[string]*inode) map[string]*inode {
		names = maps.Clone(names)
		for name, i := range names {
			names[name] = copyOf(i)
		}
		return names
	}
	c.names, c.lasting = copyNames(d.names), copyNames(d.lasting)
	c.journal = slices.Clone(d.journal)
	for n := range c.journal {
		c.journal[n].file = copyOf(c.journal[n].file)
	}
	c.faults = nil
	for _, f := range d.faults {
		copied := *f
		copied.disk = &c
		c.faults = append(c.faults, &copied)
	}
	return &c
}
