package chaos

import (
	"errors"
	"fmt"

	"github.com/nsqlab/nsqlab/sim"
)

// Pause stops a node without ending it, as SIGSTOP does.
var Pause = Kind{
	Name:   "pause",
	Usage:  "stops a node without ending it, as SIGSTOP does: its connections stay and nothing moves",
	Params: []Param{{Name: "pause", Type: Node, Required: true, Usage: "the broker, or the nsqlookupd"}},
	New:    func(a Args) (Fault, error) { return pause{a.Names["pause"]}, nil },
	Halts:  true,
}

type pause struct{ node string }

// Inject implements Fault.
func (p pause) Inject(c sim.Cluster) (heal func() error, err error) {
	pauser, ok := c.(sim.Pauser)
	if !ok {
		return nil, fmt.Errorf("chaos: this cluster cannot pause a node: %w", errors.ErrUnsupported)
	}
	if err := pauser.Pause(p.node); err != nil {
		return nil, err
	}
	return func() error {
		if err := pauser.Resume(p.node); !errors.Is(err, sim.ErrNotPaused) {
			return err
		}
		return nil // another fault has ended it, and the pause with it
	}, nil
}
