// Package command is a daemon's command from its arguments to its exit code: flags, the file of settings, the log, signals.
//
//	cfg := server.DefaultConfig()
//	d := command.Daemon{
//		Name: "nsqd", Flags: cfg.Flags, Groups: …,
//		Start: func(log *server.Logger) (command.Started, error) { … },
//	}
//	os.Exit(d.Run(os.Args[1:], os.Stdout, os.Stderr))
package command

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

// A Daemon is a daemon's command.
type Daemon struct {
	Name   string
	Intro  string                 // what the help begins with
	Groups []Group                // all flags, as the help shows them
	Flags  func(fs *flag.FlagSet) // declares those that are not every daemon's
	Drains bool                   // SIGUSR1 begins a drain

	// Start starts the daemon, which writes to the log given.
	Start func(log *server.Logger) (Started, error)

	version   bool
	config    string // file of settings; empty: none
	logLevel  server.Level
	logPrefix string
	logFile   string // empty: stderr
}

// A Started is a daemon that runs.
type Started struct {
	Stop    func() error
	Reload  func() error
	Failed  <-chan error
	Drain   func(on bool)   // nil if the Daemon does not drain
	Drained <-chan struct{} // nil if the Daemon does not drain
}

// FlagSet declares all flags; parsing it, which writes nothing, sets what they are for.
func (d *Daemon) FlagSet() *flag.FlagSet {
	fs := flag.NewFlagSet(d.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	d.logLevel, d.logPrefix = server.Info, "["+d.Name+"] "
	fs.BoolVar(&d.version, "version", false, "print the version and exit")
	fs.StringVar(&d.config, "config", "", "`file` of settings, in TOML")
	fs.Var(&d.logLevel, "log-level", "the least `level` to log: debug, info, warn, error or fatal")
	fs.StringVar(&d.logPrefix, "log-prefix", d.logPrefix, "what each line of the log begins with")
	fs.StringVar(&d.logFile, "log-file", "", "`file` that the log is appended to (empty: stderr)")
	fs.Bool("verbose", false, "no effect, as in "+d.Name)
	d.Flags(fs)
	return fs
}

// Run runs the command until a signal ends it, and gives the exit code.
func (d *Daemon) Run(args []string, stdout, stderr io.Writer) int {
	flags := d.FlagSet()
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		d.writeHelp(stdout, flags)
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "%s: %s; see %s --help\n", d.Name, err, d.Name)
		return exitUsage
	case d.version:
		fmt.Fprintln(stdout, d.title())
		return exitOK
	}
	origins, err := d.load(flags)
	var log *server.Logger
	if err == nil {
		log, err = d.openLog(stderr)
	}
	if err != nil {
		server.WriteLog(stderr, d.logPrefix, d.logLevel).Log(server.Fatal, "%s", err)
		return exitFailed
	}
	defer log.Close()
	if flags.NArg() > 0 {
		log.Log(server.Warn, "these arguments are no flags and are ignored, with all that follows: %q", flags.Args())
	}
	return d.serve(log, origins, stderr)
}

func (d *Daemon) title() string {
	return fmt.Sprintf("%s v%s (built w/%s)", d.Name, broker.Version, runtime.Version())
}

// load sets the flags that the command line has not from the file of settings, if there is one, and tells where in it each stands.
func (d *Daemon) load(fs *flag.FlagSet) (server.Origins, error) {
	if d.config == "" {
		return nil, nil
	}
	return server.ReadConfigFile(fs, d.config)
}

// openLog opens the log: the file if there is one, else stderr.
func (d *Daemon) openLog(stderr io.Writer) (*server.Logger, error) {
	if d.logFile == "" {
		return server.WriteLog(stderr, d.logPrefix, d.logLevel), nil
	}
	return server.OpenLog(d.logFile, d.logPrefix, d.logLevel)
}

// serve runs the daemon until a signal ends it. What keeps it from starting is told on stderr, too, if the log is elsewhere.
func (d *Daemon) serve(logger *server.Logger, origins server.Origins, stderr io.Writer) int {
	log := logger.Log
	in := listen(d.Drains)
	log(server.Info, "%s", d.title())
	started, err := d.Start(logger)
	if err != nil {
		err = origins.Explain(err)
		log(server.Fatal, "%s", err)
		if d.logFile != "" {
			fmt.Fprintf(stderr, "%s: %s\n", d.Name, err)
		}
		return exitFailed
	}
	tell(log, "READY=1")
	code := attend(started, log, in)
	tell(log, "STOPPING=1")
	if err := started.Stop(); err != nil {
		log(server.Error, "%s", err)
		return exitFailed
	}
	return code
}

// signals are those that a daemon knows, each with a place of its own, so that none crowds out another.
type signals struct{ stops, drains, reloads chan os.Signal }

func listen(drains bool) signals {
	in := signals{make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)}
	signal.Notify(in.stops, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(in.reloads, syscall.SIGHUP)
	if drains {
		notifyDrain(in.drains)
	}
	return in
}

// attend does what signals ask for until one ends the daemon, or the daemon can serve no more, and gives the exit code of that.
func attend(s Started, log server.Log, in signals) int {
	for {
		select {
		case got := <-in.stops:
			log(server.Info, "signal: %s", got)
			return exitOK
		case got := <-in.drains:
			log(server.Info, "signal: %s", got)
			s.Drain(true)
		case <-s.Drained:
			return exitOK
		case got := <-in.reloads:
			log(server.Info, "signal: %s", got)
			if err := s.Reload(); err != nil {
				log(server.Error, "not all was reloaded, and what was not stays as it was - %s", err)
				continue
			}
			log(server.Info, "reloaded")
		case err := <-s.Failed:
			log(server.Fatal, "%s", err)
			return exitFailed
		}
	}
}
