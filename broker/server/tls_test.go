package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsqio/go-nsq"
)

// onBoth runs a test on a daemon that listens on TCP, and again on one that listens on a unix socket.
func onBoth(t *testing.T, change func(*Config), f func(t *testing.T, d *Nsqd)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			f(t, startNsqd(t, func(c *Config) {
				if network == "unix" {
					c.TCPAddress = filepath.Join(t.TempDir(), "nsqd.sock")
				}
				c.HTTPSAddress = "127.0.0.1:0"
				if change != nil {
					change(c)
				}
			}))
		})
	}
}

const wantsTLS = `{"feature_negotiation":true,"tls_v1":true}`

// secureClient is a client in TLS, or why there is none.
func secureClient(t *testing.T, d *Nsqd, cfg *tls.Config) (*peer, error) {
	p := dial(t, d)
	p.say(identify(wantsTLS))
	if answer := p.next(); !strings.Contains(answer, `"tls_v1":true`) {
		return nil, errors.New(answer)
	}
	conn := tls.Client(p.conn, cfg)
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	s := newPeer(t, conn)
	if answer := s.next(); answer != "OK" {
		return nil, errors.New(answer)
	}
	return s, nil
}

func TestTLSRequired(t *testing.T) {
	ca := newSigner(t)
	for _, required := range []TLSRequirement{TLSRequiredExceptHTTP, TLSRequired} {
		onBoth(t, func(c *Config) {
			c.TLS = ca.write("127.0.0.1")
			c.TLS.Required = required
		}, func(t *testing.T, d *Nsqd) {
			p := dial(t, d)
			p.say("SUB t c\n")
			p.want("error E_INVALID cannot SUB in current state (TLS required)", "EOF")
			s, err := secureClient(t, d, &tls.Config{RootCAs: ca.pool, ServerName: "localhost"})
			if err != nil {
				t.Fatal(err)
			}
			s.say("SUB t c\n")
			s.want("OK")
		})
	}
}

func TestTLSClientPolicies(t *testing.T) {
	ca, stranger := newSigner(t), newSigner(t)
	signed, unsigned := ca.issue("test.local"), stranger.issue("stranger")
	for _, c := range []struct {
		policy    string
		certs     []tls.Certificate
		reachable bool
	}{
		{"require", nil, false},
		{"require", []tls.Certificate{unsigned}, true},
		{"require", []tls.Certificate{signed}, true},
		{"require-verify", nil, false},
		{"require-verify", []tls.Certificate{unsigned}, false},
		{"require-verify", []tls.Certificate{signed}, true},
		{"", nil, true},
		{"whatever", nil, true},
	} {
		t.Run(c.policy, func(t *testing.T) {
			onBoth(t, func(cfg *Config) {
				cfg.TLS = ca.write("127.0.0.1")
				cfg.TLS.ClientAuthPolicy = c.policy
			}, func(t *testing.T, d *Nsqd) {
				client := &tls.Config{InsecureSkipVerify: true}
				if len(c.certs) > 0 { // shown whoever the server says it trusts
					client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.certs[0], nil }
				}
				s, err := secureClient(t, d, client)
				if (err == nil) != c.reachable {
					t.Fatalf("a client with %d certificates: %v", len(c.certs), err)
				}
				if err == nil {
					s.say(pub("t", "x"))
					s.want("OK")
				}
				clear := dial(t, d)
				clear.say(pub("t", "x"))
				if answer := clear.next(); (answer == "OK") != (c.policy == "") {
					t.Errorf("without TLS, with policy %q: %s", c.policy, answer)
				}
			})
		})
	}
}

func TestTLSVersions(t *testing.T) {
	ca := newSigner(t)
	for least := tls10; least <= tls.VersionTLS13; least++ {
		d := startNsqd(t, func(c *Config) {
			c.HTTPSAddress = "127.0.0.1:0"
			c.TLS = ca.write("127.0.0.1")
			c.TLS.MinVersion = least
		})
		for v := tls10; v <= tls.VersionTLS13; v++ {
			_, err := secureClient(t, d, &tls.Config{RootCAs: ca.pool, ServerName: "localhost", MinVersion: uint16(v), MaxVersion: uint16(v)})
			if (err == nil) != (v >= least) {
				t.Errorf("a client of %s where %s is the least: %v", &v, &least, err)
			}
		}
	}
}

func TestCertificatesAreReloaded(t *testing.T) {
	ca := newSigner(t)
	files := ca.write("old")
	d := startNsqd(t, func(c *Config) { c.HTTPSAddress, c.TLS = "127.0.0.1:0", files })
	name := func() (got string) {
		_, err := secureClient(t, d, &tls.Config{RootCAs: ca.pool, ServerName: "localhost", VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			c, err := x509.ParseCertificate(raw[0])
			got = c.Subject.CommonName
			return err
		}})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := name(); got != "old" {
		t.Fatal(got)
	}
	ca.rewrite(files, "new")
	if err := d.certs.reload(); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "new" {
		t.Fatal(got)
	}
	writePEM(t, files.Key, "NONSENSE", []byte("x"))
	if err := d.certs.reload(); err == nil {
		t.Error("nonsense is a key")
	}
	if got := name(); got != "new" {
		t.Fatal(got)
	}
}

func TestHTTPS(t *testing.T) {
	ca, stranger := newSigner(t), newSigner(t)
	for _, c := range []struct {
		required   TLSRequirement
		policy     string
		with       *tls.Certificate
		http       int
		reachable  bool
		explaining string
	}{
		{TLSNotRequired, "", nil, 200, true, "TLS can be had"},
		{TLSNotRequired, "require", nil, 403, false, "no certificate"},
		{TLSNotRequired, "require", ptr(stranger.issue("x")), 403, true, "any certificate"},
		{TLSRequired, "require-verify", ptr(stranger.issue("x")), 403, false, "an unsigned certificate"},
		{TLSRequired, "require-verify", ptr(ca.issue("x")), 403, true, "a signed certificate"},
		{TLSRequiredExceptHTTP, "require-verify", nil, 200, false, "plain HTTP stays open"},
	} {
		t.Run(c.explaining, func(t *testing.T) {
			d := startNsqd(t, func(cfg *Config) {
				cfg.HTTPSAddress, cfg.TLS = "127.0.0.1:0", ca.write("127.0.0.1")
				cfg.TLS.Required, cfg.TLS.ClientAuthPolicy = c.required, c.policy
			})
			answer, err := http.Get("http://" + d.HTTPAddr() + "/ping")
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if answer.StatusCode != c.http || err != nil {
				t.Errorf("HTTP: %s %s %v", answer.Status, body, err)
			}
			if _, port, _ := strings.Cut(d.HTTPSAddr(), ":"); c.http == 403 && string(body) != `{"message": "TLS_REQUIRED", "https_port": `+port+`}` {
				t.Errorf("HTTP: %s", body)
			}
			client := &tls.Config{RootCAs: ca.pool}
			if c.with != nil {
				client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.with, nil }
			}
			transport := &http.Transport{TLSClientConfig: client}
			defer transport.CloseIdleConnections()
			secure, err := (&http.Client{Transport: transport}).Get("https://" + d.HTTPSAddr() + "/ping")
			if err == nil {
				_ = secure.Body.Close()
			}
			if (err == nil) != c.reachable {
				t.Errorf("HTTPS: %v", err)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

// The official client, in every layer it knows.
func TestGoNSQInLayers(t *testing.T) {
	ca := newSigner(t)
	signed := ca.issue("test.local")
	for _, c := range []struct {
		name   string
		change func(*nsq.Config)
	}{
		{"tls", func(c *nsq.Config) { c.TlsV1 = true }},
		{"snappy", func(c *nsq.Config) { c.Snappy = true }},
		{"deflate", func(c *nsq.Config) { c.Deflate = true }},
		{"tls snappy", func(c *nsq.Config) { c.TlsV1, c.Snappy = true, true }},
		{"tls deflate", func(c *nsq.Config) { c.TlsV1, c.Deflate, c.DeflateLevel = true, true, 3 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := nsq.NewConfig()
			c.change(cfg)
			d := startNsqd(t, func(c *Config) {
				c.HTTPSAddress, c.TLS = "127.0.0.1:0", ca.write("127.0.0.1")
				if cfg.TlsV1 {
					c.TLS.ClientAuthPolicy, c.TLS.Required = "require-verify", TLSRequiredExceptHTTP
				}
			})
			cfg.MaxInFlight = 20
			cfg.WriteTimeout = patienceOfTests // the client compresses within it, slowly under -race
			cfg.TlsConfig = &tls.Config{RootCAs: ca.pool, ServerName: "localhost", Certificates: []tls.Certificate{signed}}
			_, deliveries := consume(t, d, "c", cfg, accept)
			p := newProducer(t, d, cfg)
			var want []string
			for _, body := range []string{"x", strings.Repeat("b", 128000), random(700_000), "y"} {
				if err := p.Publish("t", []byte(body)); err != nil {
					t.Fatal(err)
				}
				want = append(want, body)
			}
			many := make([][]byte, 500)
			for i := range many {
				many[i] = []byte(random(i + 1))
				want = append(want, string(many[i]))
			}
			if err := p.MultiPublish("t", many); err != nil {
				t.Fatal(err)
			}
			all := bodies(receive(t, deliveries, len(want)))
			for _, w := range want {
				found := false
				for _, g := range all {
					found = found || g == w
				}
				if !found {
					t.Errorf("%.40q did not come", w)
				}
			}
		})
	}
}
