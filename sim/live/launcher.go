package live

import (
	"context"

	"github.com/nsqlab/nsqlab/sim"
)

// A Launcher is one way to bring nodes to life: it is all in which the clusters of this package differ. It may serve
// many clusters, at a time or one after another. Close gives back what they share (a program, an image) after the last
// of them; what it forgets goes when the process ends.
type Launcher interface {
	// prepare readies a node that has never run; start brings it to life.
	prepare(ctx context.Context, s spec) (daemon, error)
	// host is this machine's address as its nodes reach it.
	host(ctx context.Context) (string, error)
	Close() error
}

// A spec is what a launcher has to know of a node. The ports are on 127.0.0.1 and stay the node's own.
type spec struct {
	name string
	kind sim.Kind
	tcp  int
	http int
	args []string // its program's
}

// flags are a node's that listens at these addresses, and, if it is an nsqd, keeps its data in a folder.
func (s spec) flags(tcp, http, data string) []string {
	all := []string{"--tcp-address=" + tcp, "--http-address=" + http}
	if s.kind == sim.Broker {
		all = append(all, "--data-path="+data)
	}
	return append(all, s.args...)
}

// ownFlags are those of a node that listens on this machine.
func (s spec) ownFlags(data string) []string { return s.flags(address(s.tcp), address(s.http), data) }

// programs are the packages of the daemons, whose last words are their names.
var programs = map[sim.Kind]string{
	sim.Broker:  "github.com/nsqlab/nsqlab/cmd/nsqd",
	sim.Lookupd: "github.com/nsqlab/nsqlab/cmd/nsqlookupd",
}

// A daemon is one node as its launcher sees it. No two calls overlap, but for log and alive.
type daemon interface {
	// start returns when the node is on its way; it need not listen yet. It has what was on disk when it was killed.
	start(ctx context.Context) error
	// kill returns when the node has ended. It may be paused.
	kill(ctx context.Context) error
	// stop has the node end in order, and returns when it has.
	stop(ctx context.Context) error
	// configure has the node, which is down, start as s says from now on, which has other args than it was prepared with and is the
	// same else, and as the program binary, or its launcher's if that is empty; errors.ErrUnsupported where it is no program.
	configure(ctx context.Context, s spec, binary string) error
	// pause and resume are errors.ErrUnsupported where a node cannot be stopped without ending it.
	pause(ctx context.Context) error
	resume(ctx context.Context) error
	// alive is false when the node has ended, by kill or by itself.
	alive(ctx context.Context) bool
	// log is the last lines that the node has written.
	log(ctx context.Context) string
	// remove ends the node if need be, and with it all that it had.
	remove(ctx context.Context) error
}
