package broker

import (
	"strings"
	"testing"
	"time"
)

// FuzzPermit: whatever an auth server answers is refused, or can be asked what it permits; to publish is not to consume.
func FuzzPermit(f *testing.F) {
	f.Add(`{"ttl":60,"identity":"a","identity_url":"b","authorizations":[{"topic":"^t","channels":[".*"],"permissions":["publish"]}]}`, "t", "c")
	f.Add(`{"ttl":1,"authorizations":[{"topic":"","channels":["^c$"],"permissions":["subscribe"]},{"topic":"t"}]}`, "t", "c")
	f.Add(`{"ttl":9223372036854775807,"authorizations":null}`, "t", "")
	f.Add(`{"ttl":1,"authorizations":[{"topic":"(","channels":[],"permissions":[]}]}`, "", "")
	f.Add(`{"ttl":1.5}`, "", "")
	f.Add(`null`, "", "")
	f.Fuzz(func(t *testing.T, body, topic, channel string) {
		p, err := parsePermit(birth, []byte(body))
		if (err == nil) != (CheckPermit([]byte(body)) == nil) {
			t.Fatalf("%v, but CheckPermit says otherwise", err)
		}
		if err != nil {
			return
		}
		if p.TTL <= 0 || !p.expires.After(birth) || p.expires.Before(birth.Add(time.Second)) {
			t.Fatalf("ttl %d, expires %v", p.TTL, p.expires)
		}
		for _, a := range p.Authorizations {
			for _, permission := range a.Permissions {
				if permission != "publish" && permission != "subscribe" {
					t.Fatalf("permission %q", permission)
				}
			}
			if len(a.channels) != len(a.Channels) {
				t.Fatalf("%d of %d channels", len(a.channels), len(a.Channels))
			}
		}
		all := strings.Join(permissions(p), " ")
		if p.permits(topic, channel) && channel != "" && !strings.Contains(all, "subscribe") || p.permits(topic, "") && !strings.Contains(all, "publish") {
			t.Fatalf("%s permits what nothing in it permits", body)
		}
	})
}

func permissions(p *permit) (all []string) {
	for _, a := range p.Authorizations {
		all = append(all, a.Permissions...)
	}
	return all
}

// A PUB to the topic that was published to last asks no expression.
func TestPublishingAgainCostsNoMatch(t *testing.T) {
	opts := DefaultOptions("auth")
	opts.AuthRequired = true
	b, err := Open(birth, opts, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	s := b.Connect(birth, "a:1", func() {})
	if s.permit, err = parsePermit(birth, []byte(`{"ttl":60,"authorizations":[{"topic":"t","channels":[""],"permissions":["publish"]}]}`)); err != nil {
		t.Fatal(err)
	}
	topic := []byte("topic")
	if err := s.mayPublish(birth, "PUB", topic); err != nil {
		t.Fatal(err)
	}
	s.permit.Authorizations[0].topic = nil // who asks it panics
	if err := s.mayPublish(birth, "PUB", topic); err != nil {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(10, func() { _ = s.mayPublish(birth, "PUB", topic) }); n > 0 {
		t.Errorf("it allocates %v times", n)
	}
	if err := s.mayPublish(birth.Add(time.Minute), "PUB", topic); err != errWaits {
		t.Errorf("after its time: %v", err)
	}
}
