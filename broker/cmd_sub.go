package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// SUB <topic> <channel>\n makes the client a consumer of a channel, which is made if need be. After OK nothing comes until RDY. OK says that the
// channel is as safe as the topic wants it.
func (s *Session) sub(now time.Time, c wire.Command) error {
	switch {
	case s.state() != stateInit:
		return violation("E_INVALID cannot SUB in current state")
	case s.silence == 0:
		return violation("E_INVALID cannot SUB with heartbeats disabled")
	case c.Params < 2:
		return violation("E_INVALID SUB insufficient number of parameters")
	case !wire.ValidName(string(c.Args[0])):
		return violation("E_BAD_TOPIC SUB topic name %q is not valid", c.Args[0])
	case !wire.ValidName(string(c.Args[1])):
		return violation("E_BAD_CHANNEL SUB channel name %q is not valid", c.Args[1])
	}
	if err := s.maySubscribe(now, string(c.Args[0]), string(c.Args[1])); err != nil {
		return err
	}
	t, err := s.anyTopic(now, c.Args[0])
	if err != nil {
		return violation("E_SUB_FAILED SUB failed %s", err)
	}
	name, limit := string(c.Args[1]), s.broker.opts.MaxChannelConsumers
	if ch := t.channel(name); ch != nil && limit > 0 && len(ch.consumers) >= limit {
		return violation("E_SUB_FAILED SUB failed consumers for %s:%s exceeds limit of %d", t.name, name, limit)
	}
	ch := t.open(now, name)
	lasts, err := ch.tell(now)
	if err != nil {
		return violation("E_SUB_FAILED SUB failed %s", err)
	}
	ch.consumers = append(ch.consumers, s)
	s.lane = t.timers.lane(int64(s.msgTimeout))
	s.locality = s.findLocality()
	s.mu.Lock()
	s.channel = ch
	s.client.state = stateSubscribed
	s.mu.Unlock()
	if t.syncs() && ch.opening > 0 && lasts {
		s.full = true // no message comes before OK
		s.replies = append(s.replies, reply{frame: wire.FrameResponse, text: "OK", opens: true})
	} else {
		s.respond(wire.FrameResponse, "OK")
	}
	return nil
}

// tell has the journal know of a channel that does not last yet, if its topic has OK promise more than nothing, and says why it cannot. The only
// channel of a topic for which something waits does without: that may be what fills the disk, and after a crash the first channel gets it.
// Such a channel, and one that is #ephemeral, do not last.
func (c *channel) tell(now time.Time) (lasts bool, err error) {
	t := c.topic
	if c.opening == 0 || c.number == 0 || t.lazy() {
		return c.number != 0, nil
	}
	t.record(now)
	err = t.mend(now)
	t.suffer(err)
	t.wantSync(now)
	if err != nil && len(t.visible()) == 1 && t.waiting+c.depth() > 0 {
		return false, nil
	}
	return true, err
}

// state is where the session stands. Only its own commands change it, so they read it without its lock.
func (s *Session) state() state { return s.client.state }
