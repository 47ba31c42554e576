// Package store is the broker's disk: a topic's messages in segment files, seen through [FS].
//
// A [Log] holds messages in order of publication. Appending gathers them in memory; [Log.Write] puts all that was gathered into the last
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
	// TailBytes is how much of what was written is kept in memory for the readers that keep up. 0 is 64 KiB.
	TailBytes int
	// Volatile says that files are removed at once: nothing is to be left of the log after the process, and it is never synced.
	Volatile bool
}

const (
	defaultSegment = 64 << 20
	defaultTail    = 64 << 10
	maxTail        = 4 << 20 // bytes of memory that are kept for it, until all is quiet
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
	found    *segment   // that was looked for last
	end      Offset     // of the last record that was appended
	written  Offset     // of the last that was written
	synced   Offset     // all before was synced, or that failed
	lasts    Offset     // all before survives the machine
	failed   bool       // a sync has
	tail     []byte     // the bytes before end, at least those not written
	gathered counts     // of what is not written
	last     *segment   // that is written to; nil: the next write begins one
	garbage  []string   // files to be removed
	newFiles bool       // since the folder was synced
	sealed   []Seal     // of segments, since Seals was called
	syncing  bool       // there is a sync point
}

// counts are of the records of a segment.
type counts struct {
	records  int64 // but for those that were carried
	deferred int64 // of records
	owed     int64 // times that a record is owed to somebody
	carried  bool  // there may be others
}

// A Seal is what is known of a segment that is not written to any more.
type Seal struct {
	Range
	Plain int64 // its records, if they all stand in order and none was deferred or carried; else 0
}

// A segment is one file of a log.
type segment struct {
	counts
	fs      FS
	file    File // nil: it is opened when it is read
	used    bool // read since the last sync
	name    string
	base    Offset
	end     Offset  // of its last record
	holes   []Range // that hold no record, in order
	syncing bool    // a sync point holds its file
	failed  bool    // a sync of it has: what stands in it may not last
}

// A Recovery is what Open found.
type Recovery struct {
	Records int     // good ones
	Torn    int64   // bytes at the ends of segments that were never acknowledged
	Lost    []Range // what could not be read, in order; of segments that were given up some may be back without their neighbours
}

// Files lists what lies in fs, the files of each topic in order.
func Files(fs FS) (map[string][]string, error) {
	all, err := fs.List()
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	topics := map[string][]string{}
	for _, f := range all {
		topic, _, ok := ParseFileName(f)
		if !ok {
			topic, _, ok = ParseJournalName(f)
		}
		if ok {
			topics[topic] = append(topics[topic], f)
		}
	}
	return topics, nil
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

// A Past is what the journal knows of a log.
type Past struct {
	First  Offset          // no record before is the log's
	Synced Offset          // all before was synced
	Sealed map[Offset]Seal // segments that are not written to any more, by where they begin
	Holes  []Range         // that were found to hold no record, or none to be taken
}

// Open finds a log's records in its files, those of Files; one without any begins at past.First. It calls seen with each record in order, whose
// body must not be kept, and which says how often the record is owed. A segment that is known and was synced need not be read, if skip, which may be nil, says
// how often its records are owed in all.
func Open(fs FS, name string, files []string, past Past, opts Options, seen func(o Offset, r Record) int64,
	skip func(Seal) (owed int64, ok bool)) (*Log, Recovery, error) {
	if opts.SegmentBytes == 0 {
		opts.SegmentBytes = defaultSegment
	}
	if opts.TailBytes == 0 {
		opts.TailBytes = defaultTail
	}
	l := &Log{fs: fs, name: name, opts: opts, end: past.First}
	for _, f := range files { // their names are in the order of their offsets
		if _, base, ok := ParseFileName(f); !ok {
			continue
		} else if base < past.First {
			l.garbage = append(l.garbage, f)
		} else {
			l.segments = append(l.segments, &segment{fs: fs, name: f, base: base})
		}
	}
	rec, err := l.recover(past, seen, skip)
	if err != nil {
		return nil, rec, errors.Join(err, l.Close())
	}
	l.written, l.synced, l.lasts = l.end, l.end, past.Synced
	for _, s := range slices.Clone(l.segments) {
		l.settle(s)
	}
	if len(l.segments) > 0 { // what a killed process wrote may not have been synced
		l.synced, l.newFiles = min(max(past.Synced, l.segments[0].base), l.end), true
	}
	return l, rec, nil
}

// End is the offset of the next record.
func (l *Log) End() Offset { return l.end }

// Written is the offset behind the last record that survives the end of the process.
func (l *Log) Written() Offset { return l.written }

// Lasts is the offset before which all survives the machine, as far as syncs have not failed.
func (l *Log) Lasts() Offset { return l.lasts }

// Append gathers a message, to be written by the next Write, and gives its offset, which is its name. The body is
// copied. It is owed once.
func (l *Log) Append(r Record) Offset {
	r.ID = l.end
	l.gathered.records++
	l.gathered.owed++
	if r.Due != 0 {
		l.gathered.deferred++
	}
	return l.append(r)
}

// Carry gathers a copy of a record under its old name, so that the segment it stands in can go. It is owed n times.
func (l *Log) Carry(r Record, n int64) Offset {
	l.gathered.owed += n
	l.gathered.carried = true
	return l.append(r)
}

func (l *Log) append(r Record) Offset {
	o := l.end
	l.tail = appendRecord(l.tail, o, r)
	l.end += Offset(headerSize + len(r.Body))
	return o
}

// Gathered is how many bytes wait for Write, and how many messages.
func (l *Log) Gathered() (bytes int, messages int64) {
	return int(l.end - l.written), l.gathered.records
}

// Write puts what was gathered into the log's last segment, by one write. After an error all of it is still gathered, for another try
// or for Abandon.
func (l *Log) Write() error {
	if l.written == l.end {
		return nil
	}
	s, err := l.open()
	if err == nil {
		_, err = s.file.Write(l.inTail(l.written))
	}
	if err != nil {
		l.part()
		return fmt.Errorf("store: %s: %w", l.name, err)
	}
	s.end, l.written = l.end, l.end
	s.records += l.gathered.records
	s.deferred += l.gathered.deferred
	s.owed += l.gathered.owed
	s.carried = s.carried || l.gathered.carried
	l.gathered = counts{}
	if int64(s.end-s.base) >= l.opts.SegmentBytes {
		l.last = nil
		l.seal(s)
	}
	l.trim()
	return nil
}

// Abandon drops the last messages that were gathered, those from offset o on: their offsets will be used again. They are so many records, each
// some of them deferred, and owed so many times in all.
func (l *Log) Abandon(o Offset, records, deferred, owed int64) {
	l.tail = l.tail[:len(l.tail)-int(l.end-o)]
	l.end = o
	l.gathered.records -= records
	l.gathered.deferred -= deferred
	l.gathered.owed -= owed
}

// Discard drops what was gathered and is owed to nobody any more, without its ever being written.
func (l *Log) Discard() {
	if l.gathered.owed == 0 && l.end > l.written {
		l.part()
		l.gathered, l.written = counts{}, l.end
		l.Rest(false)
	}
}

// Rest says that nobody is about to read what was written: its memory is for use again, or given back if all is quiet.
func (l *Log) Rest(quiet bool) {
	if l.written != l.end {
		return
	}
	l.tail = l.tail[:0]
	if quiet || cap(l.tail) > maxTail {
		l.tail = nil
	}
}

// Full says that more of what was written is in memory than is of use to one who keeps up; see Rest.
func (l *Log) Full() bool { return len(l.tail) > l.opts.TailBytes }

// open gives the segment to write to.
func (l *Log) open() (*segment, error) {
	if l.last != nil {
		return l.last, nil
	}
	name := fileName(l.name, l.written)
	if i := slices.Index(l.garbage, name); i >= 0 && !l.syncing {
		if err := l.fs.Remove(name); err != nil {
			return nil, err
		}
		l.garbage = slices.Delete(l.garbage, i, i+1)
	}
	f, err := l.fs.Create(name)
	if err != nil {
		return nil, err
	}
	l.last = &segment{fs: l.fs, file: f, name: name, base: l.written, end: l.written}
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
	if cap(l.tail) > maxTail {
		l.tail = slices.Clip(slices.Clone(l.tail))
	}
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
