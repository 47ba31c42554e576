package lookup

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// REGISTER <topic> [<channel>]\n says that the peer has a topic, and a channel of it. It is answered OK.
func (s *Session) register(_ time.Time, params []string, _ []byte) (string, error) {
	topic, channel, err := s.names("REGISTER", params)
	if err != nil {
		return "", err
	}
	s.registry.register(s.producer, topic, channel)
	return "OK", nil
}

// UNREGISTER <topic> [<channel>]\n says that the peer has a channel no more or, without one, the topic with all its channels. It
// is answered OK, also if the peer never had it.
func (s *Session) unregister(_ time.Time, params []string, _ []byte) (string, error) {
	topic, channel, err := s.names("UNREGISTER", params)
	if err != nil {
		return "", err
	}
	s.registry.unregister(s.producer, topic, channel)
	return "OK", nil
}

// names checks the state and the parameters of REGISTER and UNREGISTER.
func (s *Session) names(name string, params []string) (topic, channel string, err error) {
	switch {
	case s.producer == nil:
		return "", "", violate("E_INVALID client must IDENTIFY")
	case len(params) == 0:
		return "", "", violate("E_INVALID %s insufficient number of params", name)
	case !wire.ValidName(params[0]):
		return "", "", violate("E_BAD_TOPIC %s topic name '%s' is not valid", name, params[0])
	case len(params) > 1 && params[1] != "" && !wire.ValidName(params[1]):
		return "", "", violate("E_BAD_CHANNEL %s channel name '%s' is not valid", name, params[1])
	case len(params) > 1:
		channel = params[1]
	}
	return params[0], channel, nil
}
