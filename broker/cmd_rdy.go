package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// RDY [<n>]\n lets the client have up to n messages in flight: a ceiling, not a credit that is used up. It has no answer.
// No n means 1, an empty one 0; after CLS it is ignored.
func (s *Session) rdy(now time.Time, c wire.Command) error {
	switch s.state() {
	case stateClosing:
		return nil
	case stateSubscribed:
	default:
		return violation("E_INVALID cannot RDY in current state")
	}
	n, ok := uint64(1), true
	if c.Params > 0 {
		n, ok = wire.ParseNumber(c.Args[0])
	}
	if !ok {
		return violation("E_INVALID RDY could not parse count %s", c.Args[0])
	}
	if limit := s.broker.opts.MaxRdyCount; n > uint64(limit) {
		return violation("E_INVALID RDY count %d out of range 0-%d", int64(n), limit)
	}
	s.hold(now, s.channel.topic)
	s.ready = int64(n)
	s.channel.offer(s)
	if !s.canTake() {
		s.flush()
	}
	return nil
}
