package chaos

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A scanner reads one direction of a connection as it comes, in whatever pieces, and finds where each command or frame begins. It keeps
// nothing of bodies. What is no V2 it does not understand, from there on.
type scanner struct {
	frames bool  // of the broker; else commands of the client
	at     int64 // how many bytes it has seen
	mute   bool  // it has met what it does not understand

	part  part
	begin int64  // the offset of what it is in
	head  []byte // of what it is in: as much as its part needs
	skip  int64  // bytes of its body yet to come
}

// A part is where in a direction a scanner is.
type part byte

const (
	atStart part = iota // of a direction; the client's begins with the magic
	inName              // of a command
	inLine              // the rest of a command's line
	inSize              // of a command's body
	inBody              // of a command or a frame
	inFrame             // its header, and as much of its data as tells what it is
)

const (
	frameHead = 8  // int32 size, int32 type
	telling   = 16 // bytes of a frame's data that tell what it is
)

// scan reads on, and calls found with a command's name, a response's kind, an error's code or "message", and the offset of its first byte.
func (s *scanner) scan(p []byte, found func(what string, begin int64)) {
	for len(p) > 0 && !s.mute {
		if s.part == inBody {
			n := min(s.skip, int64(len(p)))
			p, s.at, s.skip = p[n:], s.at+n, s.skip-n
			if s.skip == 0 {
				s.next()
			}
			continue
		}
		if s.part == atStart && s.frames {
			s.next()
		}
		if len(s.head) == 0 && s.part != inSize && s.part != inLine {
			s.begin = s.at
		}
		s.head = append(s.head, p[0])
		p, s.at = p[1:], s.at+1
		s.step(found)
	}
	s.at += int64(len(p))
}

// next is between two commands or frames.
func (s *scanner) next() {
	s.part, s.head = inName, s.head[:0]
	if s.frames {
		s.part = inFrame
	}
}

// step takes the byte that was put into the head.
func (s *scanner) step(found func(what string, begin int64)) {
	last := s.head[len(s.head)-1]
	switch s.part {
	case atStart:
		s.mute = !bytes.HasPrefix([]byte(wire.Magic), s.head)
		if len(s.head) == len(wire.Magic) {
			s.next()
		}
	case inName:
		s.name(last, found)
	case inLine:
		s.mute = len(s.head) > wire.MaxLine
		s.endLine(last)
	case inSize:
		if len(s.head) == 4 {
			s.into(int64(int32(binary.BigEndian.Uint32(s.head))))
		}
	case inFrame:
		s.frame(found)
	}
}

// withBody are the commands that have one.
var withBody = []string{"IDENTIFY", "AUTH", "PUB", "MPUB", "DPUB"}

// name takes a byte of a command's name, or the one behind it.
func (s *scanner) name(last byte, found func(what string, begin int64)) {
	if last != ' ' && last != '\n' {
		s.mute = len(s.head) > len("IDENTIFY")
		return
	}
	what := string(s.head[:len(s.head)-1])
	if !slices.Contains(commands, what) && what != "AUTH" {
		s.mute = true
		return
	}
	found(what, s.begin)
	s.skip = 0
	if slices.Contains(withBody, what) {
		s.skip = 1 // or more: its size tells
	}
	s.part, s.head = inLine, s.head[:0]
	s.endLine(last)
}

// endLine ends a command's line, if it is over.
func (s *scanner) endLine(last byte) {
	switch {
	case last != '\n':
	case s.skip > 0:
		s.part, s.head = inSize, s.head[:0]
	default:
		s.next()
	}
}

// into passes over a body of so many bytes.
func (s *scanner) into(bytes int64) {
	switch {
	case bytes < 0:
		s.mute = true
	case bytes == 0:
		s.next()
	default:
		s.part, s.skip, s.head = inBody, bytes, s.head[:0]
	}
}

// frame takes a byte of a frame's header, or of its data.
func (s *scanner) frame(found func(what string, begin int64)) {
	if len(s.head) < frameHead {
		return
	}
	data := int64(int32(binary.BigEndian.Uint32(s.head))) - 4
	kind := wire.FrameType(binary.BigEndian.Uint32(s.head[4:]))
	if data < 0 || kind > wire.FrameMessage {
		s.mute = true
		return
	}
	read := int64(len(s.head) - frameHead)
	if kind != wire.FrameMessage && read < min(data, telling) {
		return
	}
	found(meaning(kind, s.head[frameHead:]), s.begin)
	s.into(data - read)
}

// meaning is what a frame is, by its type and the first bytes of its data.
func meaning(kind wire.FrameType, data []byte) string {
	switch {
	case kind == wire.FrameMessage:
		return "message"
	case kind == wire.FrameError:
		for _, code := range []string{"E_FIN_FAILED", "E_REQ_FAILED", "E_TOUCH_FAILED"} {
			if bytes.HasPrefix(data, []byte(code)) {
				return code
			}
		}
		return "error"
	case string(data) == wire.Heartbeat:
		return "heartbeat"
	case string(data) == "CLOSE_WAIT":
		return "CLOSE_WAIT"
	}
	return "OK"
}
