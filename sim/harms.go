package sim

import "fmt"

// An Examiner is a cluster that tells what is wrong with it: nodes that are down or paused, rules on its links, faults of its disks, clocks
// that are wrong, flags that are not its own. It is nothing once every fault is healed.
type Examiner interface {
	Harms() []string
}

// Harms implements Examiner.
func (w *World) Harms() (all []string) {
	for _, n := range w.nodes {
		if err := n.unreachable(); err != nil {
			all = append(all, err.Error())
		}
		if len(n.clock.skews) > 0 {
			all = append(all, fmt.Sprintf("sim: the clock of %s is wrong", n.spec.Name))
		}
		if len(n.more) > 0 {
			all = append(all, fmt.Sprintf("sim: node %s has the flags %q besides its own", n.spec.Name, n.more))
		}
		for _, f := range n.disk.faults {
			all = append(all, fmt.Sprintf("sim: the disk of %s: %s", n.spec.Name, f))
		}
	}
	for _, r := range w.rules {
		all = append(all, fmt.Sprintf("sim: there is a rule from %q to %q", r.from, r.to))
	}
	return all
}
