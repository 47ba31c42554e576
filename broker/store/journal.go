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
	Emptied                // what stands from ID to before To is not, or not any more, owed to a channel, whatever was said of it before; the topic: is no record
	Synced                 // all of the log before ID lasts
	Sealed                 // the segment that begins at ID ends at To; it holds Plain records and nothing else, if that is not 0
	snapshotEnd
)

// An Entry is one thing that happened.
type Entry struct {
	Op       Op
	Channel  uint32 // its number in the topic, from 1 and never used again; 0 is the topic itself
	ID, To   Offset
	Attempts uint16
	Due      int64 // ns since the Unix epoch; 0: at once
	Plain    int64 // records that were neither deferred nor carried
	Name     string
}

const journalSuffix = ".journal"

// A Journal is what happened to a topic's channels since a snapshot of them, which it begins with. Adding gathers; Write appends what was
// gathered as one batch, whole or not at all.
//
// A batch is its length and CRC-32C (4 bytes each, big-endian) and its entries, which are varints; an id is told by how far it is from the one before. The sum is made another by the file's
// number and the batch's place. A file whose snapshot has no end was never needed: the one before it still stands.
type Journal struct {
	fs      FS
	name    string
	number  uint64
	file    File
	size    int64
	synced  int64    // bytes of the file that last; 0: it may not be there
	out     []byte   // a batch's head, and its entries
	last    Offset   // the id that the next entry's is told from
	broken  bool     // part of a batch may stand at the end
	garbage []string // older journals, without use once this one lasts
	old     []File   // to be closed when no sync point holds them
	syncing bool     // a sync point holds the file, or one of old
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

// Files are the journal's, also those that are to be removed.
func (j *Journal) Files() []string {
	return append(slices.Clone(j.garbage), journalFile(j.name, j.number))
}

// NewJournal begins a topic's journal, whose files have numbers above the given one.
func NewJournal(fs FS, topic string, number uint64) *Journal {
	return &Journal{fs: fs, name: topic, number: number, broken: true}
}

// Number is that of the newest file.
func (j *Journal) Number() uint64 { return j.number }

// OpenJournal replays the newest of a topic's files that has a whole snapshot, and gives how many bytes at its end could not be read. Nothing can be
// written before a new Snapshot.
func OpenJournal(fs FS, topic string, files []string, replay func(Entry)) (j *Journal, torn int64, err error) {
	j = &Journal{fs: fs, name: topic, broken: true}
	var found bool
	for _, f := range slices.Backward(files) { // their names are in the order of their numbers
		_, n, ok := ParseJournalName(f)
		if !ok {
			continue
		}
		j.number = max(j.number, n)
		j.garbage = append(j.garbage, f)
		if found {
			continue
		}
		entries, rest, err := readJournal(fs, topic, n)
		if err != nil {
			return nil, 0, fmt.Errorf("store: %w", err)
		}
		if torn == 0 {
			torn = rest
		}
		if found = slices.ContainsFunc(entries, func(e Entry) bool { return e.Op == snapshotEnd }); found {
			torn = rest
			for _, e := range entries {
				if e.Op != snapshotEnd {
					replay(e)
				}
			}
		}
	}
	return j, torn, nil
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
	j.out = appendEntry(j.out, j.last, e)
	j.last = e.ID
}

// Gathered is how many bytes wait for Write.
func (j *Journal) Gathered() int { return len(j.out) }

// Size is how many bytes the file has; the owner makes a Snapshot when they are too many.
func (j *Journal) Size() int64 { return j.size }

// Stale says that nothing can be written before the next Snapshot: there was none yet, or a write failed.
func (j *Journal) Stale() bool { return j.broken }

// Write appends what was gathered. After an error it is gone, and so may be what is gathered next: a Snapshot is needed, in which all of it stands.
func (j *Journal) Write() error {
	if len(j.out) == 0 {
		return nil
	}
	defer j.Forget()
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
	return nil
}

// Forget drops what was gathered.
func (j *Journal) Forget() {
	j.out, j.last = j.out[:0], 0
	if cap(j.out) > maxIdle {
		j.out = nil
	}
}

// maxIdle is how many bytes of memory are kept for the next batch.
const maxIdle = 64 << 10

// Snapshot begins a new file with all that there is to say. What was gathered is dropped: it must be in the entries. The files before it go when it lasts.
func (j *Journal) Snapshot(all iter.Seq[Entry]) error {
	if j.file != nil {
		j.old = append(j.old, j.file)
		j.garbage = append(j.garbage, journalFile(j.name, j.number))
	}
	j.Forget()
	j.number++
	name := journalFile(j.name, j.number)
	f, err := j.fs.Create(name)
	j.file, j.size, j.synced, j.broken = f, 0, 0, false
	if err != nil {
		j.file, j.broken = nil, true
		return fmt.Errorf("store: %w", err)
	}
	for e := range all {
		j.Add(e)
	}
	j.Add(Entry{Op: snapshotEnd})
	err = j.Write()
	j.tidy()
	return err
}

// Last makes the file last and removes those before it, for an owner without a sync point.
func (j *Journal) Last() error {
	err := errors.Join(j.file.Sync(), j.fs.SyncDir())
	for err == nil && len(j.garbage) > 0 {
		err = j.fs.Remove(j.garbage[0])
		j.garbage = j.garbage[1:]
	}
	if err != nil {
		return fmt.Errorf("store: %s: %w", j.name, err)
	}
	return nil
}

// unsynced says whether there is something for a sync point.
func (j *Journal) unsynced() bool { return j.file != nil && j.size > j.synced }

// settle takes back what a sync point held.
func (j *Journal) settle(p *SyncPoint, err error) {
	if p.file == nil {
		return
	}
	j.syncing = false
	switch {
	case p.file != j.file: // it is an old one by now
	case err != nil:
		j.broken = true
	default:
		j.synced = p.size
	}
	j.garbage = slices.Delete(j.garbage, 0, max(p.removed-p.ofLog, 0))
	j.tidy()
}

// tidy closes the files that nobody uses any more.
func (j *Journal) tidy() {
	for !j.syncing && len(j.old) > 0 {
		_ = j.old[0].Close() // nothing of it is wanted
		j.old = j.old[1:]
	}
}

// Close closes the file.
func (j *Journal) Close() error {
	j.tidy()
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// appendEntry appends an entry: op, channel, how far its id is from the last, and what the op uses.
func appendEntry(dst []byte, last Offset, e Entry) []byte {
	dst = append(dst, byte(e.Op))
	dst = binary.AppendUvarint(dst, uint64(e.Channel))
	dst = binary.AppendVarint(dst, int64(e.ID-last))
	if e.Op == Returned {
		dst = binary.AppendUvarint(dst, uint64(e.Attempts))
		dst = binary.AppendUvarint(dst, uint64(e.Due))
	}
	if e.Op == Emptied || e.Op == Sealed {
		dst = binary.AppendUvarint(dst, uint64(e.To))
	}
	if e.Op == Sealed {
		dst = binary.AppendUvarint(dst, uint64(e.Plain))
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
	var last Offset
	for len(p) > 0 && err == nil {
		e := Entry{Op: Op(p[0])}
		p = p[1:]
		e.Channel = uint32(number())
		away, used := binary.Varint(p)
		if used <= 0 {
			return nil, errEntry
		}
		p = p[used:]
		last += Offset(away)
		e.ID = last
		if e.Op == Returned {
			e.Attempts, e.Due = uint16(number()), int64(number())
		}
		if e.Op == Emptied || e.Op == Sealed {
			e.To = Offset(number())
		}
		if e.Op == Sealed {
			e.Plain = int64(number())
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
