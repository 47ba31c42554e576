package wire

import (
	"bytes"
	"encoding/binary"
)

// MagicV1 is what nsqd sends first to nsqlookupd: protocol V1.
const MagicV1 = "  V1"

// ParseLookupLine reads the command line at the front of p as nsqlookupd does: white space around it is dropped, and what is left is
// split at each single blank. n is its length with the newline, 0 if that has not come. Upstream reads on for ever; here a line ends
// within [MaxLine] bytes.
func ParseLookupLine(p []byte) (name string, params []string, n int, err error) {
	end := bytes.IndexByte(p[:min(len(p), MaxLine)], '\n')
	if end < 0 {
		if len(p) >= MaxLine {
			return "", nil, 0, ErrLineTooLong
		}
		return "", nil, 0, nil
	}
	words := bytes.Split(bytes.TrimSpace(p[:end]), []byte(" "))
	for _, w := range words[1:] {
		params = append(params, string(w))
	}
	return string(words[0]), params, end + 1, nil
}

// AppendAnswer appends what nsqlookupd answers: its length and the data, which has no type.
func AppendAnswer(dst []byte, data string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(data)))
	return append(dst, data...)
}

// ParseAnswer reads the answer at the front of p; n is its length, 0 if it has not all come. ok is false if it is longer than maxSize, or
// has no length that can be.
func ParseAnswer(p []byte, maxSize int) (data []byte, n int, ok bool) {
	size, come := ParseSize(p)
	if !come {
		return nil, 0, true
	}
	if size < 0 || int64(size) > int64(maxSize) {
		return nil, 0, false
	}
	if n = 4 + int(size); len(p) < n {
		return nil, 0, true
	}
	return p[4:n], n, true
}
