package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// PUB <topic>\n and a body publishes one message. OK says that the topic has it, not that a channel does.
func (s *Session) pub(now time.Time, c wire.Command) error {
	if err := s.mayPublish(now, "PUB", c.Args[0]); err != nil {
		return err
	}
	t, err := s.topic(now, c.Args[0])
	if err != nil {
		return violation("E_PUB_FAILED PUB failed %s", err)
	}
	t.publish(now, c.Body, 0, false, false)
	s.published++
	s.acknowledge("PUB")
	return nil
}

func (s *Session) checkPub(_ time.Time, c wire.Command) error {
	if c.Params < 1 {
		return violation("E_INVALID PUB insufficient number of parameters")
	}
	return s.checkTopic(c)
}

func (s *Session) checkTopic(c wire.Command) error {
	if !s.validTopic(c.Args[0]) {
		return violation("E_BAD_TOPIC %s topic name %q is not valid", c.Name, c.Args[0])
	}
	return nil
}

// validTopic checks a topic's name, if it is not the one that was checked last.
func (s *Session) validTopic(name []byte) bool {
	return s.last != nil && s.last.name == string(name) || wire.ValidName(string(name))
}

// topic locks the topic to publish to, made if need be. A broker that drains has none.
func (s *Session) topic(now time.Time, name []byte) (*topic, error) {
	t, err := s.anyTopic(now, name)
	if err == nil && t.draining {
		return nil, ErrDraining
	}
	return t, err
}

// anyTopic locks a topic, made if need be.
func (s *Session) anyTopic(now time.Time, name []byte) (*topic, error) {
	if t := s.holding; t != nil && t.name == string(name) && !t.deleted {
		return t, nil
	}
	if t := s.last; t != nil && t.name == string(name) {
		if s.hold(now, t); !t.deleted {
			return t, nil
		}
	}
	s.release(now)
	t, err := s.broker.open(now, string(name))
	if err != nil {
		return nil, err
	}
	s.holding, s.last = t, t
	if !s.broker.opts.AuthRequired {
		s.again = wire.AppendCommand(s.again[:0], "PUB", t.name)
	}
	return t, nil
}

// messageBody reads the body of PUB and DPUB.
func (s *Session) messageBody(name string, p []byte) (body []byte, n int, err error) {
	limit := s.broker.opts.MaxMsgSize
	size, ok := wire.ParseSize(p)
	if !ok {
		s.missing = func() error { return violation("E_BAD_MESSAGE %s failed to read message body size", name) }
		return nil, 0, nil
	}
	if size <= 0 {
		return nil, 0, violation("E_BAD_MESSAGE %s invalid message body size %d", name, size)
	}
	if int64(size) > limit {
		return nil, 0, violation("E_BAD_MESSAGE %s message too big %d > %d", name, size, limit)
	}
	n = 4 + int(size)
	if len(p) < n {
		s.missing = func() error { return violation("E_BAD_MESSAGE %s failed to read message body", name) }
		return nil, 0, nil
	}
	return p[4:n], n, nil
}
