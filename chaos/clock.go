package chaos

import (
	"errors"
	"fmt"

	"github.com/nsqlab/nsqlab/sim"
)

// skewed is a fault that puts a node's clock wrong until it is healed.
type skewed struct {
	node string
	skew sim.Skew
}

// Inject implements Fault.
func (s skewed) Inject(c sim.Cluster) (heal func() error, err error) {
	clear, err := misset(c, s.node, s.skew)
	if err != nil {
		return nil, err
	}
	return func() error {
		if clear() == 0 {
			return ErrHitNothing
		}
		return nil
	}, nil
}

// misset puts a node's clock wrong, if the cluster can do that.
func misset(c sim.Cluster, node string, s sim.Skew) (clear func() (told int), err error) {
	clocks, ok := c.(sim.Clocks)
	if !ok {
		return nil, fmt.Errorf("chaos: this cluster has no clocks that can be wrong: %w", errors.ErrUnsupported)
	}
	return clocks.Skew(node, s)
}

// offset is how far a wall clock is off by a fault's word.
func offset(a Args) sim.Skew { return sim.Skew{Offset: a.Durations["by"]} }
