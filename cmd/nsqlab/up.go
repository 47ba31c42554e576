package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/nsqlab/nsqlab/broker/server"
)

type upCommand struct {
	Nsqd     int    `help:"How many nsqds (3)." default:"3" placeholder:"N"`
	Lookupd  int    `help:"How many nsqlookupds; each nsqd registers with all (2)." default:"2" placeholder:"N"`
	DataPath string `help:"Where the nsqds keep their messages, each in a folder of its own. A temporary folder, if not given." placeholder:"DIR"`
}

// maxUp bounds the daemons of a kind.
const maxUp = 100

// Help is what nsqlab up --help tells beside the flags.
func (c *upCommand) Help() string {
	return `It starts nsqlookupds and nsqds in this process, on free ports of 127.0.0.1, tells where they are and how to publish and
to consume, and stops them in order on ^C: what the nsqds hold is saved then. A temporary folder goes with them; with --data-path
the next nsqlab up goes on with what is there, at other ports.

  nsqlab up                                   two nsqlookupds and three nsqds
  nsqlab up --nsqd=1 --lookupd=0              one nsqd alone
  nsqlab up --data-path=/var/tmp/mycluster    messages outlive it`
}

// Run starts the cluster and stops it when the context is done.
func (c *upCommand) Run(env *environment) (err error) {
	switch {
	case c.Nsqd < 1 || c.Nsqd > maxUp:
		return fmt.Errorf("--nsqd=%d: want 1 to %d", c.Nsqd, maxUp)
	case c.Lookupd < 0 || c.Lookupd > maxUp:
		return fmt.Errorf("--lookupd=%d: want 0 to %d", c.Lookupd, maxUp)
	}
	folder := c.DataPath
	if folder == "" {
		if folder, err = os.MkdirTemp("", "nsqlab-up-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}
	u := &upCluster{errs: env.errs, failed: make(chan error, 1), ended: make(chan struct{})}
	defer func() { err = errors.Join(err, u.stop()) }()
	if err := u.start(folder, c.Nsqd, c.Lookupd); err != nil {
		return err
	}
	if err := u.tell(env.out, c.DataPath); err != nil {
		return err
	}
	select {
	case <-env.ctx.Done():
		fmt.Fprintln(env.errs, "stopping")
		return nil
	case err := <-u.failed:
		return err
	}
}

// An upCluster is nsqlookupds and nsqds that run.
type upCluster struct {
	lookupds []*server.Lookupd
	nsqds    []*server.Nsqd
	failed   chan error    // holds one at most
	ended    chan struct{} // closed when nobody has to watch any more
	watchers sync.WaitGroup

	mu   sync.Mutex
	errs io.Writer // guarded by mu
}

// Write implements io.Writer, for the daemons' logs together.
func (u *upCluster) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.errs.Write(p)
}

// log takes what goes wrong in a daemon.
func (u *upCluster) log(name string) *server.Logger {
	return server.WriteLog(u, "["+name+"] ", server.Error)
}

// start starts the nsqlookupds, and then the nsqds.
func (u *upCluster) start(folder string, nsqds, lookupds int) error {
	const anyPort = "127.0.0.1:0"
	var tcp []string
	for i := range lookupds {
		cfg := server.DefaultLookupdConfig()
		cfg.TCPAddress, cfg.HTTPAddress, cfg.BroadcastAddress = anyPort, anyPort, "127.0.0.1"
		name := fmt.Sprintf("nsqlookupd-%d", i+1)
		cfg.Log = u.log(name)
		d, err := server.StartLookupd(cfg)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		u.lookupds = append(u.lookupds, d)
		tcp = append(tcp, d.TCPAddr())
		u.watch(name, d.Failed())
	}
	for i := range nsqds {
		cfg := server.DefaultConfig()
		cfg.TCPAddress, cfg.HTTPAddress, cfg.BroadcastAddress = anyPort, anyPort, "127.0.0.1"
		cfg.LookupdAddresses = tcp
		cfg.Broker.NodeID = int64(i) // the host's is the same for all
		name := fmt.Sprintf("nsqd-%d", i+1)
		cfg.Log = u.log(name)
		cfg.DataPath = filepath.Join(folder, name)
		if err := os.MkdirAll(cfg.DataPath, 0o777); err != nil {
			return err
		}
		d, err := server.Start(cfg)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		u.nsqds = append(u.nsqds, d)
		u.watch(name, d.Failed())
	}
	return nil
}

// watch tells if a daemon can serve no more.
func (u *upCluster) watch(name string, failed <-chan error) {
	u.watchers.Go(func() {
		select {
		case err := <-failed:
			select {
			case u.failed <- fmt.Errorf("%s: %w", name, err):
			default: // another has ended it all
			}
		case <-u.ended:
		}
	})
}

// stop stops the nsqds, all at a time, and then the nsqlookupds.
func (u *upCluster) stop() error {
	close(u.ended)
	u.watchers.Wait()
	errs := make([]error, len(u.nsqds))
	var all sync.WaitGroup
	for i, d := range u.nsqds {
		all.Go(func() { errs[i] = d.Stop() })
	}
	all.Wait()
	for _, d := range u.lookupds {
		errs = append(errs, d.Stop())
	}
	return errors.Join(errs...)
}

// tell says where everything is and what to do with it.
func (u *upCluster) tell(out io.Writer, kept string) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprint(w, "DAEMON\tTCP\tHTTP\n")
	var https []string
	for i, d := range u.lookupds {
		fmt.Fprintf(w, "nsqlookupd-%d\t%s\t%s\n", i+1, d.TCPAddr(), d.HTTPAddr())
		https = append(https, d.HTTPAddr())
	}
	for i, d := range u.nsqds {
		fmt.Fprintf(w, "nsqd-%d\t%s\t%s\n", i+1, d.TCPAddr(), d.HTTPAddr())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	first := u.nsqds[0]
	fmt.Fprintf(out, "\npublish   curl -d hello 'http://%s/pub?topic=orders'\n", first.HTTPAddr())
	if len(https) > 0 {
		fmt.Fprintf(out, "find      curl 'http://%s/lookup?topic=orders'\n", https[0])
		fmt.Fprintf(out, "consume   go-nsq: consumer.ConnectToNSQLookupds([]string{\"%s\"})\n", strings.Join(https, `", "`))
	} else {
		fmt.Fprintf(out, "consume   go-nsq: consumer.ConnectToNSQD(\"%s\")\n", first.TCPAddr())
	}
	fmt.Fprintf(out, "watch     curl 'http://%s/stats'\n\n", first.HTTPAddr())
	where := "^C stops them; what they hold goes then"
	if kept != "" {
		where = "^C stops them; what they hold stays in " + kept
	}
	_, err := fmt.Fprintln(out, where)
	return err
}
