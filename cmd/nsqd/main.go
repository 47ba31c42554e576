// Command nsqd is a message broker that speaks NSQ's protocol.
package main

import (
	"io"
	"os"

	"github.com/nsqlab/nsqlab/broker/server"
	"github.com/nsqlab/nsqlab/cmd/command"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is nsqd from its arguments to its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	cfg := server.DefaultConfig()
	return newCommand(&cfg).Run(args, stdout, stderr)
}

// newCommand is nsqd's, whose flags set cfg.
func newCommand(cfg *server.Config) *command.Daemon {
	return &command.Daemon{
		Name:   "nsqd",
		Intro:  intro,
		Groups: groups,
		Flags:  flags(cfg),
		Drains: true,
		Start: func(log *server.Logger) (command.Started, error) {
			cfg.Log = log
			if cfg.DataPath == "" {
				cfg.DataPath = "." // as in nsqd
			}
			log.Log(server.Info, "node id: %d", cfg.Broker.NodeID)
			d, err := server.Start(*cfg)
			if err != nil {
				return command.Started{}, err
			}
			return command.Started{Stop: d.Stop, Reload: d.Reload, Failed: d.Failed(), Drain: d.Drain, Drained: d.Drained()}, nil
		},
	}
}
