package chaos

import (
	"errors"
	"fmt"

	"github.com/nsqlab/nsqlab/sim"
)

// An ending is a way in which a node ends.
type ending func(c sim.Cluster, node string) error

// The words for endings, and what a broker may lose by each.
const (
	byStop  = "stop"
	byKill  = "kill"
	byPower = "powercut"
)

var endings = map[string]ending{byStop: stopNode, byKill: sim.Cluster.Kill, byPower: cutPower}

// losses are what the endings permit, by their words. What is paused is written at once with every durability, and how often a message was delivered and
// that it was finished as soon as that does not keep it in memory; no durability syncs these before it goes on.
var losses = map[string]map[sim.Durability][]string{
	byStop:  permit(Nothing, noLoss, countsAttempts, noDuplicates),
	byKill:  permit(sim.Memory, noLoss, countsAttempts, noDuplicates),
	byPower: or(permit(sim.OS, noLoss, noLeak), permit(sim.Fsync, countsAttempts, noDuplicates)),
}

func stopNode(c sim.Cluster, node string) error {
	stopper, ok := c.(sim.Stopper)
	if !ok {
		return fmt.Errorf("chaos: this cluster cannot stop a node in order: %w", errors.ErrUnsupported)
	}
	return stopper.Stop(node)
}

func cutPower(c sim.Cluster, node string) error {
	cutter, ok := c.(sim.PowerCutter)
	if !ok {
		return fmt.Errorf("chaos: this cluster cannot cut a node's power: %w", errors.ErrUnsupported)
	}
	return cutter.PowerCut(node)
}

// end ends a node, and heals by starting it again.
func end(c sim.Cluster, node string, how ending) (heal func() error, err error) {
	if err := how(c, node); err != nil {
		return nil, err
	}
	return func() error { return c.Start(node) }, nil
}

// how is a parameter for the way in which a node ends, the first word if it is left out.
func how(words ...string) Param {
	return Param{Name: "how", Type: Word, Words: words, Usage: "how it ends (" + words[0] + ")"}
}
