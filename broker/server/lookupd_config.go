package server

import (
	"errors"
	"flag"

	"github.com/nsqlab/nsqlab/broker/lookup"
)

// A LookupdConfig is how an nsqlookupd is to run.
type LookupdConfig struct {
	TCPAddress       string // for nsqds; host:port, or the path of a unix socket; port 0 is any that is free
	HTTPAddress      string // as TCPAddress
	HTTPSAddress     string // as TCPAddress; empty, or without a certificate: no HTTPS
	BroadcastAddress string // what nsqds are told to ask by HTTP; empty: the host's name
	DataPath         string // the folder that registrations are kept in; it must be there, and is locked while it runs; empty: they are not kept

	TLS      TLSConfig      // that of the TCP port, which stays open to plain connections unless Required says otherwise; and of HTTPS
	Registry lookup.Options // but for Identity, which the daemon fills in
	Log      *Logger        // nil: none
}

// DefaultLookupdConfig gives upstream's defaults, on this host.
func DefaultLookupdConfig() LookupdConfig {
	return LookupdConfig{
		TCPAddress:       "0.0.0.0:4160",
		HTTPAddress:      "0.0.0.0:4161",
		BroadcastAddress: hostname(),
		TLS:              TLSConfig{MinVersion: tls10},
		Registry:         lookup.DefaultOptions(),
	}
}

// Flags declares upstream's flag for each setting but those of the log, and ours, with c's values as defaults; parsing fs then sets them.
func (c *LookupdConfig) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.TCPAddress, "tcp-address", c.TCPAddress, "`address` to listen on for nsqds: host:port or the path of a unix socket")
	fs.StringVar(&c.HTTPAddress, "http-address", c.HTTPAddress, "`address` to listen on for HTTP: host:port or the path of a unix socket")
	fs.StringVar(&c.HTTPSAddress, "https-address", c.HTTPSAddress, "`address` to listen on for HTTPS, if there is a certificate (empty: no HTTPS)")
	fs.StringVar(&c.BroadcastAddress, "broadcast-address", c.BroadcastAddress, "`address` that nsqds are told to ask by HTTP")
	r := &c.Registry
	fs.DurationVar(&r.InactiveProducerTimeout, "inactive-producer-timeout", r.InactiveProducerTimeout,
		"how long an nsqd may say nothing until it is handed out no more, and its connection ends")
	fs.DurationVar(&r.TombstoneLifetime, "tombstone-lifetime", r.TombstoneLifetime, "how long a tombstone hides an nsqd from those who look up the topic")
	fs.StringVar(&c.DataPath, "data-path", c.DataPath, "`folder` that registrations are kept in; it must be there, and is locked (empty: they are not kept)")
	t := &c.TLS
	fs.StringVar(&t.Cert, "tls-cert", t.Cert, "`file` with the certificate, in PEM")
	fs.StringVar(&t.Key, "tls-key", t.Key, "`file` with the certificate's key, in PEM")
	fs.StringVar(&t.RootCAFile, "tls-root-ca-file", t.RootCAFile, "`file` with the certificates of those who sign nsqds' certificates, in PEM")
	fs.StringVar(&t.ClientAuthPolicy, "tls-client-auth-policy", t.ClientAuthPolicy, "what nsqds have to show: `require` (any certificate) or require-verify (one that is signed)")
	fs.Var(&t.Required, "tls-required", "whether nsqds must use TLS: true or false; HTTP stays open")
	fs.Var(&t.MinVersion, "tls-min-version", "the least `version` of TLS: tls1.0, tls1.1, tls1.2 or tls1.3")
}

// Validate says what is wrong with the settings; a flag is named as --flag.
func (c LookupdConfig) Validate() error {
	switch {
	case c.TCPAddress == "":
		return errors.New("--tcp-address must not be empty")
	case c.HTTPAddress == "":
		return errors.New("--http-address must not be empty")
	case c.Registry.InactiveProducerTimeout <= 0:
		return errors.New("--inactive-producer-timeout must be more than 0")
	case c.Registry.TombstoneLifetime < 0:
		return errors.New("--tombstone-lifetime must not be negative")
	}
	return c.TLS.validate()
}
