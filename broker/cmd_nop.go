package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// NOP\n does nothing; as any command it shows that the client lives. It has no answer.
func (s *Session) nop(time.Time, wire.Command) error { return nil }
