// Command nsqlookupd tells consumers which nsqds have a topic.
package main

import (
	"io"
	"os"

	"github.com/nsqlab/nsqlab/broker/server"
	"github.com/nsqlab/nsqlab/cmd/command"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is nsqlookupd from its arguments to its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	cfg := server.DefaultLookupdConfig()
	return newCommand(&cfg).Run(args, stdout, stderr)
}

// newCommand is nsqlookupd's, whose flags set cfg.
func newCommand(cfg *server.LookupdConfig) *command.Daemon {
	return &command.Daemon{
		Name:   "nsqlookupd",
		Intro:  intro,
		Groups: groups,
		Flags:  cfg.Flags,
		Start: func(log *server.Logger) (command.Started, error) {
			cfg.Log = log
			d, err := server.StartLookupd(*cfg)
			if err != nil {
				return command.Started{}, err
			}
			return command.Started{Stop: d.Stop, Reload: d.Reload, Failed: d.Failed()}, nil
		},
	}
}
