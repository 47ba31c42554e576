package server

import (
	"strings"
	"testing"
)

// withCertificate has the daemon grant TLS.
func withCertificate(t *testing.T) func(*Config) {
	files := newSigner(t).write("127.0.0.1")
	return func(c *Config) { c.TLS = files }
}

// carries is a test in which a client asks for layers, enters them, and sends and gets small and large messages in them.
func carries(ask string, enter func(*peer)) func(*testing.T, *Nsqd) {
	return func(t *testing.T, d *Nsqd) {
		p := dial(t, d)
		p.say(identify(`{"feature_negotiation":true` + ask + `}`))
		answer := p.next()
		for granted := range strings.SplitSeq(strings.TrimPrefix(ask, ","), ",") {
			if !strings.Contains(answer, granted) {
				t.Fatalf("%s is not granted in %s", granted, answer)
			}
		}
		enter(p) // in each layer it waits for the OK
		for _, body := range []string{"test body", strings.Repeat("x", 128000)} {
			p.say(pub("t", body))
			p.want("OK")
		}
		p.say("SUB t ch\n")
		p.want("OK")
		p.say("RDY 10\n")
		p.want("message 1 test body", "message 1 "+strings.Repeat("x", 128000))
	}
}

func TestA1TLS(t *testing.T) {
	onBoth(t, withCertificate(t), carries(`,"tls_v1":true`, (*peer).tls))
}

func TestA1Deflate(t *testing.T) {
	onBoth(t, nil, carries(`,"deflate":true`, (*peer).deflate))
}

func TestA1Snappy(t *testing.T) {
	onBoth(t, nil, carries(`,"snappy":true`, func(p *peer) { p.snappy(false) }))
}

func TestA1TLSDeflate(t *testing.T) {
	onBoth(t, withCertificate(t), carries(`,"tls_v1":true,"deflate":true`, func(p *peer) { p.tls(); p.deflate() }))
}

func TestA1TLSSnappy(t *testing.T) {
	onBoth(t, withCertificate(t), carries(`,"tls_v1":true,"snappy":true`, func(p *peer) { p.tls(); p.snappy(false) }))
}
