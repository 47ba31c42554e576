// Command nsqd is a message broker that speaks NSQ's protocol.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/server"
)

// Exit codes, as upstream's.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is nsqd from its arguments to its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	s := defaultSettings()
	flags := s.flags()
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		writeHelp(stdout, flags)
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "nsqd: %s; see nsqd --help\n", err)
		return exitUsage
	case s.version:
		fmt.Fprintf(stdout, "nsqd v%s (built w/%s)\n", broker.Version, runtime.Version())
		return exitOK
	}
	return serve(s, stderr)
}

// serve runs the daemon until a signal ends it.
func serve(s settings, stderr io.Writer) int {
	log := server.WriteLog(stderr, s.logPrefix, s.logLevel)
	s.Log = log
	if s.DataPath == "" {
		s.DataPath = "." // as in nsqd
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	log(server.Info, "nsqd v%s (built w/%s)", broker.Version, runtime.Version())
	log(server.Info, "node id: %d", s.Broker.NodeID)
	daemon, err := server.Start(s.Config)
	if err != nil {
		log(server.Fatal, "%s", err)
		return exitFailed
	}
	select {
	case got := <-signals:
		log(server.Info, "signal: %s", got)
	case err = <-daemon.Failed():
		log(server.Fatal, "%s", err)
	}
	if stopErr := daemon.Stop(); stopErr != nil {
		log(server.Error, "%s", stopErr)
		return exitFailed
	}
	if err != nil {
		return exitFailed
	}
	return exitOK
}
