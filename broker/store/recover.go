package store

import (
	"fmt"
	"slices"
)

// recover reads the headers and sums of all records that are left, from the oldest segment to the newest.
func (l *Log) recover(past Past, seen func(o Offset, r Record) int64, skip func(Seal) (int64, bool)) (rec Recovery, err error) {
	for i, s := range l.segments {
		seal, sealed := past.Sealed[s.base]
		end := seal.To
		size, err := l.fs.Size(s.name)
		if err != nil {
			return rec, fmt.Errorf("store: %w", err)
		}
		s.end = s.base + Offset(size)
		if skip != nil && seal.Plain > 0 && end <= min(past.Synced, s.end) {
			if owed, ok := skip(seal); ok {
				s.end, s.records, s.owed = end, seal.Plain, owed
				rec.Records += int(seal.Plain)
				l.end = max(l.end, end)
				continue
			}
		}
		if s.file, err = l.fs.Open(s.name); err != nil {
			return rec, fmt.Errorf("store: %w", err)
		}
		if i < len(l.segments)-1 { // behind it is what the next one replaced
			s.cut(&rec, l.segments[i+1].base)
		}
		if sealed {
			s.end = min(s.end, end)
		}
		for _, h := range past.Holes {
			if s.base <= h.From && h.From < s.end {
				s.holes = append(s.holes, h)
			}
		}
		if err := s.scan(&rec, past.Synced, seen); err != nil {
			return rec, fmt.Errorf("store: %w", err)
		}
		if sealed && s.end < end {
			rec.lose(Range{s.end, end})
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

// Replay takes in what the journal says of the log.
func (p *Past) Replay(e Entry) {
	switch {
	case e.Channel != 0:
	case e.Op == Opened:
		p.First = e.ID
	case e.Op == Deleted:
		*p = Past{First: e.ID}
	case e.Op == Synced:
		p.Synced = e.ID
	case e.Op == Emptied:
		p.Holes = append(p.Holes, Range{e.ID, e.To})
	case e.Op == Sealed:
		if p.Sealed == nil {
			p.Sealed = map[Offset]Seal{}
		}
		p.Sealed[e.ID] = Seal{Range{e.ID, e.To}, e.Plain}
	}
}

// cut leaves out what stands behind the segment's end: it was never acknowledged.
func (s *segment) cut(rec *Recovery, end Offset) {
	if s.end > end {
		rec.Torn += int64(s.end - end)
		s.end = end
	}
}

// lose notes a run that cannot be read.
func (rec *Recovery) lose(r Range) {
	if n := len(rec.Lost); n > 0 && rec.Lost[n-1].To == r.From {
		rec.Lost[n-1].To = r.To
	} else {
		rec.Lost = append(rec.Lost, r)
	}
}

// scan finds the segment's good records, and ends it behind the last: what follows is torn. Where it may never have been synced, behind synced,
// records that belong together are taken together or not at all.
func (s *segment) scan(rec *Recovery, synced Offset, seen func(o Offset, r Record) int64) error {
	w := Window{buf: make([]byte, 0, scanBytes)}
	held := s.base // all before was taken, or is in a hole
	after := false // a hole: what belongs to it goes too
	lose := func(to Offset) {
		s.holes = append(s.holes, Range{held, to})
		rec.lose(Range{held, to})
		held = to
	}
	var r Record
	for o := s.base; o < s.end; {
		if to := s.skip(o); to != o { // a hole that was found before
			o, held, after = to, to, false
			continue
		}
		p, err := w.fill(s, o)
		if err != nil {
			return err
		}
		size, state := parseRecord(o, p, &r)
		if state != good {
			if o, err = s.resync(o); err != nil {
				return err
			}
			if o < s.end {
				lose(o)
			}
			after = true
			continue
		}
		o += Offset(size)
		after = after && r.And && o > synced
		switch {
		case after:
			lose(o)
		case !r.More || o <= synced:
			if err := s.take(rec, &w, held, o, seen); err != nil {
				return err
			}
			held = o
		}
	}
	if lost := min(s.end, synced); held < lost { // it was synced, so it is not torn
		rec.lose(Range{held, lost})
		held = lost
	}
	rec.Torn += int64(s.end - held)
	s.end = held
	return nil
}

// take counts the records from one offset to another, which are good.
func (s *segment) take(rec *Recovery, w *Window, from, to Offset, seen func(o Offset, r Record) int64) error {
	for from < to {
		p, err := w.fill(s, from)
		if err != nil {
			return err
		}
		var r Record
		decode(p[:sizeOf(p)], &r)
		rec.Records++
		if r.ID != from {
			s.carried = true
		} else {
			s.records++
			if r.Due != 0 {
				s.deferred++
			}
		}
		s.owed += seen(from, r)
		from += Offset(headerSize + len(r.Body))
	}
	return nil
}
