package main

import (
	"flag"

	"github.com/nsqlab/nsqlab/broker/server"
	"github.com/nsqlab/nsqlab/cmd/command"
)

// flags declares nsqd's.
func flags(cfg *server.Config) func(*flag.FlagSet) {
	return func(fs *flag.FlagSet) {
		fs.Bool("worker-id", false, "no effect, as in nsqd")
		cfg.Flags(fs)
	}
}

var groups = []command.Group{
	{Title: "To listen", Flags: []string{
		"tcp-address", "http-address", "https-address", "broadcast-address", "broadcast-tcp-port", "broadcast-http-port", "lookupd-tcp-address", "lookupd-http-address", "lookupd-tls",
	}},
	{Title: "TLS", Flags: []string{"tls-cert", "tls-key", "tls-root-ca-file", "tls-client-auth-policy", "tls-required", "tls-min-version"}},
	{Title: "Auth servers", Flags: []string{"auth-http-address", "auth-http-request-method", "http-client-connect-timeout", "http-client-request-timeout"}},
	{Title: "Durability", About: durability, Flags: []string{
		"data-path", "durability", "topic-durability", "sync-every", "sync-timeout", "max-bytes-per-file", "mem-queue-size",
	}},
	{Title: "Identity", Flags: []string{"node-id", "topology-region", "topology-zone", "enable-experiment"}},
	{Title: "Messages", Flags: []string{"msg-timeout", "max-msg-timeout", "max-req-timeout", "max-defer-timeout", "max-msg-size", "max-body-size",
		"requeue-on-disconnect", "drain-timeout"}},
	{Title: "Clients", Flags: []string{
		"max-rdy-count", "max-channel-consumers", "max-heartbeat-interval", "max-output-buffer-size",
		"max-output-buffer-timeout", "min-output-buffer-timeout", "output-buffer-timeout", "deflate", "max-deflate-level", "snappy",
	}},
	{Title: "Figures", Flags: []string{
		"e2e-processing-latency-percentile", "e2e-processing-latency-window-time",
		"statsd-address", "statsd-interval", "statsd-mem-stats", "statsd-prefix", "statsd-udp-packet-size", "statsd-exclude-ephemeral",
		"metrics-max-clients",
	}},
	{Title: "Log", Flags: []string{"log-level", "log-prefix", "log-file"}},
	{Title: "File of settings", About: file, Flags: []string{"config"}},
	{Title: "Other", Flags: []string{"version", "verbose", "worker-id", "queue-scan-worker-pool-max", "queue-scan-selection-count"}},
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
