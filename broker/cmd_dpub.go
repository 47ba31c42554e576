package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// DPUB <topic> <defer_ms>\n and a body publishes one message that no consumer gets before the deferral is over. OK says
// that the topic has it.
func (s *Session) dpub(now time.Time, c wire.Command) error {
	if err := s.mayPublish(now, "DPUB", c.Args[0]); err != nil {
		return err
	}
	t, err := s.topic(now, c.Args[0])
	if err != nil {
		return violation("E_DPUB_FAILED DPUB failed %s", err)
	}
	t.publish(now, c.Body, s.deferral, false, false)
	s.published++
	s.acknowledge("DPUB")
	return nil
}

func (s *Session) checkDPub(_ time.Time, c wire.Command) error {
	if c.Params < 2 {
		return violation("E_INVALID DPUB insufficient number of parameters")
	}
	if err := s.checkTopic(c); err != nil {
		return err
	}
	ms, ok := wire.ParseNumber(c.Args[1])
	if !ok {
		return violation("E_INVALID DPUB could not parse timeout %s", c.Args[1])
	}
	limit := s.broker.opts.MaxDeferral().Milliseconds()
	if ms > uint64(limit) {
		return violation("E_INVALID DPUB timeout %d out of range 0-%d", ms, limit)
	}
	s.deferral = time.Duration(ms) * time.Millisecond
	return nil
}
