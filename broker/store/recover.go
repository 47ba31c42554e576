package store

import (
	"fmt"
	"slices"
)

// recover reads the headers and sums of all records that are left, from the oldest segment to the newest.
func (l *Log) recover(seen func(o Offset, r Record)) (rec Recovery, err error) {
	for i, s := range l.segments {
		size, err := l.fs.Size(s.name)
		if err != nil {
			return rec, fmt.Errorf("store: %w", err)
		}
		if s.file, err = l.fs.Open(s.name); err != nil {
			return rec, fmt.Errorf("store: %w", err)
		}
		s.end = s.base + Offset(size)
		newest := i == len(l.segments)-1
		if !newest && s.end > l.segments[i+1].base { // behind it is what the next one replaced
			rec.Torn += int64(s.end - l.segments[i+1].base)
			s.end = l.segments[i+1].base
		}
		if err := s.scan(&rec, newest, seen); err != nil {
			return rec, fmt.Errorf("store: %w", err)
		}
		if !newest && s.end < l.segments[i+1].base {
			rec.Lost = append(rec.Lost, Range{s.end, l.segments[i+1].base})
		}
		l.end = max(l.end, s.end)
	}
	l.segments = slices.DeleteFunc(l.segments, func(s *segment) bool {
		if s.end > s.base {
			return false
		}
		l.garbage = append(l.garbage, s.name) // nothing good is in it, and the next may need its name
		_ = s.file.Close()
		return true
	})
	return rec, nil
}

// scan finds the segment's good records. What follows the last of them is torn in the newest segment, and lost in others.
func (s *segment) scan(rec *Recovery, newest bool, seen func(o Offset, r Record)) error {
	w := Window{buf: make([]byte, 0, scanBytes)}
	for o := s.base; o < s.end; {
		p, err := w.fill(s, o)
		if err != nil {
			return err
		}
		r, size, state := parseRecord(o, p)
		if state == good {
			rec.Records++
			s.owed++
			seen(o, r)
			o += Offset(size)
			continue
		}
		to, err := s.resync(o)
		if err != nil {
			return err
		}
		if to == s.end && newest {
			rec.Torn += int64(s.end - o)
			s.end = o
			return nil
		}
		rec.Lost = append(rec.Lost, Range{o, to})
		s.holes = append(s.holes, Range{o, to})
		o = to
	}
	return nil
}
