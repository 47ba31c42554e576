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
	logLevel  server.Level
	logPrefix string
}

func defaultSettings() settings {
	return settings{Config: server.DefaultConfig(), logLevel: server.Info, logPrefix: "[nsqd] "}
}

// flags declares them; parsing the result, which writes nothing, fills s in.
func (s *settings) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("nsqd", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&s.version, "version", false, "print the version and exit")
	fs.Var(&s.logLevel, "log-level", "the least `level` to log: debug, info, warn, error or fatal")
	fs.StringVar(&s.logPrefix, "log-prefix", s.logPrefix, "what each line of the log begins with")
	fs.Bool("verbose", false, "no effect, as in nsqd")
	fs.Bool("worker-id", false, "no effect, as in nsqd")
	s.Flags(fs)
	return fs
}

// A group is flags that belong together in the help.
type group struct {
	title string
	flags []string
}

var groups = []group{
	{"To listen", []string{"tcp-address", "http-address", "broadcast-address"}},
	{"Data", []string{"data-path", "mem-queue-size"}},
	{"Identity", []string{"node-id", "topology-region", "topology-zone"}},
	{"Messages", []string{"msg-timeout", "max-msg-timeout", "max-req-timeout", "max-msg-size", "max-body-size"}},
	{"Clients", []string{
		"max-rdy-count", "max-channel-consumers", "max-heartbeat-interval", "max-output-buffer-size",
		"max-output-buffer-timeout", "min-output-buffer-timeout", "output-buffer-timeout", "max-deflate-level",
	}},
	{"Log", []string{"log-level", "log-prefix"}},
	{"Other", []string{"version", "verbose", "worker-id"}},
}

const intro = `nsqd is a message broker that speaks NSQ's protocol: producers publish messages to topics, consumers get them from
channels, and each channel of a topic gets each message.

usage: nsqd [flags]

  nsqd                                                     on the ports 4150 and 4151
  curl -d 'hello' 'http://127.0.0.1:4151/pub?topic=greetings'
  curl 'http://127.0.0.1:4151/stats'

Messages are held in memory only: OK says that this process has the message, and a kill or a stop loses what no consumer
has finished. SIGINT and SIGTERM stop it in order.

A flag is written -flag value, -flag=value, --flag value or --flag=value; a duration is 250ms, 30s or 1m30s.
`

// writeHelp tells what nsqd is and what each flag does.
func writeHelp(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprint(w, intro)
	for _, g := range groups {
		fmt.Fprintf(w, "\n%s:\n", g.title)
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
