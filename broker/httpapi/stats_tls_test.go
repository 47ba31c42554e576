package httpapi

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// Names are those of crypto/tls for the suites that nsqd knows, also where they stand in the list by their numbers alone.
func TestCipherSuites(t *testing.T) {
	for number, want := range map[uint16]string{
		tls.TLS_RSA_WITH_RC4_128_SHA:                "TLS_RSA_WITH_RC4_128_SHA",
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:   "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:   "Unknown 49200",
		tls.TLS_AES_128_GCM_SHA256:                  "Unknown 4865",
		0:                                           "Unknown 0",
	} {
		if got := cipherSuite(number); got != want {
			t.Errorf("%d: %q, want %q", number, got, want)
		}
	}
	for _, number := range suites {
		if name := cipherSuite(number); !strings.HasPrefix(name, "TLS_") {
			t.Errorf("%d has the name %q", number, name)
		}
	}
	for number, want := range map[uint16]string{0x0300: "Unknown 768", 0x0301: "TLS1.0", 0x0302: "TLS1.1", 0x0303: "TLS1.2", 0x0304: "TLS1.3", 0x0305: "Unknown 773"} {
		if got := tlsVersion(number); got != want {
			t.Errorf("version %d: %q, want %q", number, got, want)
		}
	}
}

// How a client is connected is told: TLS, Snappy and deflate.
func TestStatsOfUpgradedClients(t *testing.T) {
	opts := broker.DefaultOptions("host")
	opts.TLS = true
	b, err := broker.Open(began, opts, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, broker: b, now: began}
	g.handler = Nsqd(b, Info{Started: began}, func() time.Time { return began })
	for _, c := range []struct {
		name, asks string
		answers    []wire.Answer
		want       string
	}{
		{"secure", `{"tls_v1":true,"snappy":true}`, []wire.Answer{
			{TLS: wire.TLSState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, Protocol: "nsq", Mutual: true}}, {},
		}, `"deflate":false,"snappy":true,"user_agent":"secure","topology_zone":"","topology_region":"","tls":true,` +
			`"tls_cipher_suite":"Unknown 4865","tls_version":"TLS1.3","tls_negotiated_protocol":"nsq","tls_negotiated_protocol_is_mutual":true}`},
		{"old", `{"tls_v1":true}`, []wire.Answer{
			{TLS: wire.TLSState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, Mutual: true}},
		}, `"deflate":false,"snappy":false,"user_agent":"old","topology_zone":"","topology_region":"","tls":true,` +
			`"tls_cipher_suite":"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256","tls_version":"TLS1.2","tls_negotiated_protocol":"","tls_negotiated_protocol_is_mutual":true}`},
		{"deflated", `{"deflate":true,"deflate_level":3}`, []wire.Answer{{}},
			`"deflate":true,"snappy":false,"user_agent":"deflated","topology_zone":"","topology_region":"","tls":false,` +
				`"tls_cipher_suite":"","tls_version":"","tls_negotiated_protocol":"","tls_negotiated_protocol_is_mutual":false}`},
	} {
		s := b.Connect(began, "10.0.0.1:5001", func() {})
		asks := strings.Replace(c.asks, "{", `{"feature_negotiation":true,"user_agent":"`+c.name+`",`, 1)
		says := wire.AppendBody(wire.AppendCommand([]byte(wire.Magic), "IDENTIFY"), []byte(asks))
		if _, err := s.Receive(began, says); err != nil {
			t.Fatal(err)
		}
		for _, a := range c.answers {
			if s.Need().Kind == wire.NoNeed {
				t.Fatalf("%s: nothing is needed", c.name)
			}
			if err := s.Answer(began, a); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Receive(began, []byte("SUB t c\n")); err != nil {
			t.Fatal(err)
		}
		if got := g.ask("GET", "/stats?format=json", nil).Body.String(); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s\ndoes not tell of %s", c.name, got, c.want)
		}
	}
}
