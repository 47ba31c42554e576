package server

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// With a certificate the port takes connections in TLS and plain ones, unless they must be secured: then it says so.
func TestLookupdTLS(t *testing.T) {
	ca := newSigner(t)
	for _, required := range []TLSRequirement{TLSNotRequired, TLSRequiredExceptHTTP, TLSRequired} {
		d := startLookupd(t, func(c *LookupdConfig) {
			c.TLS = ca.write("127.0.0.1")
			c.TLS.Required = required
		})
		r, err := enrolInTLS(t, d, &tls.Config{RootCAs: ca.pool, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		r.identify(`{"broadcast_address":"secure","tcp_port":1,"http_port":2,"version":"1.3.0"}`)
		r.next()
		r.does("REGISTER t c")
		plain := approach(t, d)
		plain.say(wire.MagicV1 + "PING\n")
		if required == TLSNotRequired {
			plain.want("OK")
			plain.does("PING")
		} else {
			plain.want("E_INVALID TLS is required", "EOF")
		}
		found(t, d, "t", "secure", "c") // by plain HTTP
		r.say("WHAT\n")
		r.want("E_INVALID invalid command WHAT", "EOF")
	}
}

func TestLookupdTLSClientPolicies(t *testing.T) {
	ca, stranger := newSigner(t), newSigner(t)
	signed, unsigned := ca.issue("test.local"), stranger.issue("stranger")
	for _, c := range []struct {
		policy    string
		certs     []tls.Certificate
		reachable bool
	}{
		{"require", nil, false},
		{"require", []tls.Certificate{unsigned}, true},
		{"require-verify", nil, false},
		{"require-verify", []tls.Certificate{unsigned}, false},
		{"require-verify", []tls.Certificate{signed}, true},
	} {
		d := startLookupd(t, func(cfg *LookupdConfig) {
			cfg.TLS = ca.write("127.0.0.1")
			cfg.TLS.ClientAuthPolicy = c.policy
		})
		_, err := enrolInTLS(t, d, &tls.Config{RootCAs: ca.pool, ServerName: "localhost", Certificates: c.certs})
		if (err == nil) != c.reachable {
			t.Errorf("%s with %d certificates: %v", c.policy, len(c.certs), err)
		}
		plain := approach(t, d)
		plain.say(wire.MagicV1)
		plain.want("E_INVALID TLS is required", "EOF")
	}
}

// A trickle passes bytes on one at a time.
type trickle struct{ net.Conn }

func (c trickle) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// TLS that comes byte by byte is TLS; what is none after its first byte ends the connection, and nothing else.
func TestLookupdTLSInPieces(t *testing.T) {
	ca := newSigner(t)
	d := startLookupd(t, func(c *LookupdConfig) { c.TLS = ca.write("127.0.0.1") })
	conn, err := net.Dial("tcp", d.TCPAddr())
	if err != nil {
		t.Fatal(err)
	}
	r := newRegistrant(t, tls.Client(trickle{conn}, &tls.Config{RootCAs: ca.pool, ServerName: "localhost"}))
	r.introduce("a", 1, 2)
	r.does("REGISTER t c")
	garbage := approach(t, d)
	garbage.say("\x16\x03\x01\x00\x05hello")
	_, _ = io.Copy(io.Discard, garbage.conn) // an alert, and an end of any kind
	r.does("PING")
	found(t, d, "t", "a", "c")
}

// A peer that begins with TLS and says no more is given up.
func TestLookupdTLSHandshakeIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 5 s")
	}
	t.Parallel()
	ca := newSigner(t)
	d := startLookupd(t, func(c *LookupdConfig) { c.TLS = ca.write("127.0.0.1") })
	began := time.Now()
	r := approach(t, d)
	r.say("\x16")
	r.want("EOF")
	if after := time.Since(began); after < handshakeTime/2 {
		t.Errorf("given up after %s", after)
	}
}

// A new certificate is read by Reload; HTTPS has it too.
func TestLookupdReloadsItsCertificate(t *testing.T) {
	ca := newSigner(t)
	var files TLSConfig
	d := startLookupd(t, func(c *LookupdConfig) {
		files = ca.write("127.0.0.1")
		c.TLS, c.HTTPSAddress = files, "127.0.0.1:0"
	})
	next := newSigner(t)
	next.rewrite(files, "127.0.0.1")
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := enrolInTLS(t, d, &tls.Config{RootCAs: ca.pool, ServerName: "localhost"}); err == nil {
		t.Error("the old certificate is still shown")
	}
	if _, err := enrolInTLS(t, d, &tls.Config{RootCAs: next.pool, ServerName: "localhost"}); err != nil {
		t.Error(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: next.pool, ServerName: "localhost"}}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("https://" + d.HTTPSAddr() + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
}
