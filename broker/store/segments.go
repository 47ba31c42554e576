package store

import (
	"fmt"
	"slices"
)

// Segments is how many there are.
func (l *Log) Segments() int { return len(l.segments) }

// Owed is how many times a record is owed to somebody.
func (l *Log) Owed() int64 {
	n := l.gathered.owed
	for _, s := range l.segments {
		n += s.owed
	}
	return n
}

// Files are the log's, also those that are to be removed.
func (l *Log) Files() []string {
	files := slices.Clone(l.garbage)
	for _, s := range l.segments {
		files = append(files, s.name)
	}
	return files
}

// Skip leaves out the offsets before the given one, when nothing is gathered.
func (l *Log) Skip(to Offset) {
	if to > l.end && l.end == l.written {
		l.part()
		l.end, l.written, l.tail = to, to, l.tail[:0]
	}
}

// Clear gives up the segment that begins at an offset: nothing of it is owed.
func (l *Log) Clear(from Offset) {
	for _, s := range l.segments {
		if s.base == from {
			s.owed = 0
			l.settle(s)
			return
		}
	}
}

// Sparse gives the range of the first segment before an offset, but for the last, of which less than an eighth is owed, or some is lost.
func (l *Log) Sparse(before Offset) (from, to Offset, ok bool) {
	for _, s := range l.segments {
		if s != l.last && s.end <= before && (s.owed < s.records/8 || len(s.holes) > 0) {
			return s.base, s.end, true
		}
	}
	return 0, 0, false
}

// part ends the last segment: part of a write may stand in it behind its last record. The next segment begins before that, and may
// not have its name.
func (l *Log) part() {
	s := l.last
	l.last = nil
	if s != nil && s.end == s.base {
		l.drop(s)
	} else if s != nil {
		l.seal(s)
	}
}

// seal ends a segment that is not written to any more.
func (l *Log) seal(s *segment) {
	if !l.opts.Volatile {
		l.sealed = append(l.sealed, s.seal())
	}
	l.settle(s)
}

func (s *segment) seal() Seal {
	seal := Seal{Range: Range{s.base, s.end}}
	if !s.carried && s.deferred == 0 && len(s.holes) == 0 {
		seal.Plain = s.records
	}
	return seal
}

// Holes are what was found to hold no record.
func (l *Log) Holes() (all []Range) {
	for _, s := range l.segments {
		all = append(all, s.holes...)
	}
	return all
}

// Seals gives the segments that have ended since it was called last, or all that have.
func (l *Log) Seals(all bool) []Seal {
	sealed := l.sealed
	l.sealed = nil
	if all {
		sealed = nil
		for _, s := range l.segments {
			if s != l.last {
				sealed = append(sealed, s.seal())
			}
		}
	}
	return sealed
}

// settle gives a segment up if it is not written to any more and nothing of it is owed.
func (l *Log) settle(s *segment) {
	if s.owed <= 0 && s != l.last && !s.syncing {
		l.drop(s)
	}
}

// segment finds the one that holds offset o, or the first behind it; nil if there is none.
func (l *Log) segment(o Offset) *segment {
	if s := l.found; s != nil && s.base <= o && o < s.end {
		return s
	}
	i, _ := slices.BinarySearchFunc(l.segments, o, func(s *segment, o Offset) int {
		if s.end <= o {
			return -1
		}
		return 1
	})
	if i == len(l.segments) {
		return nil
	}
	l.found = l.segments[i]
	return l.found
}

// Owe says that the record at o is owed n times more, or less. A segment of which nothing is owed any more is given up, if it is not the last.
func (l *Log) Owe(o Offset, n int64) {
	if o >= l.written {
		l.gathered.owed += n
		return
	}
	s := l.segment(o)
	if s == nil || o < s.base {
		return
	}
	s.owed += n
	l.settle(s)
}

// OweLast says that each of the last so many records, which were not carried, is owed n times more, or less.
func (l *Log) OweLast(records, n int64) {
	some := min(records, l.gathered.records)
	l.gathered.owed += n * some
	records -= some
	for i := len(l.segments) - 1; i >= 0 && records > 0; i-- {
		s := l.segments[i]
		some := min(records, s.records)
		s.owed += n * some
		records -= some
		l.settle(s)
	}
}

// OweRange says that each record from one offset to another, which was neither carried nor deferred, is owed n times more, or less, and
// counts them. It reads the segments that are not wholly in the range.
func (l *Log) OweRange(from, to Offset, n int64) (records int64, err error) {
	for i := len(l.segments) - 1; i >= 0; i-- {
		s := l.segments[i]
		if s.end <= from || s.base >= to {
			continue
		}
		some := s.records - s.deferred
		if s.base < from || s.end > to {
			if some, err = s.count(max(s.base, from), min(s.end, to)); err != nil {
				return records, fmt.Errorf("store: %w", err)
			}
		}
		records += some
		s.owed += n * some
		l.settle(s)
	}
	for o := max(from, l.written); o < min(to, l.end); {
		p := l.inTail(o)
		var r Record
		decode(p[:sizeOf(p)], &r)
		if r.ID == o && r.Due == 0 {
			records++
			l.gathered.owed += n
		}
		o += Offset(headerSize + len(r.Body))
	}
	return records, nil
}

// drop gives a segment up. Its file goes with the next sync point.
func (l *Log) drop(s *segment) {
	l.found = nil
	l.segments = slices.DeleteFunc(l.segments, func(other *segment) bool { return other == s })
	if s.file != nil {
		_ = s.file.Close() // nothing of it is wanted
	}
	if !l.opts.Volatile || l.fs.Remove(s.name) != nil {
		l.garbage = append(l.garbage, s.name)
	}
}
