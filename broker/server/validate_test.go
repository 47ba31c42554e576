package server

import (
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // empty: it is right
	}{
		{"the defaults", func(*Config) {}, ""},
		{"node id 1023", func(c *Config) { c.Broker.NodeID = 1023 }, ""},
		{"node id 1024", func(c *Config) { c.Broker.NodeID = 1024 }, "--node-id must be [0,1024)"},
		{"node id -1", func(c *Config) { c.Broker.NodeID = -1 }, "--node-id must be [0,1024)"},
		{"deflate level 0", func(c *Config) { c.Broker.MaxDeflateLevel = 0 }, "--max-deflate-level must be [1,9]"},
		{"deflate level 10", func(c *Config) { c.Broker.MaxDeflateLevel = 10 }, "--max-deflate-level must be [1,9]"},
		{"negative requeue", func(c *Config) { c.Broker.MaxReqTimeout = -1 }, "--max-req-timeout must not be negative"},
		{"negative queue", func(c *Config) { c.Broker.MemQueueSize = -1 }, "--mem-queue-size must not be negative"},
		{"no queue", func(c *Config) { c.Broker.MemQueueSize = 0 }, ""},
		{"no TCP", func(c *Config) { c.TCPAddress = "" }, "--tcp-address must not be empty"},
		{"no HTTP", func(c *Config) { c.HTTPAddress, c.HTTPSAddress = "", "" }, ""},
		{"certificate alone", func(c *Config) { c.TLS.Cert = "cert" }, "--tls-cert and --tls-key must be given together"},
		{"key alone", func(c *Config) { c.TLS.Key = "key" }, "--tls-cert and --tls-key must be given together"},
		{"both", func(c *Config) { c.TLS.Cert, c.TLS.Key, c.TLS.Required = "cert", "key", TLSRequired }, ""},
		{"TLS without", func(c *Config) { c.TLS.Required = TLSRequiredExceptHTTP }, "cannot require TLS client connections without TLS key and cert"},
		{"policy without", func(c *Config) { c.TLS.ClientAuthPolicy = "require" }, "cannot require TLS client connections without TLS key and cert"},
		{"post", func(c *Config) { c.Auth.Method = "post" }, ""},
		{"put", func(c *Config) { c.Auth.Method = "put" }, "--auth-http-request-method must be get or post"},
		{"auth servers", func(c *Config) { c.Auth.Addresses = Strings{"auth", "auth:80", "https://auth/x?y=z", "[::1]:80"} }, ""},
		{"no auth server", func(c *Config) { c.Auth.Addresses = Strings{""} }, `--auth-http-address "" must be host:port or a URL`},
		{"no URL", func(c *Config) { c.Auth.Addresses = Strings{"auth:80", "auth:http:80"} }, `--auth-http-address "auth:http:80" must be host:port or a URL`},
		{"FTP", func(c *Config) { c.Auth.Addresses = Strings{"ftp://auth"} }, `--auth-http-address "ftp://auth" must be host:port or a URL`},
		{"lookupds", func(c *Config) { c.LookupdAddresses = Strings{"a:4160", "[::1%lo0]:4160"} }, ""},
		{"lookupd without port", func(c *Config) { c.LookupdAddresses = Strings{"a:4160", "b"} }, `--lookupd-tcp-address "b" must be host:port`},
		{"statsd without port", func(c *Config) { c.Statsd.Address = "a:" }, `--statsd-address "a:" must be host:port`},
		{"statsd on no port", func(c *Config) { c.Statsd.Address = "a:70000" }, `--statsd-address "a:70000" must be host:port`},
		{"statsd", func(c *Config) { c.Statsd.Address = "a:8125" }, ""},
		{"packets of nothing", func(c *Config) { c.Statsd.PacketSize = 0 }, "--statsd-udp-packet-size must be more than 0"},
		{"packets too large", func(c *Config) { c.Statsd.PacketSize = 1 << 16 }, "--statsd-udp-packet-size must be at most 65535"},
		{"statsd always", func(c *Config) { c.Statsd.Interval = 0 }, "--statsd-interval must be more than 0"},
		{"statsd never", func(c *Config) { c.Statsd.Interval = 1 << 62 }, ""},
		{"port", func(c *Config) { c.BroadcastTCPPort, c.BroadcastHTTPPort = 65535, 1 }, ""},
		{"no port", func(c *Config) { c.BroadcastHTTPPort = 65536 }, "--broadcast-http-port must be at most 65535"},
		{"negative port", func(c *Config) { c.BroadcastTCPPort = -1 }, "--broadcast-tcp-port must not be negative"},
		{"negative drain", func(c *Config) { c.DrainTimeout = -time.Second }, "--drain-timeout must not be negative"},
		{"negative connect", func(c *Config) { c.Auth.ConnectTimeout = -1 }, "--http-client-connect-timeout must not be negative"},
		{"negative request", func(c *Config) { c.Auth.RequestTimeout = -1 }, "--http-client-request-timeout must not be negative"},
	} {
		cfg := DefaultConfig()
		c.change(&cfg)
		got := ""
		if err := cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// A policy for clients' certificates makes TLS a must for all, but for whom something else is said.
func TestPolicyRequiresTLS(t *testing.T) {
	for _, c := range []struct {
		policy   string
		required TLSRequirement
		want     TLSRequirement
	}{
		{"", TLSNotRequired, TLSNotRequired},
		{"require", TLSNotRequired, TLSRequired},
		{"require-verify", TLSNotRequired, TLSRequired},
		{"anything", TLSNotRequired, TLSRequired},
		{"require", TLSRequiredExceptHTTP, TLSRequiredExceptHTTP},
		{"", TLSRequired, TLSRequired},
	} {
		tls := TLSConfig{ClientAuthPolicy: c.policy, Required: c.required}
		if got := tls.requirement(); got != c.want {
			t.Errorf("policy %q and %s: %s, want %s", c.policy, &c.required, &got, &c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	cfg := DefaultConfig()
	if got := cfg.warnings(); len(got) > 0 {
		t.Errorf("the defaults warn of %q", got)
	}
	cfg.TLS.ClientAuthPolicy, cfg.Broker.Experiments = "require-verify", broker.Experiments{broker.TopologyAware}
	if got := cfg.warnings(); len(got) > 0 {
		t.Errorf("what is right warns of %q", got)
	}
	cfg.LookupdAddresses, cfg.TLS.ClientAuthPolicy, cfg.Broker.Experiments = Strings{"a:4160"}, "requre", broker.Experiments{"x"}
	cfg.HTTPAddress = "/tmp/http.sock"
	got := cfg.warnings()
	for i, want := range []string{"--lookupd-tcp-address: ", `--tls-client-auth-policy "requre" is neither `, `--enable-experiment "x" `} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("warning %d of %q is not of %s", i, got, want)
		}
	}
}
