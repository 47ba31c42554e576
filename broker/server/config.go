package server

import (
	"flag"
	"os"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// A Config is how an nsqd is to run.
type Config struct {
	TCPAddress       string // host:port, or the path of a unix socket; port 0 is any that is free
	HTTPAddress      string // as TCPAddress; empty: no HTTP
	HTTPSAddress     string // as TCPAddress; empty, or without a certificate: no HTTPS
	BroadcastAddress string // what others are told to connect to; empty: the host's name
	DataPath         string // the folder for all that is kept; it must be there, and is locked while it runs; empty: nothing is kept

	BroadcastTCPPort  int // what others are told to connect to; 0: the one listened on
	BroadcastHTTPPort int
	LookupdAddresses  Strings // host:port of nsqlookupds' TCP ports

	LookupdTLS           bool    // connections to nsqlookupds begin with TLS, with TLS's certificate and root CAs if there are such
	LookupdHTTPAddresses Strings // of their HTTP ports, in the same order, as seen from here; those that are missing are as the nsqlookupds tell

	TLS    TLSConfig
	Auth   AuthConfig
	Statsd StatsdConfig

	Metrics MetricsConfig

	DrainTimeout time.Duration // how long a drain may take until the daemon stops anyway; 0: as long as it takes

	Broker broker.Options
	Log    *Logger // nil: none
}

// TLSConfig is how connections are secured. Files are PEM.
type TLSConfig struct {
	Cert, Key        string // files; both or neither
	RootCAFile       string // of those who sign clients' certificates, and auth servers'; empty: the system's
	ClientAuthPolicy string // require, require-verify, or anything else: no certificate is asked for
	Required         TLSRequirement
	MinVersion       TLSVersion
}

// AuthConfig is who vouches for clients.
type AuthConfig struct {
	Addresses      Strings // host:port, or URLs; none: no client has to AUTH
	Method         string  // get or post
	ConnectTimeout time.Duration
	RequestTimeout time.Duration
}

// StatsdConfig is who is told figures.
type StatsdConfig struct {
	Address          string // host:port of UDP; empty: nobody
	Interval         time.Duration
	MemStats         bool
	Prefix           string // %s becomes the broadcast address and port
	PacketSize       int    // bytes at the most
	ExcludeEphemeral bool
}

// Strings are the values of a flag that may be given more than once.
type Strings []string

// String implements flag.Value.
func (s *Strings) String() string { return strings.Join(*s, ",") }

// Set implements flag.Value: it adds one value.
func (s *Strings) Set(value string) error {
	*s = append(*s, value)
	return nil
}

// DefaultConfig gives upstream's defaults, on this host.
func DefaultConfig() Config {
	hostname := hostname()
	return Config{
		TCPAddress:       "0.0.0.0:4150",
		HTTPAddress:      "0.0.0.0:4151",
		HTTPSAddress:     "0.0.0.0:4152",
		BroadcastAddress: hostname,
		TLS:              TLSConfig{MinVersion: tls10},
		Auth:             AuthConfig{Method: "get", ConnectTimeout: 2 * time.Second, RequestTimeout: 5 * time.Second},
		Statsd:           StatsdConfig{Interval: time.Minute, MemStats: true, Prefix: "nsq.%s", PacketSize: 508},
		Metrics:          MetricsConfig{MaxClients: 1000},
		Broker:           broker.DefaultOptions(hostname),
	}
}

// Flags declares upstream's flag for each setting but those of the log, with c's values as defaults; parsing fs then sets them.
func (c *Config) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.TCPAddress, "tcp-address", c.TCPAddress, "`address` to listen on for clients: host:port or the path of a unix socket")
	fs.StringVar(&c.HTTPAddress, "http-address", c.HTTPAddress, "`address` to listen on for HTTP: host:port or the path of a unix socket (empty: no HTTP)")
	fs.StringVar(&c.HTTPSAddress, "https-address", c.HTTPSAddress, "`address` to listen on for HTTPS, if there is a certificate (empty: no HTTPS)")
	fs.StringVar(&c.BroadcastAddress, "broadcast-address", c.BroadcastAddress, "`address` that others are told to connect to")
	fs.IntVar(&c.BroadcastTCPPort, "broadcast-tcp-port", c.BroadcastTCPPort, "TCP `port` that others are told to connect to (0: the one listened on)")
	fs.IntVar(&c.BroadcastHTTPPort, "broadcast-http-port", c.BroadcastHTTPPort, "HTTP `port` that others are told to connect to (0: the one listened on)")
	fs.Var(&c.LookupdAddresses, "lookupd-tcp-address", "`address` of an nsqlookupd's TCP port; may be given more than once")
	fs.Var(&c.LookupdHTTPAddresses, "lookupd-http-address", "HTTP `address` of an nsqlookupd as seen from here, in the order of lookupd-tcp-address, if it is not what the nsqlookupd tells")
	fs.BoolVar(&c.LookupdTLS, "lookupd-tls", c.LookupdTLS, "connect to nsqlookupds in TLS, which nsqlab's can do: with tls-root-ca-file, and with tls-cert and tls-key to show")
	fs.StringVar(&c.DataPath, "data-path", c.DataPath, "`folder` for all that is kept; it must be there, and is locked (default: the current one)")
	fs.DurationVar(&c.DrainTimeout, "drain-timeout", c.DrainTimeout, "how long a drain may take until nsqd stops anyway (0: as long as it takes)")
	fs.Int("queue-scan-worker-pool-max", 4, "no effect: timeouts and deferrals need no scan")
	fs.Int("queue-scan-selection-count", 20, "no effect: timeouts and deferrals need no scan")
	c.TLS.flags(fs)
	c.Auth.flags(fs)
	c.Statsd.flags(fs)
	fs.IntVar(&c.Metrics.MaxClients, "metrics-max-clients", c.Metrics.MaxClients, "consumers that GET /metrics tells of one by one; those beyond it counts")
	c.Broker.Flags(fs)
}

func (c *TLSConfig) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.Cert, "tls-cert", c.Cert, "`file` with the certificate, in PEM")
	fs.StringVar(&c.Key, "tls-key", c.Key, "`file` with the certificate's key, in PEM")
	fs.StringVar(&c.RootCAFile, "tls-root-ca-file", c.RootCAFile, "`file` with the certificates of those who sign clients' and auth servers' certificates, in PEM")
	fs.StringVar(&c.ClientAuthPolicy, "tls-client-auth-policy", c.ClientAuthPolicy, "what clients have to show: `require` (any certificate) or require-verify (one that is signed)")
	fs.Var(&c.Required, "tls-required", "whether clients must use TLS: true, false, or tcp-https (all but those of HTTP)")
	fs.Var(&c.MinVersion, "tls-min-version", "the least `version` of TLS: tls1.0, tls1.1, tls1.2 or tls1.3")
}

func (c *AuthConfig) flags(fs *flag.FlagSet) {
	fs.Var(&c.Addresses, "auth-http-address", "`address` (host:port or URL) of an auth server, which makes AUTH a must; may be given more than once")
	fs.StringVar(&c.Method, "auth-http-request-method", c.Method, "how auth servers are asked: get or post")
	fs.DurationVar(&c.ConnectTimeout, "http-client-connect-timeout", c.ConnectTimeout, "how long connecting to an auth server or an nsqlookupd by HTTP may take")
	fs.DurationVar(&c.RequestTimeout, "http-client-request-timeout", c.RequestTimeout, "how long a request to one may take")
}

func (c *StatsdConfig) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.Address, "statsd-address", c.Address, "UDP `address` of a statsd daemon that is told figures (empty: none)")
	fs.DurationVar(&c.Interval, "statsd-interval", c.Interval, "how often it is told")
	fs.BoolVar(&c.MemStats, "statsd-mem-stats", c.MemStats, "tell it of memory and garbage collection")
	fs.StringVar(&c.Prefix, "statsd-prefix", c.Prefix, "what its keys begin with; %s becomes the broadcast address and HTTP port")
	fs.IntVar(&c.PacketSize, "statsd-udp-packet-size", c.PacketSize, "the largest packet to it, in bytes")
	fs.BoolVar(&c.ExcludeEphemeral, "statsd-exclude-ephemeral", c.ExcludeEphemeral, "leave out what is #ephemeral")
}

// hostname is the host's name, or empty if it has none.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
