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
	origins, err := s.load(flags)
	if err == nil {
		s.Log, err = s.openLog(stderr)
	}
	if err != nil {
		server.WriteLog(stderr, s.logPrefix, s.logLevel).Log(server.Fatal, "%s", err)
		return exitFailed
	}
	defer s.Log.Close()
	if flags.NArg() > 0 {
		s.Log.Log(server.Warn, "these arguments are no flags and are ignored, with all that follows: %q", flags.Args())
	}
	return serve(s, origins, stderr)
}

// serve runs the daemon until a signal ends it. What keeps it from starting is told on stderr, too, if the log is elsewhere.
func serve(s settings, origins server.Origins, stderr io.Writer) int {
	log := s.Log.Log
	if s.DataPath == "" {
		s.DataPath = "." // as in nsqd
	}
	in := listen()
	log(server.Info, "nsqd v%s (built w/%s)", broker.Version, runtime.Version())
	log(server.Info, "node id: %d", s.Broker.NodeID)
	daemon, err := server.Start(s.Config)
	if err != nil {
		err = origins.Explain(err)
		log(server.Fatal, "%s", err)
		if s.logFile != "" {
			fmt.Fprintf(stderr, "nsqd: %s\n", err)
		}
		return exitFailed
	}
	tell(log, "READY=1")
	code := attend(daemon, log, in)
	tell(log, "STOPPING=1")
	if err := daemon.Stop(); err != nil {
		log(server.Error, "%s", err)
		return exitFailed
	}
	return code
}

// signals are those that the daemon knows, each with a place of its own, so that none crowds out another.
type signals struct{ stops, drains, reloads chan os.Signal }

func listen() signals {
	in := signals{make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)}
	signal.Notify(in.stops, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(in.reloads, syscall.SIGHUP)
	notifyDrain(in.drains)
	return in
}

// attend does what signals ask for until one ends the daemon, or the daemon can serve no more, and gives the exit code of that.
func attend(daemon *server.Nsqd, log server.Log, in signals) int {
	for {
		select {
		case got := <-in.stops:
			log(server.Info, "signal: %s", got)
			return exitOK
		case got := <-in.drains:
			log(server.Info, "signal: %s", got)
			daemon.Drain(true)
		case <-daemon.Drained():
			return exitOK
		case got := <-in.reloads:
			log(server.Info, "signal: %s", got)
			if err := daemon.Reload(); err != nil {
				log(server.Error, "not all was reloaded, and what was not stays as it was - %s", err)
				continue
			}
			log(server.Info, "reloaded")
		case err := <-daemon.Failed():
			log(server.Fatal, "%s", err)
			return exitFailed
		}
	}
}
