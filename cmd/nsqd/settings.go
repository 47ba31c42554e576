package main

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/nsqlab/nsqlab/broker/server"
)

// settings are what the flags set.
type settings struct {
	server.Config
	version   bool
	config    string // file of settings; empty: none
	logLevel  server.Level
	logPrefix string
	logFile   string // empty: stderr
}

func defaultSettings() settings {
	return settings{Config: server.DefaultConfig(), logLevel: server.Info, logPrefix: "[nsqd] "}
}

// flags declares them; parsing the result, which writes nothing, fills s in.
func (s *settings) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("nsqd", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&s.version, "version", false, "print the version and exit")
	fs.StringVar(&s.config, "config", "", "`file` of settings, in TOML")
	fs.Var(&s.logLevel, "log-level", "the least `level` to log: debug, info, warn, error or fatal")
	fs.StringVar(&s.logPrefix, "log-prefix", s.logPrefix, "what each line of the log begins with")
	fs.StringVar(&s.logFile, "log-file", "", "`file` that the log is appended to (empty: stderr)")
	fs.Bool("verbose", false, "no effect, as in nsqd")
	fs.Bool("worker-id", false, "no effect, as in nsqd")
	s.Flags(fs)
	return fs
}

// load sets the flags that the command line has not from the file of settings, if there is one, and tells where in it each stands.
func (s *settings) load(fs *flag.FlagSet) (server.Origins, error) {
	if s.config == "" {
		return nil, nil
	}
	return server.ReadConfigFile(fs, s.config)
}

// openLog opens the log: the file if there is one, else stderr.
func (s *settings) openLog(stderr io.Writer) (*server.Logger, error) {
	if s.logFile == "" {
		return server.WriteLog(stderr, s.logPrefix, s.logLevel), nil
	}
	return server.OpenLog(s.logFile, s.logPrefix, s.logLevel)
}

// A group is flags that belong together in the help.
type group struct {
	title string
	about string // stands before them; may be empty
	flags []string
}

var groups = []group{
	{"To listen", "", []string{
		"tcp-address", "http-address", "https-address", "broadcast-address", "broadcast-tcp-port", "broadcast-http-port", "lookupd-tcp-address",
	}},
	{"TLS", "", []string{"tls-cert", "tls-key", "tls-root-ca-file", "tls-client-auth-policy", "tls-required", "tls-min-version"}},
	{"Auth servers", "", []string{"auth-http-address", "auth-http-request-method", "http-client-connect-timeout", "http-client-request-timeout"}},
	{"Durability", durability, []string{
		"data-path", "durability", "topic-durability", "sync-every", "sync-timeout", "max-bytes-per-file", "mem-queue-size",
	}},
	{"Identity", "", []string{"node-id", "topology-region", "topology-zone", "enable-experiment"}},
	{"Messages", "", []string{"msg-timeout", "max-msg-timeout", "max-req-timeout", "max-defer-timeout", "max-msg-size", "max-body-size",
		"requeue-on-disconnect", "drain-timeout"}},
	{"Clients", "", []string{
		"max-rdy-count", "max-channel-consumers", "max-heartbeat-interval", "max-output-buffer-size",
		"max-output-buffer-timeout", "min-output-buffer-timeout", "output-buffer-timeout", "deflate", "max-deflate-level", "snappy",
	}},
	{"Figures", "", []string{
		"e2e-processing-latency-percentile", "e2e-processing-latency-window-time",
		"statsd-address", "statsd-interval", "statsd-mem-stats", "statsd-prefix", "statsd-udp-packet-size", "statsd-exclude-ephemeral",
		"metrics-max-clients",
	}},
	{"Log", "", []string{"log-level", "log-prefix", "log-file"}},
	{"File of settings", file, []string{"config"}},
	{"Other", "", []string{"version", "verbose", "worker-id", "queue-scan-worker-pool-max", "queue-scan-selection-count"}},
}

const intro = `nsqd is a message broker that speaks NSQ's protocol: producers publish messages to topics, consumers get them from
channels, and each channel of a topic gets each message.

usage: nsqd [flags]

  nsqd                                                     on the ports 4150 and 4151
  curl -d 'hello' 'http://127.0.0.1:4151/pub?topic=greetings'
  curl 'http://127.0.0.1:4151/stats'

What OK promises to a producer is one word, --durability:

  os      the operating system has the message: a crash or a kill of nsqd loses nothing. A power cut can lose the
          last seconds. This is the default.
  fsync   the disk has it: a power cut loses nothing. What is published at the same time is synced together.
  memory  nsqd has it: a crash or a kill loses what is not on disk yet. So it is with upstream's nsqd.

No message is taken for finished before its FIN has come, so a crash can deliver a message again. SIGINT and SIGTERM stop
nsqd in order, and everything is kept on disk, whatever the word. What is #ephemeral is never written. SIGUSR1 lets nsqd
drain: it refuses what is new, and stops when its consumers have finished what is there. SIGHUP opens --log-file anew and
reads the TLS certificate again; no connection ends.

A flag is written -flag value, -flag=value, --flag value or --flag=value; a duration is 250ms, 30s or 1m30s.
`

const durability = `  How this differs from upstream's nsqd, which holds messages in memory, for each channel anew, and writes those it has
  no room for, as --durability=memory does here: otherwise each message is written before its OK, once for all channels,
  and a file goes when they have finished all that is in it. So

  sync-every and sync-timeout bound what a power cut can take under os. Upstream counts what is written to and read from
  a queue, and syncs after OK, also with sync-every=1; here the messages of a topic count, and 1 syncs before OK.
  mem-queue-size bounds what a crash of upstream's can take; here it does so under memory alone.
`

const file = `  Each flag but config and version is a key of it, with _ for -:

    data_path = "/var/lib/nsqd"
    msg_timeout = "90s"                             # or an integer, in milliseconds
    nsqlookupd_tcp_addresses = ["10.0.0.1:4160"]    # or a string with commas

  Four keys have other names, as upstream's: id for node-id, nsqlookupd_tcp_addresses for lookupd-tcp-address,
  auth_http_addresses for auth-http-address, e2e_processing_latency_percentiles for e2e-processing-latency-percentile.
  A flag on the command line goes before its key, also that of a list. A key that is not known is an error.
`

// writeHelp tells what nsqd is and what each flag does.
func writeHelp(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprint(w, intro)
	for _, g := range groups {
		fmt.Fprintf(w, "\n%s:\n", g.title)
		if g.about != "" {
			fmt.Fprintln(w, g.about)
		}
		for _, name := range g.flags {
			f := fs.Lookup(name)
			kind, usage := flag.UnquoteUsage(f)
			if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && !strings.Contains(usage, "(default") {
				usage += " (default: " + f.DefValue + ")"
			}
			fmt.Fprintf(w, "  %-38s %s\n", "--"+name+" "+kind, usage)
		}
	}
}
