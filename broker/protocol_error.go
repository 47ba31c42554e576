package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// protocolError is what a client is told when it did wrong. All but a few end the session.
type protocolError struct {
	text  string
	fatal bool
}

func (e *protocolError) Error() string { return e.text }

// violation ends the session, after the client was told.
func violation(format string, args ...any) error {
	return &protocolError{text: fmt.Sprintf(format, args...), fatal: true}
}

// refusal tells the client, and the session goes on.
func refusal(format string, args ...any) error {
	return &protocolError{text: fmt.Sprintf(format, args...)}
}

// tell answers a client that did wrong, and gives the error back if it ends the session.
func (s *Session) tell(now time.Time, err error) error {
	var told *protocolError
	if !errors.As(err, &told) {
		return err
	}
	if !told.fatal {
		s.respond(wire.FrameError, told.text)
		return nil
	}
	s.retire(now)
	if s.release(now); s.broken != nil {
		return s.broken
	}
	s.mu.Lock()
	s.say(reply{frame: wire.FrameError, text: told.text}) // what waits for a topic to last is told nothing any more
	s.mu.Unlock()
	return err
}

// endOfStream tells a client that stopped in the middle of a body what is missing.
func (s *Session) endOfStream(now time.Time) error {
	if s.missing == nil {
		return nil
	}
	err := s.missing()
	s.missing = nil
	return s.tell(now, err)
}
