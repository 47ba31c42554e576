package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Magic is what a client sends first: protocol V2.
const Magic = "  V2"

// MaxLine is the longest command line in bytes, its newline included.
const MaxLine = 16 << 10

// ErrLineTooLong is a command line without a newline in its first [MaxLine] bytes.
var ErrLineTooLong = errors.New("wire: no newline within 16 KiB")

// A Command is the line of one client command; its slices point into the buffer it was parsed from.
type Command struct {
	Name   []byte
	Args   [2][]byte // the first two parameters; nil where there is none
	Params int       // how many parameters the line has, those beyond Args included
	Body   []byte    // what follows the line, if anything; ParseLine leaves it nil
}

// ParseLine reads the command line at the front of p, up to and with its newline; n is its length, 0 if the newline
// has not come. Parameters are split at each single blank, so two blanks enclose an empty one. A body is not read.
func ParseLine(p []byte) (c Command, n int, err error) {
	end := bytes.IndexByte(p[:min(len(p), MaxLine)], '\n')
	if end < 0 {
		if len(p) >= MaxLine {
			return c, 0, ErrLineTooLong
		}
		return c, 0, nil
	}
	line := bytes.TrimSuffix(p[:end], []byte("\r"))
	name, rest, more := bytes.Cut(line, []byte(" "))
	c.Name = name
	for more {
		var arg []byte
		arg, rest, more = bytes.Cut(rest, []byte(" "))
		if c.Params < len(c.Args) {
			c.Args[c.Params] = arg
		}
		c.Params++
	}
	return c, end + 1, nil
}

// ParseSize reads the four bytes that announce a body, or a message in an MPUB; ok is false if they have not all come.
func ParseSize(p []byte) (size int32, ok bool) {
	if len(p) < 4 {
		return 0, false
	}
	return int32(binary.BigEndian.Uint32(p)), true
}

// ParseNumber reads a number as nsqd does: decimal digits alone, none of them meaning 0, and overflow wraps modulo 2^64.
func ParseNumber(p []byte) (n uint64, ok bool) {
	for _, b := range p {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + uint64(b-'0')
	}
	return n, true
}

// AppendCommand appends a command line: its name, its parameters and the newline.
func AppendCommand(dst []byte, name string, params ...string) []byte {
	dst = append(dst, name...)
	for _, p := range params {
		dst = append(dst, ' ')
		dst = append(dst, p...)
	}
	return append(dst, '\n')
}

// AppendBody appends a body with its length before it.
func AppendBody(dst, body []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	return append(dst, body...)
}

// AppendBodies appends the body of an MPUB: its length, the number of messages, and each with its length.
func AppendBodies(dst []byte, bodies [][]byte) []byte {
	size := 4
	for _, b := range bodies {
		size += 4 + len(b)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(bodies)))
	for _, b := range bodies {
		dst = AppendBody(dst, b)
	}
	return dst
}
