package sim

import "slices"

const (
	sectorSize = 512  // bytes that a disk writes whole or not at all
	pageSize   = 4096 // bytes that the kernel writes at a time, or in part when the power fails
)

// An inode is a file, whatever its name.
type inode struct {
	id        int
	name      string   // the last it had
	data      []byte   // as a process reads it; its bytes are shared with clones, so they are never changed in place
	synced    int      // the length that was last synced: what is below lasts, but for what was forgotten
	forgotten []extent // what a failed Sync could not write and the kernel holds for written; ascending, apart from each other
	ends      []int    // where writes ended in what may go, ascending
}

// An extent is a part of a file: from lo, up to and without hi.
type extent struct{ lo, hi int }

func (i *inode) append(p []byte) {
	if len(p) > 0 {
		i.data = append(i.data, p...)
		i.ends = append(i.ends, len(i.data))
	}
}

// sync makes last what was written since the last time. A page is written whole, with what had been forgotten of it.
func (i *inode) sync() {
	if i.synced == len(i.data) {
		return
	}
	from := i.synced - i.synced%pageSize
	for len(i.forgotten) > 0 {
		last := &i.forgotten[len(i.forgotten)-1]
		if last.lo < from {
			last.hi = min(last.hi, from)
			break
		}
		i.forgotten = i.forgotten[:len(i.forgotten)-1]
	}
	i.synced = len(i.data)
	i.prune()
}

// forget is what a failed Sync does: the pages count as written, and are not.
func (i *inode) forget() {
	if i.synced < len(i.data) {
		i.forgotten = i.uncertain()
		i.synced = len(i.data)
	}
}

// uncertain are the parts that a power cut may take.
func (i *inode) uncertain() []extent {
	parts := slices.Clone(i.forgotten)
	if i.synced == len(i.data) {
		return parts
	}
	if n := len(parts); n > 0 && parts[n-1].hi == i.synced {
		parts[n-1].hi = len(i.data)
		return parts
	}
	return append(parts, extent{i.synced, len(i.data)})
}

// prune lets go of the ends of writes that now last.
func (i *inode) prune() {
	i.ends = slices.DeleteFunc(i.ends, func(end int) bool {
		return !slices.ContainsFunc(i.forgotten, func(x extent) bool { return x.lo < end && end <= x.hi })
	})
}

// become gives the file other contents, all of them lasting.
func (i *inode) become(data []byte) {
	i.data = data[:len(data):len(data)]
	i.synced, i.forgotten, i.ends = len(data), nil, nil
}

// truncate cuts the file off, on the disk too.
func (i *inode) truncate(size int) {
	if size >= len(i.data) {
		return
	}
	parts := slices.DeleteFunc(slices.Clone(i.forgotten), func(x extent) bool { return x.lo >= size })
	if n := len(parts); n > 0 {
		parts[n-1].hi = min(parts[n-1].hi, size)
	}
	i.data = i.data[:size:size]
	i.synced, i.forgotten = min(i.synced, size), parts
	i.ends = slices.DeleteFunc(i.ends, func(end int) bool { return end > size })
}

// cut is what a power cut does to the file. Of each sector that was not synced there remains what it held at the end of some write, or
// nothing, each apart from the others; what is lost before something that remains reads as zeros. The length, if the end was not synced,
// is that at the end of some write or sector, or the one that lasts.
func (i *inode) cut(choose chooser) {
	parts := i.uncertain()
	if len(parts) == 0 {
		return
	}
	size := len(i.data)
	if last := parts[len(parts)-1]; last.hi == size {
		sizes := i.sizes(last)
		size = sizes[choose(ofSize, len(sizes))]
	}
	data := slices.Clone(i.data[:size])
	for _, part := range parts {
		for lo := part.lo; lo < min(part.hi, size); {
			hi := min(lo-lo%sectorSize+sectorSize, part.hi, size)
			held, about := i.held(lo, hi), ofSector
			if lo == part.lo || lo%pageSize == 0 {
				about = ofPage
			}
			clear(data[held[choose(about, len(held))]:hi])
			lo = hi
		}
	}
	i.become(data)
}

// sizes are the lengths that the file may have if the part at its end may go.
func (i *inode) sizes(end extent) []int {
	sizes := i.held(end.lo, end.hi)
	for at := end.lo - end.lo%sectorSize + sectorSize; at < end.hi; at += sectorSize {
		sizes = append(sizes, at)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// held lists up to where the part from lo to hi may hold what was written: to its beginning, the end of each write in it, or all.
func (i *inode) held(lo, hi int) []int {
	from, _ := slices.BinarySearch(i.ends, lo+1)
	to, _ := slices.BinarySearch(i.ends, hi)
	return slices.Concat([]int{lo}, i.ends[from:to], []int{hi})
}

func (i *inode) clone() *inode {
	c := *i
	c.data = i.data[:len(i.data):len(i.data)]
	c.forgotten, c.ends = slices.Clone(i.forgotten), slices.Clone(i.ends)
	return &c
}
