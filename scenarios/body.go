package scenarios

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/nsqlab/nsqlab/reports/history"
)

// bodyHead is the least size of a message: run (8 bytes), producer (4), number (8), CRC-32C of all the rest (4).
const bodyHead = 24

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// makeBody makes a message of the given size that tells where it is from, and whether it is whole.
func makeBody(run uint64, producer uint32, number uint64, size int) []byte {
	p := make([]byte, size)
	binary.BigEndian.PutUint64(p, run)
	binary.BigEndian.PutUint32(p[8:], producer)
	binary.BigEndian.PutUint64(p[12:], number)
	for i := bodyHead; i < size; i++ {
		p[i] = byte(number + uint64(i)*31)
	}
	binary.BigEndian.PutUint32(p[20:], bodySum(p))
	return p
}

func bodySum(p []byte) uint32 {
	return crc32.Update(crc32.Checksum(p[:20], castagnoli), castagnoli, p[bodyHead:])
}

// readBody reads which message of the run this is; 0 if it is whole and of another run. The error says how it is damaged.
func readBody(run uint64, p []byte) (msg uint64, err error) {
	if len(p) < bodyHead {
		return 0, fmt.Errorf("body of %d bytes, want %d or more", len(p), bodyHead)
	}
	if got, want := bodySum(p), binary.BigEndian.Uint32(p[20:]); got != want {
		return 0, fmt.Errorf("CRC-32C of the body is %08x, it says %08x", got, want)
	}
	if binary.BigEndian.Uint64(p) != run {
		return 0, nil
	}
	return history.Msg(binary.BigEndian.Uint32(p[8:]), binary.BigEndian.Uint64(p[12:])), nil
}

// ReadBody reads which message of a run a body is, as the consumers do: 0 if it is of another run, or damaged.
func ReadBody(run uint64, p []byte) (msg uint64) {
	msg, err := readBody(run, p)
	if err != nil {
		return 0
	}
	return msg
}
