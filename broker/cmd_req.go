package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// REQ <id> <timeout_ms>\n gives a message back, to come again at once or after a deferral, which is cut to
// max-req-timeout. It has no answer when it succeeds.
func (s *Session) req(now time.Time, c wire.Command) error {
	id, err := s.heldID("REQ", c, 2)
	if err != nil {
		return err
	}
	ms, ok := wire.ParseNumber(c.Args[1])
	if !ok {
		return violation("E_INVALID REQ could not parse timeout %s", c.Args[1])
	}
	delay := time.Duration(ms) * time.Millisecond // it wraps, as in nsqd
	delay = min(max(delay, 0), s.broker.opts.MaxReqTimeout)
	s.hold(now, s.channel.topic)
	d, err := s.channel.held(s, id)
	if err != nil {
		return refusal("E_REQ_FAILED REQ %s failed %s", id, err)
	}
	s.requeued++
	s.channel.requeue(now, d, delay)
	return nil
}
