package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// TOUCH <id>\n begins the timeout of a message that the client holds anew, but never so that it is held longer than
// max-msg-timeout. It has no answer when it succeeds.
func (s *Session) touch(now time.Time, c wire.Command) error {
	id, err := s.heldID("TOUCH", c, 1)
	if err != nil {
		return err
	}
	s.hold(now, s.channel.topic)
	d, err := s.channel.held(s, id)
	if err != nil {
		return refusal("E_TOUCH_FAILED TOUCH %s failed %s", id, err)
	}
	t := s.channel.topic
	t.timers.remove(d)
	d.due = min(s.broker.tick(now)+int64(s.msgTimeout), d.delivered+int64(s.broker.opts.MaxMsgTimeout))
	t.await(d, s.lane)
	return nil
}
