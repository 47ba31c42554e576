package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// CLS\n stops deliveries to the client, which finishes what it holds and then closes. CLOSE_WAIT says that no more messages
// follow, and that every command before it was carried out.
func (s *Session) cls(now time.Time, _ wire.Command) error {
	if s.state() != stateSubscribed {
		return violation("E_INVALID cannot CLS in current state")
	}
	s.hold(now, s.channel.topic)
	s.closing = true
	s.ready = 0
	s.mu.Lock()
	s.client.state = stateClosing
	s.mu.Unlock()
	s.respond(wire.FrameResponse, "CLOSE_WAIT")
	return nil
}
