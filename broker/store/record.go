package store

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// An Offset is a place in a topic's log, in bytes; a message is called by the offset it was first written at.
type Offset uint64

// A Record is a message as the log keeps it.
type Record struct {
	ID   Offset // its name: where it was first written
	At   int64  // when it was accepted, ns since the Unix epoch
	Due  int64  // when it may be delivered, ns since the Unix epoch; 0: at once
	More bool   // the next one belongs to it: they are found both, or neither
	And  bool   // it belongs to the one before
	Body []byte
}

// A record in a file: magic, CRC-32C, length of the body, id, at, due (big-endian, 4 4 4 8 8 8 bytes), body. The length's highest bits
// are More and And. The sum is of the record's offset and of all but the magic and itself, so that a record found elsewhere than it was
// written is a bad one.
const (
	headerSize = 4 + 4 + 4 + 8 + 8 + 8
	magic      = 0x6e73716c // "nsql"
	more       = 1 << 31
	and        = 1 << 30
)

// MaxBody is the largest body that a log takes, in bytes.
const MaxBody = 1<<30 - 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends r as it stands in a file at offset o.
func appendRecord(dst []byte, o Offset, r Record) []byte {
	length := uint32(len(r.Body))
	if r.More {
		length |= more
	}
	if r.And {
		length |= and
	}
	from := len(dst)
	dst = slices.Grow(dst, headerSize+len(r.Body))[:from+headerSize]
	p := dst[from:]
	binary.BigEndian.PutUint32(p, magic)
	binary.BigEndian.PutUint32(p[8:], length)
	binary.BigEndian.PutUint64(p[12:], uint64(r.ID))
	binary.BigEndian.PutUint64(p[20:], uint64(r.At))
	binary.BigEndian.PutUint64(p[28:], uint64(r.Due))
	dst = append(dst, r.Body...)
	binary.BigEndian.PutUint32(dst[from+4:], sum(o, dst[from:]))
	return dst
}

// sum is the CRC-32C of the record p, made another by its offset.
func sum(o Offset, p []byte) uint32 {
	return crc32.Checksum(p[8:], castagnoli) ^ uint32(o) ^ uint32(o>>32)
}

// A state is what stands at a place.
type state int

const (
	good  state = iota
	short       // a record may stand there, but p ends before it does
	bad         // no record
)

// parseRecord reads the record at offset o from the front of p; size is its length, also if p is short of it and has its header.
func parseRecord(o Offset, p []byte, r *Record) (size int, s state) {
	size, whole := measure(p)
	switch {
	case len(p) >= 4 && binary.BigEndian.Uint32(p) != magic:
		return 0, bad
	case !whole:
		return size, short
	}
	if p = p[:size]; binary.BigEndian.Uint32(p[4:]) != sum(o, p) {
		return 0, bad
	}
	decode(p, r)
	return size, good
}

// decode reads the record that p is.
func decode(p []byte, r *Record) {
	r.ID = Offset(binary.BigEndian.Uint64(p[12:]))
	r.At = int64(binary.BigEndian.Uint64(p[20:]))
	r.Due = int64(binary.BigEndian.Uint64(p[28:]))
	r.More = p[8]&(more>>24) != 0
	r.And = p[8]&(and>>24) != 0
	r.Body = p[headerSize:len(p):len(p)]
}

// measure says how long the record is that p begins with, as far as that can be seen, and whether all of it is there; of what is no record it is.
func measure(p []byte) (size int, whole bool) {
	if len(p) < headerSize {
		return headerSize, false
	}
	if binary.BigEndian.Uint32(p) != magic {
		return 0, true
	}
	size = sizeOf(p)
	return size, len(p) >= size
}

// SizeOf is how long a record is in a file, in bytes.
func SizeOf(r Record) Offset { return Offset(headerSize + len(r.Body)) }

// sizeOf is how long the record is that p begins with, which is there.
func sizeOf(p []byte) int { return headerSize + int(binary.BigEndian.Uint32(p[8:])&MaxBody) }
