// Package store is the broker's disk: a topic's messages in segment files, seen through [FS].
//
// A [Log] holds messages in order of publication. Appending gathers them in memory; [Log.Write] puts all that was gathered into the last
// segment with one write. What was written survives the end of the process, what was synced the end of the machine.
//
//	l, rec, err := store.Open(fs, "orders", first, store.Options{}, seen) // seen is called with what is left of before
//	o := l.Append(now, 0, body)
//	err = l.Write()                       // on an error it is still gathered: l.Abandon()
//	r, next, err := l.At(o, &window)      // io.EOF behind the last
//
// A segment's file is called after its topic and its first offset; it is appended to by the process that made it and never
// after. What stands in it behind the next segment's first offset was never acknowledged, and is not read.
//
// The law: a Log is its topic's, and under its lock. Only a [SyncPoint] may be used without.
package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Options are a log's sizes.
type Options struct {
	// SegmentBytes is how large a segment grows before the next one begins; its last batch may pass it. 0 is 64 MiB.
	SegmentBytes int64
	// TailBytes is how much of what was written is kept in memory for the readers that keep up. 0 is 256 KiB.
	TailBytes int
}

const (
	defaultSegment = 64 << 20
	defaultTail    = 256 << 10
	suffix         = ".log"
)

// A Range is of offsets, from the first to before the second.
type Range struct{ From, To Offset }

// A LostError says that records could not be read: something else stands in their place.
type LostError struct {
	File string
	Range
}

func (e *LostError) Error() string {
	return fmt.Sprintf("store: %s: no record can be read from offset %d to %d", e.File, e.From, e.To)
}

// A Log is a topic's messages.
type Log struct {
	fs       FS
	name     string
	opts     Options
	segments []*segment // in order of their first offsets
	end      Offset     // of the last record that was appended
	written  Offset     // of the last that was written
	synced   Offset     // all before survives the machine
	tail     []byte     // the bytes before end, at least those not written
	owed     int64      // of what was gathered and is not written
	last     *segment   // that is written to; nil: the next write begins one
	garbage  []string   // files to be removed
	newFiles bool       // since the folder was synced
}

// A segment is one file of a log.
type segment struct {
	file    File
	name    string
	base    Offset
	end     Offset  // of its last record
	holes   []Range // that hold no record, in order
	owed    int64   // times that a record in it is owed to somebody
	syncing int     // sync points that hold its file
}

// A Recovery is what Open found.
type Recovery struct {
	Records int     // good ones
	Torn    int64   // bytes at the ends of segments that were never acknowledged
	Lost    []Range // what could not be read, in order; of segments that were given up some may be back without their neighbours
}

// fileName is what the segment of a log with its first record at base is called.
func fileName(log string, base Offset) string {
	return fmt.Sprintf("%s.%016x%s", log, uint64(base), suffix)
}

// ParseFileName finds the log and the first offset of a segment by its file's name.
func ParseFileName(file string) (log string, base Offset, ok bool) {
	stem, ok := strings.CutSuffix(file, suffix)
	if !ok || len(stem) < 18 || stem[len(stem)-17] != '.' {
		return "", 0, false
	}
	digits := stem[len(stem)-16:]
	n, err := strconv.ParseUint(digits, 16, 64)
	return stem[:len(stem)-17], Offset(n), err == nil && strings.ToLower(digits) == digits
}

// Open finds a log's records; a log without any begins at first. It calls seen with each record in order, whose body must not be kept, so that
// the caller can count what is owed of it.
func Open(fs FS, name string, first Offset, opts Options, seen func(o Offset, r Record)) (*Log, Recovery, error) {
	if opts.SegmentBytes == 0 {
		opts.SegmentBytes = defaultSegment
	}
	if opts.TailBytes == 0 {
		opts.TailBytes = defaultTail
	}
	l := &Log{fs: fs, name: name, opts: opts, end: first}
	files, err := fs.List()
	if err != nil {
		return nil, Recovery{}, fmt.Errorf("store: %w", err)
	}
	for _, f := range files {
		if log, base, ok := ParseFileName(f); ok && log == name {
			l.segments = append(l.segments, &segment{name: f, base: base})
		}
	}
	slices.SortFunc(l.segments, func(a, b *segment) int {
		if a.base < b.base {
			return -1
		}
		return 1
	})
	rec, err := l.recover(seen)
	if err != nil {
		return nil, rec, errors.Join(err, l.Close())
	}
	l.written, l.synced = l.end, l.end
	if len(l.segments) > 0 { // what a killed process wrote may not have been synced
		l.synced, l.newFiles = l.segments[0].base, true
	}
	return l, rec, nil
}

// End is the offset of the next record.
func (l *Log) End() Offset { return l.end }

// Written is the offset behind the last record that survives the end of the process.
func (l *Log) Written() Offset { return l.written }

// Append gathers a message, to be written by the next Write. The body is copied.
func (l *Log) Append(at, due int64, body []byte) Offset {
	return l.append(Record{ID: l.end, At: at, Due: due, Body: body})
}

// Carry gathers a copy of a record under its old name, so that the segment it stands in can go.
func (l *Log) Carry(r Record) Offset { return l.append(r) }

func (l *Log) append(r Record) Offset {
	o := l.end
	l.tail = appendRecord(l.tail, o, r)
	l.end += Offset(headerSize + len(r.Body))
	return o
}

// Gathered is how many bytes wait for Write.
func (l *Log) Gathered() int { return int(l.end - l.written) }

// Write puts what was gathered into the log's last segment, by one write. After an error all of it is still gathered, for another try
// or for Abandon.
func (l *Log) Write() error {
	if l.written == l.end {
		return nil
	}
	s, err := l.open()
	if err == nil {
		_, err = s.file.Write(l.tail[len(l.tail)-l.Gathered():])
	}
	if err != nil {
		l.part()
		return fmt.Errorf("store: %s: %w", l.name, err)
	}
	s.end, l.written = l.end, l.end
	s.owed += l.owed
	l.owed = 0
	if int64(s.end-s.base) >= l.opts.SegmentBytes {
		l.last = nil
	}
	l.trim()
	return nil
}

// Abandon drops what was gathered: its offsets will be used again.
func (l *Log) Abandon() {
	l.tail = l.tail[:len(l.tail)-l.Gathered()]
	l.end, l.owed = l.written, 0
}

// Discard drops what was gathered and is owed to nobody any more, without its ever being written.
func (l *Log) Discard() {
	if l.owed == 0 && l.Gathered() > 0 {
		l.part()
		l.written = l.end
		l.trim()
	}
}

// part ends the last segment: part of a write may stand in it behind its last record. The next segment begins before that, and may
// not have its name.
func (l *Log) part() {
	s := l.last
	l.last = nil
	if s != nil && (s.end == s.base || s.owed == 0 && s.syncing == 0) {
		l.drop(s)
	}
}

// open gives the segment to write to.
func (l *Log) open() (*segment, error) {
	if l.last != nil {
		return l.last, nil
	}
	if err := l.Collect(); err != nil {
		return nil, err
	}
	name := fileName(l.name, l.written)
	f, err := l.fs.Create(name)
	if err != nil {
		return nil, err
	}
	l.last = &segment{file: f, name: name, base: l.written, end: l.written}
	l.segments = append(l.segments, l.last)
	l.newFiles = true
	return l.last, nil
}

// trim forgets the oldest of what is written, beyond what is kept for readers.
func (l *Log) trim() {
	if len(l.tail) <= 2*l.opts.TailBytes {
		return
	}
	n := copy(l.tail, l.tail[len(l.tail)-l.opts.TailBytes:])
	l.tail = l.tail[:n]
	if cap(l.tail) > 8*l.opts.TailBytes {
		l.tail = slices.Clip(slices.Clone(l.tail))
	}
}

// segment finds the one that holds offset o, or the first behind it; nil if there is none.
func (l *Log) segment(o Offset) *segment {
	i, _ := slices.BinarySearchFunc(l.segments, o, func(s *segment, o Offset) int {
		if s.end <= o {
			return -1
		}
		return 1
	})
	if i == len(l.segments) {
		return nil
	}
	return l.segments[i]
}

// Owe says that the record at o is owed n times more, or less. A segment of which nothing is owed any more is given up, if it is not the last.
func (l *Log) Owe(o Offset, n int64) {
	if o >= l.written {
		l.owed += n
		return
	}
	s := l.segment(o)
	if s == nil || o < s.base {
		return
	}
	if s.owed += n; s.owed <= 0 && s != l.last && s.syncing == 0 {
		l.drop(s)
	}
}

// drop gives a segment up. Its file goes with the next Collect.
func (l *Log) drop(s *segment) {
	l.segments = slices.DeleteFunc(l.segments, func(other *segment) bool { return other == s })
	l.garbage = append(l.garbage, s.name)
	if s.file != nil {
		_ = s.file.Close() // nothing of it is wanted
	}
}

// Collect removes the files of the segments that were given up. After an error it can be called again.
func (l *Log) Collect() error {
	for len(l.garbage) > 0 {
		if err := l.fs.Remove(l.garbage[0]); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		l.garbage = l.garbage[1:]
	}
	return nil
}

// Close closes the log's files. What was gathered and not written is gone.
func (l *Log) Close() error {
	var err error
	for _, s := range l.segments {
		if s.file != nil {
			err = errors.Join(err, s.file.Close())
		}
	}
	l.segments, l.last = nil, nil
	return err
}
