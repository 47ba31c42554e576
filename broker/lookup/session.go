package lookup

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// maxIdentity bounds the body of IDENTIFY, which upstream does not.
const maxIdentity = 64 << 10

// A handler carries out one command, and gives what is answered.
type handler func(s *Session, now time.Time, params []string, body []byte) (answer string, err error)

// A command is an entry of the protocol.
type command struct {
	name   string
	check  func(*Session) error // before the body is read; may be nil
	body   bool                 // a body follows, with its length before it
	handle handler
}

// commands is the protocol, one file each.
var commands = []command{
	{name: "PING", handle: (*Session).ping},
	{name: "IDENTIFY", check: (*Session).checkIdentify, body: true, handle: (*Session).identify},
	{name: "REGISTER", handle: (*Session).register},
	{name: "UNREGISTER", handle: (*Session).unregister},
}

// A Session is nsqlookupd's end of a connection: a wire.Endpoint.
type Session struct {
	registry *Registry
	remote   string
	wake     func()
	greeted  bool
	producer *producer // nil before IDENTIFY
	missing  error     // what the peer is told if no more bytes come

	mu       sync.Mutex
	out      []byte
	deadline time.Time // the peer is gone if it says nothing until then
}

// Connect begins a session. remote is the peer's address, which names the producer.
func (r *Registry) Connect(now time.Time, remote string, wake func()) *Session {
	return &Session{registry: r, remote: remote, wake: wake, deadline: now.Add(r.opts.InactiveProducerTimeout)}
}

// A violation is what a peer is told that did wrong; it ends the session.
type violation string

func (v violation) Error() string { return string(v) }

func violate(format string, args ...any) error { return violation(fmt.Sprintf(format, args...)) }

// Receive implements wire.Endpoint.
func (s *Session) Receive(now time.Time, p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, s.tell(s.missing)
	}
	if !s.greeted {
		if len(p) < len(wire.MagicV1) {
			return 0, nil
		}
		if string(p[:len(wire.MagicV1)]) != wire.MagicV1 {
			return 0, s.tell(violation("E_BAD_PROTOCOL"))
		}
		s.greeted = true
		n = len(wire.MagicV1)
	}
	for n < len(p) {
		used, err := s.execute(now, p[n:])
		if err != nil {
			return n, s.tell(err)
		}
		if used == 0 {
			break
		}
		n += used
	}
	if n > 0 {
		s.mu.Lock()
		s.deadline = now.Add(s.registry.opts.InactiveProducerTimeout)
		s.mu.Unlock()
	}
	return n, nil
}

// execute carries out the command at the front of p, if it is all there.
func (s *Session) execute(now time.Time, p []byte) (n int, err error) {
	s.missing = nil
	name, params, n, err := wire.ParseLookupLine(p)
	if err != nil || n == 0 {
		return 0, err
	}
	for i := range commands {
		c := &commands[i]
		if c.name != name {
			continue
		}
		if c.check != nil {
			if err := c.check(s); err != nil {
				return 0, err
			}
		}
		var body []byte
		if c.body {
			var used int
			if body, used, err = s.readBody(name, p[n:]); err != nil || used == 0 {
				return 0, err
			}
			n += used
		}
		answer, err := c.handle(s, now, params, body)
		if err == nil {
			s.answer(answer)
		}
		return n, err
	}
	return 0, violate("E_INVALID invalid command %s", name)
}

// readBody takes a command's body from the front of p; n is 0 if it has not all come.
func (s *Session) readBody(name string, p []byte) (body []byte, n int, err error) {
	size, ok := wire.ParseSize(p)
	if !ok {
		s.missing = violate("E_BAD_BODY %s failed to read body size", name)
		return nil, 0, nil
	}
	if size < 0 {
		return nil, 0, violate("E_BAD_BODY %s invalid body size %d", name, size)
	}
	if size > maxIdentity {
		return nil, 0, violate("E_BAD_BODY %s body too big %d > %d", name, size, maxIdentity)
	}
	if n = 4 + int(size); len(p) < n {
		s.missing = violate("E_BAD_BODY %s failed to read body", name)
		return nil, 0, nil
	}
	return p[4:n], n, nil
}

// tell answers a peer that did wrong, and gives the error back, for it ends the session.
func (s *Session) tell(err error) error {
	var told violation
	if errors.As(err, &told) {
		s.answer(string(told))
	}
	return err
}

func (s *Session) answer(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = wire.AppendAnswer(s.out, text)
}

// Transmit implements wire.Endpoint.
func (s *Session) Transmit(spare []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.out
	s.out = spare[:0]
	return out
}

// NextTimeout implements wire.Endpoint.
func (s *Session) NextTimeout() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline
}

// HandleTimeout implements wire.Endpoint: it ends a session whose peer has said nothing for so long that it is not handed out any more.
func (s *Session) HandleTimeout(now time.Time) error {
	if now.Before(s.NextTimeout()) {
		return nil
	}
	return errors.New("lookup: the peer said nothing for the inactive producer timeout")
}

// Disconnect implements wire.Endpoint.
func (s *Session) Disconnect(time.Time) {
	if s.producer != nil {
		s.registry.disconnect(s.producer)
	}
}
