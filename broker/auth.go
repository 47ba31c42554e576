package broker

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A permit is an auth server's answer: who a client is, and what it may do for how long.
type permit struct {
	TTL            int64           `json:"ttl"` // s
	Identity       string          `json:"identity"`
	IdentityURL    string          `json:"identity_url"`
	Authorizations []authorization `json:"authorizations"`

	expires   time.Time
	published string // a topic that it lets the client publish to; "" is none
}

// An authorization is one entry of a permit: regular expressions, which may match anywhere in a name, as in nsqd.
type authorization struct {
	Topic       string   `json:"topic"`
	Channels    []string `json:"channels"`
	Permissions []string `json:"permissions"`

	topic    *regexp.Regexp
	channels []*regexp.Regexp
}

// What an authorization can permit.
const (
	toSubscribe = "subscribe"
	toPublish   = "publish"
)

// CheckPermit says what is wrong with an auth server's answer. With such a one a session tells its client that AUTH failed.
func CheckPermit(body []byte) error {
	_, err := parsePermit(time.Time{}, body)
	return err
}

func parsePermit(now time.Time, body []byte) (*permit, error) {
	p := &permit{}
	if err := json.Unmarshal(body, p); err != nil {
		return nil, fmt.Errorf("auth server's answer: %w", err)
	}
	if p.TTL <= 0 {
		return nil, fmt.Errorf("auth server's answer: ttl %d is not positive", p.TTL)
	}
	for i := range p.Authorizations {
		if err := p.Authorizations[i].compile(); err != nil {
			return nil, fmt.Errorf("auth server's answer: authorization %d: %w", i, err)
		}
	}
	p.expires = now.Add(time.Duration(min(p.TTL, math.MaxInt64/int64(time.Second))) * time.Second)
	return p, nil
}

// compile reads the expressions, and refuses permissions that there are not.
func (a *authorization) compile() (err error) {
	for _, permission := range a.Permissions {
		if permission != toSubscribe && permission != toPublish {
			return fmt.Errorf("unknown permission %q", permission)
		}
	}
	if a.topic, err = regexp.Compile(a.Topic); err != nil {
		return fmt.Errorf("topic: %w", err)
	}
	for _, text := range a.Channels {
		channel, err := regexp.Compile(text)
		if err != nil {
			return fmt.Errorf("channel: %w", err)
		}
		a.channels = append(a.channels, channel)
	}
	return nil
}

// permits says whether the client may consume a channel or, if that is "", publish. As in nsqd some expression for channels has to match that "".
func (p *permit) permits(topic, channel string) bool {
	permission := toSubscribe
	if channel == "" {
		permission = toPublish
	}
	return slices.ContainsFunc(p.Authorizations, func(a authorization) bool {
		return slices.Contains(a.Permissions, permission) && a.topic.MatchString(topic) &&
			slices.ContainsFunc(a.channels, func(r *regexp.Regexp) bool { return r.MatchString(channel) })
	})
}

// mayPublish checks that the client may publish to a topic.
func (s *Session) mayPublish(now time.Time, command string, topic []byte) error {
	if !s.broker.opts.AuthRequired {
		return nil
	}
	if p := s.permit; p != nil && p.published == string(topic) && now.Before(p.expires) {
		return nil
	}
	name := string(topic)
	if err := s.authorize(now, command, name, ""); err != nil {
		return err
	}
	s.permit.published = name
	return nil
}

// maySubscribe checks that the client may consume a channel.
func (s *Session) maySubscribe(now time.Time, topic, channel string) error {
	if !s.broker.opts.AuthRequired {
		return nil
	}
	return s.authorize(now, "SUB", topic, channel)
}

// authorize refuses a command that the client's permit does not cover. When the permit has expired the auth servers are asked anew first.
func (s *Session) authorize(now time.Time, command, topic, channel string) error {
	p := s.permit
	switch {
	case p == nil:
		return violation("E_AUTH_FIRST AUTH required before %s", command)
	case !now.Before(p.expires):
		s.askAuthority()
		return errWaits
	case !p.permits(topic, channel):
		return violation("E_UNAUTHORIZED AUTH failed for %s on %q %q", command, topic, channel)
	}
	return nil
}

// askAuthority has the driver ask the auth servers what the client may do.
func (s *Session) askAuthority() {
	q := wire.Question{Secret: s.secret, RemoteIP: hostOf(s.client.remote), TLS: s.client.secure, CommonName: s.client.tls.CommonName}
	s.want(wire.Need{Kind: wire.NeedAuthority, Question: q})
}

// authorized takes what the auth servers said. The client is told of it after AUTH; later, when its permit had expired, it learns only of a
// failure. What exactly failed is not for it to know.
func (s *Session) authorized(now time.Time, a wire.Answer) error {
	err := a.Err
	var p *permit
	if err == nil {
		p, err = parsePermit(now, a.Body)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", violation("E_AUTH_FAILED AUTH failed"), err)
	}
	first := s.permit == nil
	if first && len(p.Authorizations) == 0 {
		return violation("E_UNAUTHORIZED AUTH no authorizations found")
	}
	s.permit = p
	s.mu.Lock()
	s.client.authed = len(p.Authorizations) > 0
	s.client.authIdentity, s.client.authIdentityURL = p.Identity, p.IdentityURL
	s.mu.Unlock()
	if !first {
		return nil
	}
	answer, err := json.Marshal(struct {
		Identity        string `json:"identity"`
		IdentityURL     string `json:"identity_url"`
		PermissionCount int    `json:"permission_count"`
	}{p.Identity, p.IdentityURL, len(p.Authorizations)})
	if err != nil {
		return fmt.Errorf("broker: answer to AUTH: %w", err)
	}
	s.respond(wire.FrameResponse, string(answer))
	return nil
}
