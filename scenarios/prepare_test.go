package scenarios

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// A diary is a cluster that notes the order of dials and rules.
type diary struct {
	sim.Cluster
	lines *[]string
}

func (d diary) Dial(from, node string, open func(time.Time, func()) wire.Endpoint) error {
	*d.lines = append(*d.lines, "dial")
	return d.Cluster.Dial(from, node, open)
}

func (d diary) AddRule(from, to string, r sim.Rule) (func(), error) {
	*d.lines = append(*d.lines, fmt.Sprintf("rule %s>%s", from, to))
	return d.Cluster.AddRule(from, to, r)
}

// TestFaultsOfTheStart: a fault at 0s is there before the first dial, and so is what a fault watches that comes later; another's rule is not.
func TestFaultsOfTheStart(t *testing.T) {
	var lines []string
	ops := played(t, `brokers: {b1: {}}
load:
  - {name: shop, produce: orders, rate: 10/s, for: 3s}
  - {name: billing, consume: orders/billing}
faults:
  - {at: 1s, delay: b1, by: 1ms, for: 1s}
  - {at: 1s, said: shop, say: PUB, do: delay, by: 1ms, for: 1s}
  - {at: 0s, partition: billing, for: 1s}
`, func(c sim.Cluster) sim.Cluster { return diary{c, &lines} })
	first := slices.Index(lines, "dial")
	before := slices.Sorted(slices.Values(lines[:max(first, 0)]))
	want := []string{"rule >billing", "rule >shop", "rule billing>", "rule shop>"}
	if !slices.Equal(before, want) {
		t.Errorf("before the first dial %q, want %q; all: %q", before, want, lines)
	}
	if i := slices.Index(lines, "rule >b1"); i < first {
		t.Errorf("a fault of 1s came before the first dial: %q", lines)
	}
	healed := 0
	for _, op := range ops {
		if op.Process == history.Nemesis && op.Type == history.OK {
			healed++
		}
		if op.Process == "billing.1" && op.F == history.Connect && op.Time < time.Second {
			t.Errorf("the consumer is connected at %v, through a partition that was there before", op.Time)
		}
	}
	if healed != 3 {
		t.Errorf("%d faults hit and were healed, want 3", healed)
	}
}

// TestFaultsAreOfOneRun: a scenario that is played again has faults that know nothing of the run before.
func TestFaultsAreOfOneRun(t *testing.T) {
	s, err := Parse("twice.yaml", []byte(`brokers: {b1: {}}
load:
  - {name: shop, produce: orders, rate: 10/s, for: 3s}
  - {consume: orders/billing}
faults:
  - {at: 1s, said: shop, say: PUB, nth: 5, do: delay, by: 300ms, for: 1s}
`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w, err := sim.NewWorld(1, s.Nodes(), s.Links)
		if err != nil {
			t.Fatal(err)
		}
		hits := 0
		record := func(op history.Op) {
			if op.Process == history.Nemesis && op.Type == history.OK {
				hits++
			}
		}
		if err := Run(t.Context(), s, w, Options{Seed: 1, Run: 1, Record: record}); err != nil {
			t.Fatal(err)
		}
		if hits != 1 {
			t.Errorf("%d faults hit, want 1", hits)
		}
	}
}

// A ruleless cluster takes no rules.
type ruleless struct{ sim.Cluster }

func (ruleless) AddRule(string, string, sim.Rule) (func(), error) {
	return nil, fmt.Errorf("no rules here")
}

// TestUnprepared: a fault that cannot be prepared is one that could not be inflicted.
func TestUnprepared(t *testing.T) {
	for _, op := range played(t, `brokers: {b1: {}}
load:
  - {name: shop, produce: orders, rate: 10/s, for: 3s}
  - {consume: orders/billing}
faults:
  - {at: 1s, said: shop, say: PUB, do: cut, for: 1s}
`, func(c sim.Cluster) sim.Cluster { return ruleless{c} }) {
		if op.Process != history.Nemesis || op.Type == history.Invoke {
			continue
		}
		if op.Type != history.Fail || op.Time != time.Second {
			t.Errorf("%+v", op)
		}
		return
	}
	t.Error("nothing is said of the fault")
}
