//go:build unix

package live

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/nsqlab/nsqlab/broker/server"
	"github.com/nsqlab/nsqlab/sim"
)

// inProcess launches every node as a few goroutines of this process.
type inProcess struct{ space workspace }

// InProcess launches nodes inside this process, with sockets of their own. They cannot be paused, and are no other program.
func InProcess() Launcher { return &inProcess{} }

// Close implements Launcher.
func (l *inProcess) Close() error { return l.space.close() }

func (l *inProcess) prepare(ctx context.Context, s spec) (daemon, error) {
	h, err := newHome(&l.space, s.name)
	if err != nil {
		return nil, err
	}
	n := &inside{home: h}
	return n, n.configure(ctx, s, "")
}

func (l *inProcess) host(context.Context) (string, error) { return loopback, nil }

// inside is a node in this process, and the place of one that is down.
type inside struct {
	launch  func(*server.Logger) (service, error)
	home    home
	service service  // nil while it is down
	file    *os.File // of its log
}

// A service is a daemon that runs: a server.Nsqd or a server.Lookupd.
type service interface {
	Stop() error
	Kill()
}

func (n *inside) configure(_ context.Context, s spec, binary string) error {
	if binary != "" {
		return fmt.Errorf("in-process nodes are no programs: %w", errors.ErrUnsupported)
	}
	flags := flag.NewFlagSet(s.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	program := nsqd
	if s.kind == sim.Lookupd {
		program = nsqlookupd
	}
	launch := program(flags)
	if err := flags.Parse(s.ownFlags(n.home.data())); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	n.launch = launch
	return nil
}

// nsqd has flags for one, and gives what launches it as they say.
func nsqd(flags *flag.FlagSet) func(*server.Logger) (service, error) {
	config := server.DefaultConfig()
	config.Flags(flags)
	return func(log *server.Logger) (service, error) {
		config.Log = log
		return server.Start(config)
	}
}

func nsqlookupd(flags *flag.FlagSet) func(*server.Logger) (service, error) {
	config := server.DefaultLookupdConfig()
	config.Flags(flags)
	return func(log *server.Logger) (service, error) {
		config.Log = log
		return server.StartLookupd(config)
	}
}

func (n *inside) start(context.Context) error {
	file, err := n.home.openLog()
	if err != nil {
		return err
	}
	s, err := n.launch(server.WriteLog(file, "", server.Info))
	if err != nil {
		return errors.Join(err, file.Close())
	}
	n.service, n.file = s, file
	return nil
}

func (n *inside) kill(context.Context) error {
	n.service.Kill()
	n.service = nil
	return n.file.Close()
}

// stop leaves it to the log, as a process does, if the node could not save all.
func (n *inside) stop(context.Context) error {
	if err := n.service.Stop(); err != nil {
		fmt.Fprintln(n.file, err)
	}
	n.service = nil
	return n.file.Close()
}

func (n *inside) pause(context.Context) error {
	return fmt.Errorf("in-process nodes cannot be paused: %w", errors.ErrUnsupported)
}

func (n *inside) resume(ctx context.Context) error { return n.pause(ctx) }

// alive does not know of a daemon that cannot serve any more; that shows in its log.
func (n *inside) alive(context.Context) bool { return n.service != nil }

func (n *inside) log(context.Context) string { return n.home.log() }

func (n *inside) remove(ctx context.Context) error {
	var err error
	if n.alive(ctx) {
		err = n.kill(ctx)
	}
	return errors.Join(err, n.home.remove())
}
