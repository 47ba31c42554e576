package broker

import (
	"bytes"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// finLength is that of "FIN <id>\n".
const finLength = 4 + len(wire.ID{}) + 1

// quick carries out what most commands are, on a short way: a PUB to the topic that was published to last, and a FIN of a message that the client
// holds. n is 0 if p begins with anything else, or not with all of it. A PUB that needs an authorization goes the long way.
func (s *Session) quick(now time.Time, p []byte) (n int) {
	if p[0] == 'F' {
		return s.quickFin(now, p)
	}
	if t := s.last; t != nil && s.holding == t && !t.deleted && !t.draining && len(s.again) > 0 && bytes.HasPrefix(p, s.again) {
		rest := p[len(s.again):]
		size, ok := wire.ParseSize(rest)
		if !ok || size <= 0 || int64(size) > s.broker.opts.MaxMsgSize || len(rest) < 4+int(size) {
			return 0
		}
		t.publish(now, rest[4:4+size], 0, false, false)
		s.published++
		s.acknowledge("PUB")
		return len(s.again) + 4 + int(size)
	}
	return 0
}

func (s *Session) quickFin(now time.Time, p []byte) (n int) {
	if s.channel == nil || len(p) < finLength || p[finLength-1] != '\n' || string(p[:4]) != "FIN " {
		return 0
	}
	o, ok := s.broker.parseID(p[4 : finLength-1])
	if !ok {
		return 0
	}
	s.hold(now, s.channel.topic)
	d := s.channel.window.find(o)
	if d == nil || d.holder != s {
		return 0
	}
	s.channel.complete(now, d)
	return finLength
}
