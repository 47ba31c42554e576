package server

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nsqlab/nsqlab/broker"
)

const maxPort = 1<<16 - 1

// Validate says what is wrong with the settings, with upstream's words where upstream checks it; a flag is named as --flag.
func (c Config) Validate() error {
	if err := c.Broker.Validate(); err != nil {
		return err
	}
	if c.TCPAddress == "" {
		return errors.New("--tcp-address must not be empty")
	}
	for _, limit := range []struct {
		flag        string
		value       int64
		least, most int64
	}{
		{"broadcast-tcp-port", int64(c.BroadcastTCPPort), 0, maxPort},
		{"broadcast-http-port", int64(c.BroadcastHTTPPort), 0, maxPort},
		{"statsd-udp-packet-size", int64(c.Statsd.PacketSize), 1, maxPort},
		{"statsd-interval", int64(c.Statsd.Interval), 1, 0},
		{"drain-timeout", int64(c.DrainTimeout), 0, 0},
		{"http-client-connect-timeout", int64(c.Auth.ConnectTimeout), 0, 0},
		{"http-client-request-timeout", int64(c.Auth.RequestTimeout), 0, 0},
	} {
		if limit.most > 0 && limit.value > limit.most {
			return fmt.Errorf("--%s must be at most %d", limit.flag, limit.most)
		}
		if limit.value < limit.least {
			return fmt.Errorf("--%s must %s", limit.flag, []string{"not be negative", "be more than 0"}[limit.least])
		}
	}
	return cmp.Or(c.TLS.validate(), c.Auth.validate(), c.validateAddresses())
}

func (c *TLSConfig) validate() error {
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("--tls-cert and --tls-key must be given together")
	}
	if c.requirement() != TLSNotRequired && c.Cert == "" {
		return errors.New("cannot require TLS client connections without TLS key and cert")
	}
	return nil
}

func (c *TLSConfig) warnings() (lines []string) {
	if p := c.ClientAuthPolicy; !slices.Contains([]string{"", "require", "require-verify"}, p) {
		lines = append(lines, fmt.Sprintf("--tls-client-auth-policy %q is neither require nor require-verify: no certificate is asked for", p))
	}
	return lines
}

// requirement is who must use TLS: all, if certificates are asked of clients and nothing else is said.
func (c *TLSConfig) requirement() TLSRequirement {
	if c.Required == TLSNotRequired && c.ClientAuthPolicy != "" {
		return TLSRequired
	}
	return c.Required
}

func (c *AuthConfig) validate() error {
	if c.Method != "get" && c.Method != "post" {
		return errors.New("--auth-http-request-method must be get or post")
	}
	for _, address := range c.Addresses {
		target := address
		if !strings.Contains(target, "://") {
			target = "http://" + target
		}
		if u, err := url.Parse(target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("--auth-http-address %q must be host:port or a URL", address)
		}
	}
	return nil
}

// validateAddresses looks at those that are dialled; the others are seen to be usable when they are listened on.
func (c *Config) validateAddresses() error {
	for _, address := range c.LookupdAddresses {
		if !isHostPort(address) {
			return fmt.Errorf("--lookupd-tcp-address %q must be host:port", address)
		}
	}
	if c.Statsd.Address != "" && !isHostPort(c.Statsd.Address) {
		return fmt.Errorf("--statsd-address %q must be host:port", c.Statsd.Address)
	}
	return nil
}

func isHostPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	n, bad := strconv.Atoi(port)
	return err == nil && bad == nil && n > 0 && n <= maxPort
}

// warnings are what is accepted, as upstream does, though it does not do what it may be meant to.
func (c *Config) warnings() (lines []string) {
	if len(c.LookupdAddresses) > 0 && (c.BroadcastTCPPort == 0 && !isHostPort(c.TCPAddress) || c.BroadcastHTTPPort == 0 && !isHostPort(c.HTTPAddress)) {
		lines = append(lines, "--lookupd-tcp-address: no nsqlookupd registers an nsqd without ports: give --broadcast-tcp-port and --broadcast-http-port")
	}
	lines = append(lines, c.TLS.warnings()...)
	for _, name := range c.Broker.Experiments {
		if name != broker.TopologyAware {
			lines = append(lines, fmt.Sprintf("--enable-experiment %q is not known and has no effect", name))
		}
	}
	return lines
}
