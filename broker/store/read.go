package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	windowBytes = 64 << 10 // read at a time, for a reader that goes on from where it was
	jumpBytes   = 4 << 10  // read at a time, for one that comes from elsewhere
	scanBytes   = 1 << 20  // read at a time, at recovery
)

// A Window is what one reader has read ahead. The zero value is empty.
type Window struct {
	from Offset
	buf  []byte
}

// Rest gives the window's memory back.
func (w *Window) Rest() { *w = Window{} }

// At reads the record at o into r, and tells where the next stands; behind the last it is io.EOF. What stands in a hole or before the
// oldest segment is passed over, and o must be a record's otherwise: place tells where the record really stands. The body stands until
// the next call of any method. A *LostError says that records were lost between o and next; it comes once.
func (l *Log) At(o Offset, w *Window, r *Record) (place, next Offset, err error) {
	for o < l.end {
		if p := l.inTail(o); p != nil {
			size := sizeOf(p)
			decode(p[:size], r)
			return o, o + Offset(size), nil
		}
		s := l.segment(o)
		if s == nil {
			o = l.written
			continue
		}
		if skipped := s.skip(o); skipped != o {
			o = skipped
			continue
		}
		p, err := w.fill(s, o)
		if err != nil {
			return o, o, fmt.Errorf("store: %w", err)
		}
		size, state := parseRecord(o, p, r)
		if state == good {
			return o, o + Offset(size), nil
		}
		to, err := s.resync(o)
		if err != nil {
			return o, o, fmt.Errorf("store: %w", err)
		}
		s.holes = append(s.holes, Range{o, to})
		if n, err := s.count(s.base, s.end); err == nil {
			s.records = n + s.deferred
		}
		return o, to, &LostError{s.name, Range{o, to}}
	}
	return l.end, l.end, io.EOF
}

// inTail gives the tail from offset o on, or nil if that is not in it.
func (l *Log) inTail(o Offset) []byte {
	if from := l.end - Offset(len(l.tail)); o >= from {
		return l.tail[o-from:]
	}
	return nil
}

// skip moves o to the segment's beginning, or behind the hole it is in.
func (s *segment) skip(o Offset) Offset {
	o = max(o, s.base)
	for _, h := range s.holes {
		if h.From <= o && o < h.To {
			return h.To
		}
	}
	return o
}

// fill gives the bytes of s from o on, as many as the record there has if they are there.
func (w *Window) fill(s *segment, o Offset) ([]byte, error) {
	for want := w.near(o); ; {
		if o >= w.from && o < w.from+Offset(len(w.buf)) {
			p := w.buf[o-w.from:]
			size, whole := measure(p)
			if whole || o+Offset(len(p)) >= s.end {
				return p, nil
			}
			want = max(want, size)
		}
		n, err := s.read(w.grow(want), o)
		w.from, w.buf = o, w.buf[:n]
		if err != nil || n == 0 {
			return w.buf, err
		}
	}
}

// near is how much is worth reading at o.
func (w *Window) near(o Offset) int {
	if end := w.from + Offset(len(w.buf)); w.from <= o && o <= end+jumpBytes {
		return windowBytes
	}
	return jumpBytes
}

// grow gives the window's whole buffer, of n bytes.
func (w *Window) grow(n int) []byte {
	if cap(w.buf) < n {
		w.buf = make([]byte, n)
	}
	w.buf = w.buf[:n]
	return w.buf
}

// read reads what stands at o, not beyond the segment's end.
func (s *segment) read(p []byte, o Offset) (n int, err error) {
	if o >= s.end {
		return 0, nil
	}
	p = p[:min(int64(len(p)), int64(s.end-o))]
	if s.file == nil {
		if s.file, err = s.fs.Open(s.name); err != nil {
			s.file = nil
			return 0, err
		}
	}
	s.used = true
	n, err = s.file.ReadAt(p, int64(o-s.base))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// resync finds the first good record of the segment behind o, or its end.
func (s *segment) resync(o Offset) (Offset, error) {
	var mark [4]byte
	binary.BigEndian.PutUint32(mark[:], magic)
	buf := make([]byte, scanBytes)
	var w Window
	var r Record
	for at := o + 1; at < s.end; {
		n, err := s.read(buf, at)
		if err != nil || n < len(mark) {
			return s.end, err
		}
		i := bytes.Index(buf[:n], mark[:])
		if i < 0 {
			at += Offset(n - len(mark) + 1)
			continue
		}
		at += Offset(i)
		p, err := w.fill(s, at)
		if err != nil {
			return s.end, err
		}
		if _, state := parseRecord(at, p, &r); state == good {
			return at, nil
		}
		at++
	}
	return s.end, nil
}

// count counts the records from one offset to another that were neither carried nor deferred.
func (s *segment) count(from, to Offset) (n int64, err error) {
	w := Window{buf: make([]byte, 0, scanBytes)}
	var r Record
	for o := s.skip(from); o < to; o = s.skip(o) {
		p, err := w.fill(s, o)
		if err != nil {
			return n, err
		}
		size, state := parseRecord(o, p, &r)
		if state != good {
			if o, err = s.resync(o); err != nil {
				return n, err
			}
			continue
		}
		if r.ID == o && r.Due == 0 {
			n++
		}
		o += Offset(size)
	}
	return n, nil
}
