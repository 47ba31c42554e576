package broker

import (
	"errors"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// errWaits ends a command that is carried out once the session's need is met; nothing of it is consumed until then.
var errWaits = errors.New("broker: waits for what its driver has to do")

// want adds a need: what the session has to be given before it consumes more.
func (s *Session) want(n wire.Need) {
	s.needs = append(s.needs, n)
	s.mu.Lock()
	s.needy = true
	s.mu.Unlock()
}

// Need implements wire.Needer. It is time while something waits for a topic to last, for what changes the connection comes behind that.
func (s *Session) Need() wire.Need {
	if len(s.needs) == 0 {
		return wire.Need{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 {
		return wire.Need{Kind: wire.NeedTime}
	}
	return s.needs[0]
}

// Answer implements wire.Needer.
func (s *Session) Answer(now time.Time, a wire.Answer) error {
	need := s.needs[0]
	s.needs = s.needs[1:]
	s.mu.Lock()
	s.needy = len(s.needs) > 0
	s.mu.Unlock()
	var err error
	if need.Kind == wire.NeedAuthority {
		err = s.authorized(now, a)
	} else {
		err = s.upgraded(need, a)
	}
	if err != nil {
		err = s.tell(now, err)
	}
	if err != nil {
		s.retire(now)
		s.release(now)
	}
	return err
}

// upgraded notes that the connection goes on in another layer, in which the client is told OK.
func (s *Session) upgraded(need wire.Need, a wire.Answer) error {
	if a.Err != nil {
		return violation("E_IDENTIFY_FAILED IDENTIFY failed %s", a.Err)
	}
	s.mu.Lock()
	switch need.Kind {
	case wire.NeedTLS:
		s.client.secure, s.client.tls = true, a.TLS
	case wire.NeedSnappy:
		s.client.snappy = true
	case wire.NeedDeflate:
		s.client.deflate = true
	}
	s.mu.Unlock()
	s.respond(wire.FrameResponse, "OK")
	return nil
}
