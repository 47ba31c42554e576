package chaos

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nsqlab/nsqlab/sim"
)

// Restart starts a node again as something else.
var Restart = Kind{
	Name:  "restart",
	Usage: "ends a node and starts it at once with other flags or as another program; when the fault is over it is restarted as it was",
	Params: []Param{
		{Name: "restart", Type: Node, Required: true, Usage: "the broker, or the nsqlookupd"},
		{Name: "flags", Type: Flags, Usage: "beside its own, such as \"--durability=fsync --msg-timeout=1s\"; of one that it has this is the value", Draw: otherFlags},
		{Name: "binary", Type: Path, Usage: "the program to start, which takes the same flags, on backends that have one"},
		how(byStop, byKill, byPower),
	},
	New:      newRestart,
	Permits:  losses[byStop],
	ByHow:    losses,
	Restarts: true,
	Flags:    extraFlags,
}

// otherFlags are what makes a difference to a broker that had others.
var otherFlags = []string{
	"--durability=fsync", "--durability=os", "--durability=memory --mem-queue-size=3", "--msg-timeout=1s", "--max-bytes-per-file=300",
	"--sync-timeout=1ms --requeue-on-disconnect=true", "--max-req-timeout=300ms",
}

type restart struct {
	node, binary string
	flags        []string
	end          ending
}

func extraFlags(a Args) []string { return strings.Fields(a.Names["flags"]) }

func newRestart(a Args) (Fault, error) {
	way, ok := a.Names["how"]
	if !ok {
		way = byStop
	}
	return restart{a.Names["restart"], a.Names["binary"], extraFlags(a), endings[way]}, nil
}

// Inject implements Fault. If the node cannot be started as it should, it is started as it was.
func (r restart) Inject(c sim.Cluster) (heal func() error, err error) {
	configurer, ok := c.(sim.Configurer)
	if !ok {
		return nil, fmt.Errorf("chaos: this cluster cannot start a node otherwise: %w", errors.ErrUnsupported)
	}
	if err := r.end(c, r.node); err != nil {
		return nil, err
	}
	asItWas := func() error { return errors.Join(configurer.Configure(r.node, nil, ""), c.Start(r.node)) }
	err = configurer.Configure(r.node, r.flags, r.binary)
	if err == nil {
		err = c.Start(r.node)
	}
	if err != nil {
		return nil, errors.Join(err, asItWas())
	}
	return func() error {
		if err := r.end(c, r.node); err != nil {
			return errors.Join(err, configurer.Configure(r.node, nil, "")) // who ended it starts it as it was
		}
		return asItWas()
	}, nil
}
