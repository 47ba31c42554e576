package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// An Op is what happened to a topic or one of its channels.
type Op byte

// The operations of a journal, with the fields of Entry that they use beside Channel. Channel 0 is the topic itself.
const (
	Opened   Op = iota + 1 // a channel was made: Name; it is owed what stands at ID and behind. The topic: no record before ID is its.
	Deleted                // a channel was deleted; the topic: and ID is the end of its log
	Paused                 // a channel was paused, or the topic
	Unpaused               // it was unpaused
	Passed                 // a channel's cursor stands at ID: what lies before was given to a consumer once. The topic's: to the channels.
	Finished               // a message, ID, is finished in a channel
	Returned               // a message, ID, waits in a channel apart from the cursor: Attempts, and Due if it is deferred
	Emptied                // what stands from ID to before To is not, or not any more, owed to a channel, whatever was said of it before
	snapshotEnd
)

// An Entry is one thing that happened.
type Entry struct {
	Op       Op
	Channel  uint32 // its number in the topic, from 1 and never used again; 0 is the topic itself
	ID, To   Offset
	Attempts uint16
	Due      int64 // ns since the Unix epoch; 0: at once
	Name     string
}

const journalSuffix = ".journal"

// A Journal is what happened to a topic's channels since a snapshot of them, which it begins with. Adding gathers; Write appends what was
// gathered as one batch, whole or not at all.
//
// A batch is its length and CRC-32C (4 bytes each, big-endian) and its entries, which are varints. The sum is made another by the file's
// number and the batch's place. A file whose snapshot has no end was never needed: the one before it still stands.
type Journal struct {
	fs     FS
	name   string
	number uint64
	file   File
	size   int64
	out    []byte // a batch's head, and its entries
	broken bool   // part of a batch may stand at the end
	synced bool
}

const batchHead = 8

// maxBatch is the largest batch that is read, in bytes.
const maxBatch = 1 << 30

func journalFile(topic string, number uint64) string {
	return fmt.Sprintf("%s.%016x%s", topic, number, journalSuffix)
}

// ParseJournalName finds the topic and the number of a journal by its file's name.
func ParseJournalName(file string) (topic string, number uint64, ok bool) {
	stem, ok := strings.CutSuffix(file, journalSuffix)
	if !ok || len(stem) < 18 || stem[len(stem)-17] != '.' {
		return "", 0, false
	}
	number, err := strconv.ParseUint(stem[len(stem)-16:], 16, 64)
	return stem[:len(stem)-17], number, err == nil
}

// OpenJournal replays a topic's newest journal that has a whole snapshot, and gives how many bytes at its end could not be read. Nothing can be
// written before a new Snapshot.
func OpenJournal(fs FS, topic string, replay func(Entry)) (j *Journal, torn int64, err error) {
	j = &Journal{fs: fs, name: topic, broken: true}
	files, err := fs.List()
	if err != nil {
		return nil, 0, fmt.Errorf("store: %w", err)
	}
	var numbers []uint64
	for _, f := range files {
		if t, n, ok := ParseJournalName(f); ok && t == topic {
			numbers = append(numbers, n)
			j.number = max(j.number, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range slices.Backward(numbers) {
		entries, torn, err := readJournal(fs, topic, n)
		if err != nil {
			return nil, 0, fmt.Errorf("store: %w", err)
		}
		if !slices.ContainsFunc(entries, func(e Entry) bool { return e.Op == snapshotEnd }) {
			continue
		}
		for _, e := range entries {
			if e.Op != snapshotEnd {
				replay(e)
			}
		}
		return j, torn, nil
	}
	return j, 0, nil
}

// readJournal reads a file's batches up to the first that is not whole.
func readJournal(fs FS, topic string, number uint64) (entries []Entry, torn int64, err error) {
	name := journalFile(topic, number)
	size, err := fs.Size(name)
	if err != nil {
		return nil, 0, err
	}
	f, err := fs.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	p := make([]byte, size)
	n, err := f.ReadAt(p, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	p = p[:n]
	at := 0
	for len(p)-at >= batchHead {
		length := int(binary.BigEndian.Uint32(p[at:]))
		if length > maxBatch || length > len(p)-at-batchHead {
			break
		}
		payload := p[at+batchHead : at+batchHead+length]
		if binary.BigEndian.Uint32(p[at+4:]) != batchSum(number, int64(at), payload) {
			break
		}
		batch, err := parseEntries(payload)
		if err != nil {
			return nil, 0, fmt.Errorf("%s at %d: %w", name, at, err)
		}
		entries = append(entries, batch...)
		at += batchHead + length
	}
	return entries, int64(len(p) - at), nil
}

func batchSum(number uint64, at int64, payload []byte) uint32 {
	return crc32.Checksum(payload, castagnoli) ^ uint32(number) ^ uint32(at)
}

// Add gathers an entry for the next Write.
func (j *Journal) Add(e Entry) {
	if len(j.out) == 0 {
		j.out = append(j.out, make([]byte, batchHead)...)
	}
	j.out = appendEntry(j.out, e)
}

// Size is how many bytes the file has; the owner makes a Snapshot when they are too many.
func (j *Journal) Size() int64 { return j.size }

// Stale says that nothing can be written before the next Snapshot: there was none yet, or a write failed.
func (j *Journal) Stale() bool { return j.broken }

// Write appends what was gathered. After an error it is gone, and so may be what is gathered next: a Snapshot is needed, in which all of it stands.
func (j *Journal) Write() error {
	if len(j.out) == 0 {
		return nil
	}
	defer func() { j.out = j.out[:0] }()
	if j.broken {
		return errors.New("store: the journal needs a snapshot first")
	}
	payload := j.out[batchHead:]
	binary.BigEndian.PutUint32(j.out, uint32(len(payload)))
	binary.BigEndian.PutUint32(j.out[4:], batchSum(j.number, j.size, payload))
	if _, err := j.file.Write(j.out); err != nil {
		j.broken = true
		return fmt.Errorf("store: %s: %w", j.name, err)
	}
	j.size += int64(len(j.out))
	j.synced = false
	return nil
}

// Snapshot begins a new file with all that there is to say, makes it last, and removes those before it. What was gathered is dropped: it must be in the entries.
func (j *Journal) Snapshot(all iter.Seq[Entry]) error {
	old := j.file
	j.number++
	f, err := j.fs.Create(journalFile(j.name, j.number))
	if err != nil {
		j.broken = true
		return fmt.Errorf("store: %w", err)
	}
	j.file, j.size, j.out, j.broken = f, 0, j.out[:0], false
	for e := range all {
		j.Add(e)
	}
	j.Add(Entry{Op: snapshotEnd})
	err = j.Write()
	if old != nil {
		err = errors.Join(err, old.Close())
	}
	if err == nil {
		err = errors.Join(j.Sync(), j.fs.SyncDir())
	}
	if err != nil {
		j.broken = true
		return err
	}
	return j.removeOlder()
}

func (j *Journal) removeOlder() error {
	files, err := j.fs.List()
	for _, f := range files {
		if t, n, ok := ParseJournalName(f); ok && t == j.name && n < j.number {
			err = errors.Join(err, j.fs.Remove(f))
		}
	}
	return err
}

// Sync makes what was written last.
func (j *Journal) Sync() error {
	if j.synced || j.file == nil {
		return nil
	}
	if err := j.file.Sync(); err != nil {
		j.broken = true
		return fmt.Errorf("store: %s: %w", j.name, err)
	}
	j.synced = true
	return nil
}

// Close closes the file.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// appendEntry appends an entry: op, channel, and what the op uses.
func appendEntry(dst []byte, e Entry) []byte {
	dst = append(dst, byte(e.Op))
	dst = binary.AppendUvarint(dst, uint64(e.Channel))
	dst = binary.AppendUvarint(dst, uint64(e.ID))
	if e.Op == Returned {
		dst = binary.AppendUvarint(dst, uint64(e.Attempts))
		dst = binary.AppendUvarint(dst, uint64(e.Due))
	}
	if e.Op == Emptied {
		dst = binary.AppendUvarint(dst, uint64(e.To))
	}
	if e.Op == Opened {
		dst = binary.AppendUvarint(dst, uint64(len(e.Name)))
		dst = append(dst, e.Name...)
	}
	return dst
}

var errEntry = errors.New("not an entry")

// parseEntries reads a batch's entries.
func parseEntries(p []byte) (all []Entry, err error) {
	number := func() uint64 {
		n, used := binary.Uvarint(p)
		if used <= 0 {
			err, p = errEntry, nil
			return 0
		}
		p = p[used:]
		return n
	}
	for len(p) > 0 && err == nil {
		e := Entry{Op: Op(p[0])}
		p = p[1:]
		e.Channel, e.ID = uint32(number()), Offset(number())
		if e.Op == Returned {
			e.Attempts, e.Due = uint16(number()), int64(number())
		}
		if e.Op == Emptied {
			e.To = Offset(number())
		}
		if e.Op == Opened {
			n := number()
			if n > uint64(len(p)) {
				return nil, errEntry
			}
			e.Name, p = string(p[:n]), p[n:]
		}
		if e.Op == 0 || e.Op > snapshotEnd {
			return nil, errEntry
		}
		all = append(all, e)
	}
	return all, err
}
