package server

import (
	"flag"
	"os"

	"github.com/nsqlab/nsqlab/broker"
)

// A Config is how an nsqd is to run.
type Config struct {
	TCPAddress       string // host:port, or the path of a unix socket; port 0 is any that is free
	HTTPAddress      string // as TCPAddress; empty: no HTTP
	BroadcastAddress string // what others are told to connect to; empty: the host's name
	DataPath         string // the folder for all that is kept; it must be there, and is locked while it runs; empty: nothing is kept

	Broker broker.Options
	Log    Log // nil: none
}

// DefaultConfig gives upstream's defaults, on this host.
func DefaultConfig() Config {
	hostname := hostname()
	return Config{
		TCPAddress:       "0.0.0.0:4150",
		HTTPAddress:      "0.0.0.0:4151",
		BroadcastAddress: hostname,
		Broker:           broker.DefaultOptions(hostname),
	}
}

// Flags declares upstream's flag for each setting but Log, with c's values as defaults; parsing fs then sets them.
func (c *Config) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.TCPAddress, "tcp-address", c.TCPAddress, "`address` to listen on for clients: host:port or the path of a unix socket")
	fs.StringVar(&c.HTTPAddress, "http-address", c.HTTPAddress, "`address` to listen on for HTTP: host:port or the path of a unix socket (empty: no HTTP)")
	fs.StringVar(&c.BroadcastAddress, "broadcast-address", c.BroadcastAddress, "`address` that others are told to connect to")
	fs.StringVar(&c.DataPath, "data-path", c.DataPath, "`folder` for all that is kept; it must be there, and is locked (default: the current one)")
	c.Broker.Flags(fs)
}

// hostname is the host's name, or empty if it has none.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
