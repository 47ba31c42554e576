package store

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// An upstreamQueue is one disk queue of nsqd: its files have one prefix, which is T for topic T, and T:C (T;C on Windows) for its channel C.
//
// A data file, <prefix>.diskqueue.<number>.dat, holds records: length, time in ns, attempts, id (big-endian, 4 8 2 and 16 bytes), body.
// <prefix>.diskqueue.meta.dat tells where nsqd would have read and written next, when it was last synced. A data file that was read to
// its end is removed, so what is there behind the place to read at was not delivered, or can be again.
type upstreamQueue struct {
	prefix  string
	hasMeta bool
	numbers []int64 // of its data files, in order
}

// A queuePlace is a byte in a data file.
type queuePlace struct{ number, at int64 }

const (
	queueInfix   = ".diskqueue."
	queueSuffix  = ".dat"
	badSuffix    = ".bad" // given by nsqd to the data files that it could not read on
	metaNumber   = -1
	maxQueueMeta = 4 << 10 // bytes that are read of a meta file

	upstreamHeader = 8 + 2 + 16 // of a message, before its body
)

// queueFile is what a data file is called, or the meta file.
func queueFile(prefix string, number int64) string {
	if number == metaNumber {
		return prefix + queueInfix + "meta" + queueSuffix
	}
	return fmt.Sprintf("%s%s%06d%s", prefix, queueInfix, number, queueSuffix)
}

// parseQueueFile finds the queue and the number of a file by its name.
func parseQueueFile(file string) (prefix string, number int64, ok bool) {
	stem, ok := strings.CutSuffix(file, queueSuffix)
	i := strings.LastIndex(stem, queueInfix)
	if !ok || i < 1 {
		return "", 0, false
	}
	prefix, word := stem[:i], stem[i+len(queueInfix):]
	if word == "meta" {
		return prefix, metaNumber, true
	}
	number, err := strconv.ParseInt(word, 10, 62)
	return prefix, number, err == nil && queueFile(prefix, number) == file
}

// files are the names of all that the queue has.
func (q *upstreamQueue) files() (names []string) {
	if q.hasMeta {
		names = append(names, queueFile(q.prefix, metaNumber))
	}
	for _, n := range q.numbers {
		names = append(names, queueFile(q.prefix, n))
	}
	return names
}

// parseQueueMeta reads a meta file: depth, place to read at, place to write at. Nothing but what nsqd writes is ok.
func parseQueueMeta(p []byte) (read, write queuePlace, ok bool) {
	const format = "%d\n%d,%d\n%d,%d\n"
	var depth int64
	_, err := fmt.Sscanf(string(p), format, &depth, &read.number, &read.at, &write.number, &write.at)
	again := fmt.Sprintf(format, depth, read.number, read.at, write.number, write.at)
	ordered := read.number < write.number || read.number == write.number && read.at <= write.at
	return read, write, err == nil && again == string(p) && ordered && read.number >= 0 && read.at >= 0 && write.at >= 0
}

// An upstreamMessage is what a record holds. Its body stands until the next one is read.
type upstreamMessage struct {
	at       int64
	attempts uint16
	body     []byte
}

// A queueReader reads upstream's queues, one after another.
type queueReader struct {
	fs      FS
	maxBody int64
	say     func(format string, args ...any) // is told what is wrong
	in      *bufio.Reader
	record  []byte
}

// read gives a queue's messages in order. It takes more than nsqd would: all data files of a queue without a meta file, or with a damaged
// one, and those behind the file that was written to. Behind damage it goes on with the next file, as in nsqd.
func (r *queueReader) read(q *upstreamQueue, take func(upstreamMessage) error) error {
	read, write, known, err := r.places(q)
	if err != nil {
		return err
	}
	if known {
		r.missing(q, read, write)
	}
	for _, n := range q.numbers {
		if n < read.number {
			r.say("%s: not read, for all of it was delivered", queueFile(q.prefix, n))
			continue
		}
		var from, least int64
		if n == read.number {
			from = read.at
		}
		if known && n == write.number {
			least = write.at
		}
		if known && n > write.number {
			r.say("%s: nsqd did not know of it any more; it is read too", queueFile(q.prefix, n))
		}
		if err := r.readFile(queueFile(q.prefix, n), from, least, take); err != nil {
			return err
		}
	}
	return nil
}

// places gives where nsqd would have read and written next; if that is not known everything is to be read.
func (r *queueReader) places(q *upstreamQueue) (read, write queuePlace, known bool, err error) {
	name := queueFile(q.prefix, metaNumber)
	if !q.hasMeta {
		r.say("%s: missing; all that is in the data files is read, and may have been delivered before", name)
		return read, write, false, nil
	}
	p, err := readFile(r.fs, name, maxQueueMeta)
	if err != nil {
		return read, write, false, err
	}
	read, write, known = parseQueueMeta(p)
	if !known {
		r.say("%s: damaged (%.60q); all that is in the data files is read, and may have been delivered before", name, p)
		return queuePlace{}, queuePlace{}, false, nil
	}
	return read, write, true, nil
}

// missing tells of the data files that should be there.
func (r *queueReader) missing(q *upstreamQueue, read, write queuePlace) {
	next, last := read.number, write.number
	if write.at == 0 || read == write {
		last--
	}
	gap := func(last int64) {
		switch {
		case next == last:
			r.say("%s: missing", queueFile(q.prefix, next))
		case next < last:
			r.say("%s: missing, and so are all up to %s", queueFile(q.prefix, next), queueFile(q.prefix, last))
		}
	}
	for _, n := range q.numbers {
		if n >= next {
			gap(min(n-1, last))
			next = n + 1
		}
	}
	gap(last)
}

// readFile reads a data file from a place on. It should be least bytes long.
func (r *queueReader) readFile(name string, from, least int64, take func(upstreamMessage) error) error {
	size, err := r.fs.Size(name)
	if err != nil {
		return err
	}
	if want := max(from, least); size < want {
		r.say("%s: it has %d bytes, of %d; what stood in the others is lost", name, size, want)
	}
	if from >= size {
		return nil
	}
	f, err := r.fs.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	section := io.NewSectionReader(f, from, size-from)
	if r.in == nil {
		r.in = bufio.NewReaderSize(section, scanBytes)
	}
	r.in.Reset(section)
	for at := from; at < size; {
		m, n, why, err := r.next(size - at)
		if err != nil {
			return fmt.Errorf("%s at byte %d: %w", name, at, err)
		}
		if why != "" {
			r.say("%s: from byte %d on, %d bytes are not read: %s", name, at, size-at, why)
			return nil
		}
		if err := take(m); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// next reads a record of n bytes, of those that are left; why says that there is none.
func (r *queueReader) next(left int64) (m upstreamMessage, n int64, why string, err error) {
	var head [4]byte
	if left < int64(len(head)) {
		return m, 0, "a record's length is cut off", nil
	}
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return m, 0, "", err
	}
	length := int64(int32(binary.BigEndian.Uint32(head[:])))
	n = int64(len(head)) + length
	switch {
	case length < upstreamHeader || length > upstreamHeader+r.maxBody:
		return m, 0, fmt.Sprintf("%d is no length of a record, with bodies of up to %d", length, r.maxBody), nil
	case n > left:
		return m, 0, fmt.Sprintf("a record of %d bytes is cut off", n), nil
	}
	if int64(cap(r.record)) < length {
		r.record = make([]byte, length)
	}
	p := r.record[:length]
	if _, err := io.ReadFull(r.in, p); err != nil {
		return m, 0, "", err
	}
	m.at, m.attempts = int64(binary.BigEndian.Uint64(p)), binary.BigEndian.Uint16(p[8:])
	m.body = p[upstreamHeader:]
	return m, n, "", nil
}
