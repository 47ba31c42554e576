package lookup

import (
	"encoding/json"
	"fmt"
	"time"
)

// IDENTIFY\n and a JSON body says which nsqd the peer is. The answer says which nsqlookupd this is.
func (s *Session) identify(now time.Time, _ []string, body []byte) (string, error) {
	var id Producer
	if err := json.Unmarshal(body, &id); err != nil {
		return "", violate("E_BAD_BODY IDENTIFY failed to decode JSON body")
	}
	if id.BroadcastAddress == "" || id.TCPPort == 0 || id.HTTPPort == 0 || id.Version == "" {
		return "", violate("E_BAD_BODY IDENTIFY missing fields")
	}
	id.RemoteAddress = s.remote
	answer, err := json.Marshal(s.registry.opts.Identity)
	if err != nil {
		return "", fmt.Errorf("lookup: answer to IDENTIFY: %w", err)
	}
	s.producer = s.registry.identify(now, id)
	return string(answer), nil
}

func (s *Session) checkIdentify() error {
	if s.producer != nil {
		return violate("E_INVALID cannot IDENTIFY again")
	}
	return nil
}
