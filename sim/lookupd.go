package sim

import (
	"flag"
	"fmt"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/httpapi"
	"github.com/nsqlab/nsqlab/broker/lookup"
)

// The ports that the nodes of a world tell others; nothing in it needs them.
const (
	nsqdTCPPort, nsqdHTTPPort       = 4150, 4151
	lookupdTCPPort, lookupdHTTPPort = 4160, 4161
)

// registryOptions are an nsqlookupd's settings by its flags.
func registryOptions(n Node) (lookup.Options, error) {
	opts := lookup.DefaultOptions()
	err := parseArgs(n, func(fs *flag.FlagSet) {
		fs.DurationVar(&opts.InactiveProducerTimeout, "inactive-producer-timeout", opts.InactiveProducerTimeout, "")
		fs.DurationVar(&opts.TombstoneLifetime, "tombstone-lifetime", opts.TombstoneLifetime, "")
	})
	if err == nil && (opts.InactiveProducerTimeout <= 0 || opts.TombstoneLifetime < 0) {
		err = fmt.Errorf("a time that is too short: %v", n.Args)
	}
	opts.Identity = lookup.Identity{
		BroadcastAddress: n.Name, Hostname: n.Name, HTTPPort: lookupdHTTPPort, TCPPort: lookupdTCPPort, Version: broker.Version,
	}
	return opts, err
}

// startRegistry begins a life of an nsqlookupd. It knows nothing.
func (n *node) startRegistry() error {
	opts, err := registryOptions(n.present())
	if err != nil {
		return err
	}
	r := lookup.NewRegistry(opts)
	n.life = &life{registry: r, handler: httpapi.Lookupd(r, httpapi.LookupdInfo{Version: broker.Version}, n.now)}
	return nil
}
