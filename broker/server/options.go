package server

import (
	"flag"

	"github.com/nsqlab/nsqlab/broker"
)

// lookupdOption is the one option whose value the daemon changes itself.
const lookupdOption = "nsqlookupd_tcp_addresses"

// options are what /config shows, by their names in a config file.
func (d *Nsqd) options(cfg Config) func(name string) (any, bool) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	cfg.Flags(fs)
	values := map[string]any{"log_prefix": cfg.Log.Prefix()}
	fs.VisitAll(func(f *flag.Flag) { values[ConfigKey(f.Name)] = shown(f.Value) })
	return func(name string) (any, bool) {
		switch {
		case name == lookupdOption:
			return d.lookups.addresses(), true
		case name == "log_level":
			return int(cfg.Log.Level()), true
		}
		value, ok := values[name]
		return value, ok
	}
}

// shown is a flag's value as /config shows it: words as they are, and what is to become JSON.
func shown(v flag.Value) any {
	switch v := v.(type) {
	case flag.Getter:
		return v.Get()
	case *Strings:
		return append([]string{}, *v...)
	case *broker.Experiments:
		return append([]string{}, *v...)
	case *broker.Percentiles:
		return append([]float64{}, *v...)
	case *TLSRequirement:
		return int(*v)
	case *TLSVersion:
		return int(*v)
	}
	return v.String()
}
