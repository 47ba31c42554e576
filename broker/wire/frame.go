package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A FrameType says what a frame from the broker carries.
type FrameType int32

// The frame types of protocol V2.
const (
	FrameResponse FrameType = 0
	FrameError    FrameType = 1
	FrameMessage  FrameType = 2
)

// Heartbeat is the data of the response frame that a client has to answer with any command, normally NOP.
const Heartbeat = "_heartbeat_"

// A Frame is what the broker sends: a response, an error or a message. Data points into the buffer it was parsed from.
type Frame struct {
	Type FrameType
	Data []byte
}

const frameHeader = 8 // int32 size, int32 type

// AppendFrame appends a frame with the given data.
func AppendFrame(dst []byte, t FrameType, data []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(4+len(data)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t))
	return append(dst, data...)
}

// ParseFrame reads the frame at the front of p; n is its length, 0 if it has not all come. A frame of more than
// maxSize bytes of data, or of an unknown type, is an error.
func ParseFrame(p []byte, maxSize int) (f Frame, n int, err error) {
	size, ok := ParseSize(p)
	if !ok {
		return f, 0, nil
	}
	if size < 4 || int64(size)-4 > int64(maxSize) {
		return f, 0, fmt.Errorf("wire: frame of %d bytes, want 4 to %d", size, int64(maxSize)+4)
	}
	if len(p) < 4+int(size) {
		return f, 0, nil
	}
	f.Type = FrameType(int32(binary.BigEndian.Uint32(p[4:])))
	if f.Type < FrameResponse || f.Type > FrameMessage {
		return f, 0, fmt.Errorf("wire: frame type %d, want 0, 1 or 2", f.Type)
	}
	f.Data = p[frameHeader : 4+size]
	return f, 4 + int(size), nil
}

// An ID is a message's name: 16 bytes that a client must not look into.
type ID [16]byte

func (id ID) String() string { return string(id[:]) }

// A Message is one delivery as it goes over the wire.
type Message struct {
	Timestamp int64  // when the broker accepted it, ns since the Unix epoch
	Attempts  uint16 // deliveries so far, this one included; wraps to 0
	ID        ID
	Body      []byte
}

// messageHeader is the length of a message without its body: timestamp, attempts, id.
const messageHeader = 8 + 2 + 16

// AppendMessage appends a message as a frame.
func AppendMessage(dst []byte, m Message) []byte {
	n := len(dst)
	dst = slices.Grow(dst, 8+messageHeader+len(m.Body))[:n+8+messageHeader]
	p := dst[n:]
	binary.BigEndian.PutUint32(p, uint32(4+messageHeader+len(m.Body)))
	binary.BigEndian.PutUint32(p[4:], uint32(FrameMessage))
	binary.BigEndian.PutUint64(p[8:], uint64(m.Timestamp))
	binary.BigEndian.PutUint16(p[16:], m.Attempts)
	copy(p[18:], m.ID[:])
	return append(dst, m.Body...)
}

// ParseMessage reads the data of a message frame. Body points into it.
func ParseMessage(data []byte) (m Message, err error) {
	if len(data) < messageHeader {
		return m, fmt.Errorf("wire: message of %d bytes, want %d or more", len(data), messageHeader)
	}
	m.Timestamp = int64(binary.BigEndian.Uint64(data))
	m.Attempts = binary.BigEndian.Uint16(data[8:])
	copy(m.ID[:], data[10:])
	m.Body = data[messageHeader:]
	return m, nil
}
