package broker

import (
	"errors"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// Why a message cannot be finished, requeued or touched.
var (
	errNotInFlight = errors.New("ID not in flight")
	errNotOwner    = errors.New("client does not own message")
)

// FIN <id>\n ends a message that the client holds: it has done with it. It has no answer when it succeeds.
func (s *Session) fin(now time.Time, c wire.Command) error {
	id, err := s.heldID("FIN", c, 1)
	if err != nil {
		return err
	}
	s.hold(now, s.channel.topic)
	d, err := s.channel.held(s, id)
	if err != nil {
		return refusal("E_FIN_FAILED FIN %s failed %s", id, err)
	}
	s.channel.complete(now, d)
	return nil
}

// heldID checks the state and the parameters of FIN, REQ and TOUCH, and gives the message id.
func (s *Session) heldID(name string, c wire.Command, params int) ([]byte, error) {
	if s.state() == stateInit {
		return nil, violation("E_INVALID cannot %s in current state", name)
	}
	if c.Params < params {
		return nil, violation("E_INVALID %s insufficient number of params", name)
	}
	if len(c.Args[0]) != len(wire.ID{}) {
		return nil, violation("E_INVALID invalid message ID")
	}
	return c.Args[0], nil
}
