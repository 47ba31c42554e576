package lookup

import "time"

// PING\n says that the peer lives. It is answered OK, also before IDENTIFY.
func (s *Session) ping(now time.Time, _ []string, _ []byte) (string, error) {
	if s.producer != nil {
		s.registry.ping(now, s.producer)
	}
	return "OK", nil
}
