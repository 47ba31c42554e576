package broker

import (
	"slices"
	"time"
)

// An Offset is a message's place in its topic's log. Offsets count up by one and are never used again, also not by a
// topic of the same name: a log begins at the microsecond of its birth.
type Offset uint64

// A record is one message of a log. Its body stands in its segment.
type record struct {
	at       int64         // when it was accepted, ns since the Unix epoch
	due      time.Duration // of a deferred message: since the log's birth
	owed     int32         // channels that have not finished it; -1 while it waits at the topic
	from, to uint32        // its body in the segment's bytes
	deferred bool
}

const (
	segmentBytes   = 64 << 10 // a segment is full when it holds as many bytes; one larger body fills one alone
	segmentRecords = 1024
)

// A segment is a run of records whose memory is given back as one.
type segment struct {
	first   Offset
	records []record
	bodies  []byte
	live    int // records that are waiting or owed
}

// A log holds a topic's messages in order of publication, each once, until every channel that it is owed to has
// finished it.
type log struct {
	birth    time.Time
	segments []*segment // in order; those without a live record are gone
	next     Offset
	handed   Offset   // what lies before was handed to the channels; the rest waits at the topic
	spare    *segment // an empty one, kept for the next
}

func newLog(now time.Time, first Offset) *log {
	return &log{birth: now, next: first, handed: first}
}

// append adds a message, due later if deferral is more than 0. The body is copied.
func (l *log) append(now time.Time, body []byte, deferral time.Duration) {
	s := l.last(len(body))
	r := record{at: now.UnixNano(), owed: -1, from: uint32(len(s.bodies)), deferred: deferral > 0}
	if r.deferred {
		r.due = now.Sub(l.birth) + deferral
	}
	s.bodies = append(s.bodies, body...)
	r.to = uint32(len(s.bodies))
	s.records = append(s.records, r)
	s.live++
	l.next++
}

// last gives the segment that takes the next record, of size bytes.
func (l *log) last(size int) *segment {
	if n := len(l.segments); n > 0 {
		s := l.segments[n-1]
		follows := s.first+Offset(len(s.records)) == l.next
		if follows && len(s.records) < segmentRecords && (len(s.bodies)+size <= segmentBytes || len(s.bodies) == 0) {
			return s
		}
	}
	s := l.spare
	if s == nil || size > segmentBytes {
		s = l.fresh(size)
	} else {
		l.spare = nil
	}
	s.first = l.next
	l.segments = append(l.segments, s)
	return s
}

// fresh makes a segment. The first grows as it fills, for most topics are small; one that follows another will fill as that did.
func (l *log) fresh(size int) *segment {
	n := len(l.segments)
	if n == 0 || size > segmentBytes {
		return &segment{}
	}
	count := min(segmentRecords, len(l.segments[n-1].records)+16)
	return &segment{records: make([]record, 0, count), bodies: make([]byte, 0, segmentBytes)}
}

// find gives the segment that holds offset o, or nil.
func (l *log) find(o Offset) *segment {
	low, high := 0, len(l.segments)
	for low < high {
		mid := (low + high) / 2
		if s := l.segments[mid]; o < s.first {
			high = mid
		} else if o >= s.first+Offset(len(s.records)) {
			low = mid + 1
		} else {
			return s
		}
	}
	return nil
}

// at gives the record at o and its body, which stand until the record is released; nil if its segment is gone.
func (l *log) at(o Offset) (*record, []byte) {
	s := l.find(o)
	if s == nil {
		return nil, nil
	}
	r := &s.records[o-s.first]
	return r, s.bodies[r.from:r.to:r.to]
}

// hand says that the next waiting message is now owed to so many channels, and gives its offset and record.
func (l *log) hand(channels int) (Offset, *record) {
	o := l.handed
	r, _ := l.at(o)
	r.owed = int32(channels)
	l.handed++
	return o, r
}

// release says that one channel has finished the message at o; that of the last gives its memory back.
func (l *log) release(o Offset) {
	s := l.find(o)
	r := &s.records[o-s.first]
	if r.owed--; r.owed <= 0 {
		l.drop(s)
	}
}

// forget drops all messages that wait at the topic.
func (l *log) forget() {
	for l.handed < l.next {
		s := l.find(l.handed)
		l.handed++
		l.drop(s)
	}
}

// drop counts one record of s as gone, and gives s back when it was the last.
func (l *log) drop(s *segment) {
	if s.live--; s.live > 0 {
		return
	}
	i := slices.Index(l.segments, s)
	l.segments = slices.Delete(l.segments, i, i+1)
	if cap(s.bodies) <= 2*segmentBytes {
		*s = segment{records: s.records[:0], bodies: s.bodies[:0]}
		l.spare = s
	}
}
