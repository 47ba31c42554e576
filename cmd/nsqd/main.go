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
	s.Log, s.LogPrefix = log, s.logPrefix
	if s.DataPath == "" {
		s.DataPath = "." // as in nsqd
	}
	signals, drains := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	notifyDrain(drains)
	log(server.Info, "nsqd v%s (built w/%s)", broker.Version, runtime.Version())
	log(server.Info, "node id: %d", s.Broker.NodeID)
	daemon, err := server.Start(s.Config)
	if err != nil {
		log(server.Fatal, "%s", err)
		return exitFailed
	}
	err = wait(daemon, signals, drains, log)
	if stopErr := daemon.Stop(); stopErr != nil {
		log(server.Error, "%s", stopErr)
		return exitFailed
	}
	if err != nil {
		return exitFailed
	}
	return exitOK
}

// wait waits for what ends the daemon: a signal, the end of a drain, or its failure, which it gives.
func wait(daemon *server.Nsqd, signals, drains <-chan os.Signal, log server.Log) error {
	for {
		select {
		case got := <-signals:
			log(server.Info, "signal: %s", got)
			return nil
		case got := <-drains:
			log(server.Info, "signal: %s", got)
			daemon.Drain(true)
		case <-daemon.Drained():
			return nil
		case err := <-daemon.Failed():
			log(server.Fatal, "%s", err)
			return err
		}
	}
}
