package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// MPUB <topic>\n and a body publishes many messages, all or none. OK says that the topic has them all.
func (s *Session) mpub(now time.Time, c wire.Command) error {
	t, err := s.topic(now, c.Args[0])
	if err != nil {
		return violation("E_MPUB_FAILED MPUB failed %s", err)
	}
	parts := 0
	for rest := c.Body; len(rest) > 0; {
		size, _ := wire.ParseSize(rest)
		body := rest[4 : 4+size]
		rest = rest[4+size:]
		t.publish(now, body, 0, parts > 0, len(rest) > 0)
		parts++
	}
	s.published += uint64(parts)
	s.batch += parts / 4
	s.acknowledge("MPUB")
	return nil
}

func (s *Session) checkMPub(now time.Time, c wire.Command) error {
	if c.Params < 1 {
		return violation("E_INVALID MPUB insufficient number of parameters")
	}
	if !s.validTopic(c.Args[0]) {
		return violation("E_BAD_TOPIC E_BAD_TOPIC MPUB topic name %q is not valid", c.Args[0]) // doubled, as in nsqd
	}
	if err := s.mayPublish(now, "MPUB", c.Args[0]); err != nil {
		return err
	}
	if _, err := s.topic(now, c.Args[0]); err != nil { // made before the body is read, as in nsqd
		return violation("E_MPUB_FAILED MPUB failed %s", err)
	}
	return nil
}

// A scan is how far the body of an MPUB that has not all come was looked at, so that each message is looked at once.
type scan struct {
	at    int // bytes
	index int // messages
}

// mpubBody reads the body of MPUB, and gives its messages, each with its size. The length that it declares is checked and
// otherwise ignored, as in nsqd: the number of messages decides where it ends. Unlike in nsqd the true length is limited
// as the declared one is, for it is kept until all has come.
func (s *Session) mpubBody(_ string, p []byte) (body []byte, n int, err error) {
	count, err := s.mpubHead(p)
	if err != nil || count == 0 {
		return nil, 0, err
	}
	at := max(s.scan.at, 8)
	for i := s.scan.index; i < count; i++ {
		s.scan = scan{at, i}
		size, ok := wire.ParseSize(p[at:])
		if !ok {
			index := i
			s.missing = func() error { return violation("E_BAD_MESSAGE MPUB failed to read message(%d) body size", index) }
			return nil, 0, nil
		}
		if err := s.checkPart(i, size, at+int(size)); err != nil {
			return nil, 0, err
		}
		if len(p) < at+4+int(size) {
			s.missing = func() error { return violation("E_BAD_MESSAGE MPUB failed to read message body") }
			return nil, 0, nil
		}
		at += 4 + int(size)
	}
	s.scan = scan{}
	return p[8:at], at, nil
}

// checkPart refuses a message of an MPUB by its size, or by that of the body up to its end.
func (s *Session) checkPart(i int, size int32, body int) error {
	if size <= 0 {
		return violation("E_BAD_MESSAGE MPUB invalid message(%d) body size %d", i, size)
	}
	if limit := s.broker.opts.MaxMsgSize; int64(size) > limit {
		return violation("E_BAD_MESSAGE MPUB message too big %d > %d", size, limit)
	}
	if limit := s.broker.opts.MaxBodySize; int64(body) > limit {
		return violation("E_BAD_BODY MPUB body too big %d > %d", body, limit)
	}
	return nil
}

// mpubHead reads the body's length and the number of messages, 0 if they have not all come.
func (s *Session) mpubHead(p []byte) (count int, err error) {
	limit := s.broker.opts.MaxBodySize
	size, ok := wire.ParseSize(p)
	if !ok {
		s.missing = func() error { return violation("E_BAD_BODY MPUB failed to read body size") }
		return 0, nil
	}
	if size <= 0 {
		return 0, violation("E_BAD_BODY MPUB invalid body size %d", size)
	}
	if int64(size) > limit {
		return 0, violation("E_BAD_BODY MPUB body too big %d > %d", size, limit)
	}
	messages, ok := wire.ParseSize(p[4:])
	if !ok {
		s.missing = func() error { return violation("E_BAD_BODY MPUB failed to read message count") }
		return 0, nil
	}
	if messages <= 0 || int64(messages) > (limit-4)/5 {
		return 0, violation("E_BAD_BODY MPUB invalid message count %d", messages)
	}
	return int(messages), nil
}
