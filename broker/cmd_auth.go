package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// AUTH\n and a body gives a secret, of which the auth servers say what its owner may do. The answer tells who the client is to them, and how
// many authorizations it has. Who has AUTHed once cannot do so again.
func (s *Session) auth(_ time.Time, c wire.Command) error {
	if s.permit != nil {
		return violation("E_INVALID AUTH already set")
	}
	if !s.broker.opts.AuthRequired {
		return violation("E_AUTH_DISABLED AUTH disabled")
	}
	s.secret = string(c.Body)
	s.askAuthority()
	return nil
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
