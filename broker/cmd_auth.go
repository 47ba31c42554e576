package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// AUTH\n and a body gives a secret. This broker asks for none, as IDENTIFY tells, and refuses it as nsqd does when no
// auth server is set.
func (s *Session) auth(time.Time, wire.Command) error {
	return violation("E_AUTH_DISABLED AUTH disabled")
}

func (s *Session) checkAuth(_ time.Time, c wire.Command) error {
	if s.state() != stateInit {
		return violation("E_INVALID cannot AUTH in current state")
	}
	if c.Params != 0 {
		return violation("E_INVALID AUTH invalid number of parameters")
	}
	return nil
}
