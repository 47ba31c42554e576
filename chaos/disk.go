package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/nsqlab/nsqlab/sim"
)

// anyLog are the files that hold messages.
const anyLog = "*.log"

// diskOf is a node's disk, if the cluster has them, and the randomness for harm to it.
func diskOf(c sim.Cluster, node string) (*sim.Disk, *rand.Rand, error) {
	disks, ok := c.(sim.Disks)
	if !ok {
		return nil, nil, fmt.Errorf("chaos: this cluster has no disks that can be harmed: %w", errors.ErrUnsupported)
	}
	return disks.Disk(node)
}

// sicken has a node's disk suffer something until it is healed.
func sicken(c sim.Cluster, node string, with func(d *sim.Disk) (*sim.DiskFault, error)) (heal func() error, err error) {
	d, _, err := diskOf(c, node)
	if err != nil {
		return nil, err
	}
	f, err := with(d)
	if err != nil {
		return nil, err
	}
	return func() error {
		f.Clear()
		if f.Hits() == 0 {
			return ErrHitNothing
		}
		return nil
	}, nil
}

// A wound is what is done to a file of so many bytes, one or more, while nobody has it open.
type wound func(d *sim.Disk, rng *rand.Rand, name string, size int64) error

// ruin kills a node, does something to one of its files that match a pattern, and heals by starting the node again.
func ruin(c sim.Cluster, node, pattern string, do wound) (heal func() error, err error) {
	d, rng, err := diskOf(c, node)
	if err != nil {
		return nil, err
	}
	if err := c.Kill(node); err != nil {
		return nil, err
	}
	hit, harmed := pick(d, rng, pattern, do)
	return func() error {
		if err := errors.Join(harmed, c.Start(node)); err != nil {
			return err
		}
		if !hit {
			return ErrHitNothing
		}
		return nil
	}, nil
}

// pick draws a file and wounds it; hit is false if there is none.
func pick(d *sim.Disk, rng *rand.Rand, pattern string, do wound) (hit bool, err error) {
	names, err := d.Files(pattern)
	if err != nil || len(names) == 0 {
		return false, err
	}
	name := names[rng.IntN(len(names))]
	data, err := d.ReadFile(name)
	if err != nil {
		return false, err
	}
	return true, do(d, rng, name, int64(len(data)))
}
