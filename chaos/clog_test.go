package chaos_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// TestClog: it is held and free by turns, and free when it is healed.
func TestClog(t *testing.T) {
	s := newScene(t)
	heal := s.inflict(chaos.Clog, args(map[string]string{"clog": "shop"}, map[string]time.Duration{"hold": 50 * ms, "free": 50 * ms}, nil))
	s.run(10 * time.Second)
	s.quiet("billing b1", "billing b2")
	for _, name := range []string{"shop b1", "shop b2"} {
		c := s.callers[name]
		held := 0
		for _, d := range c.took {
			if d > rest {
				held++
			}
		}
		if held < 300 || held > 800 || slices.Max(c.took) > 200*ms || slices.Max(c.took) < 40*ms || c.ends > 0 {
			t.Errorf("%d of %s were held", held, c)
		}
	}
	s.mend(heal)
}

// TestSwizzle: ends are clogged and let go in orders that differ from round to round, all of them, and free when it is healed.
func TestSwizzle(t *testing.T) {
	s := newScene(t)
	rules := &watched{Cluster: s.w, Chance: s.w}
	f, err := chaos.Swizzle.New(chaos.Args{Lists: map[string][]string{"swizzle": {"b1", "b2", "shop"}}, Durations: map[string]time.Duration{"round": 600 * ms}})
	if err != nil {
		t.Fatal(err)
	}
	heal, err := f.Inject(rules)
	if err != nil {
		t.Fatal(err)
	}
	s.run(12 * time.Second)
	shuts, opens := map[string]bool{}, map[string]bool{}
	for round := range 20 {
		shuts[orderOf(rules.shut[3*round:][:3])] = true
		opens[orderOf(rules.open[3*round:][:3])] = true
	}
	if len(shuts) < 4 || len(opens) < 4 {
		t.Errorf("the ends were held in the orders %v, and let go in %v", shuts, opens)
	}
	if c := s.callers["shop b1"]; slices.Max(c.took) < 200*ms || slices.Min(c.took) != rest || c.ends > 0 {
		t.Errorf("%s", c)
	}
	s.w.Run(250 * ms) // all may be held now
	if err := heal(); err != nil {
		t.Error(err)
	}
	rules.asked = 0
	s.w.Run(5 * time.Second)
	if rules.asked > 0 {
		t.Errorf("it goes on %d times after the healing", rules.asked)
	}
	if len(rules.shut) != len(rules.open) {
		t.Errorf("%d were held, %d let go", len(rules.shut), len(rules.open))
	}
	s.mend(func() error { return nil })
}

// A watched cluster notes which ends rules of their own are put up for, and taken away.
type watched struct {
	sim.Cluster
	sim.Chance
	shut, open []string
	asked      int // calls of At
}

func (w *watched) At(d time.Duration, f func()) {
	w.asked++
	w.Cluster.At(d, f)
}

func (w *watched) AddRule(from, to string, r sim.Rule) (func(), error) {
	remove, err := w.Cluster.AddRule(from, to, r)
	if from != "" {
		return remove, err // each end has two, and one is noted
	}
	w.shut = append(w.shut, to)
	return func() {
		w.open = append(w.open, to)
		remove()
	}, err
}

func orderOf(ends []string) string { return fmt.Sprint(ends) }

// TestOneSwizzleIsTheSame: the same seed clogs in the same way, and another in another.
func TestOneSwizzleIsTheSame(t *testing.T) {
	play := func(seed uint64, kind chaos.Kind) string {
		w, err := sim.NewWorld(seed, []sim.Node{{Name: "b1"}, {Name: "b2"}}, sim.Links{Delay: ms})
		if err != nil {
			t.Fatal(err)
		}
		f, err := kind.New(chaos.Args{
			Names: map[string]string{"clog": "b1"}, Lists: map[string][]string{"swizzle": {"b1", "b2"}},
			Durations: map[string]time.Duration{"round": 300 * ms, "hold": 50 * ms, "free": 50 * ms},
		})
		if err != nil {
			t.Fatal(err)
		}
		heal, err := f.Inject(w)
		if err != nil {
			t.Fatal(err)
		}
		c := &caller{t: t, w: w, from: "shop", node: "b1", size: 10, every: 10 * ms}
		c.dial()
		c.beat()
		w.Run(3 * time.Second)
		return fmt.Sprint(w.Trace(), heal())
	}
	for _, kind := range []chaos.Kind{chaos.Clog, chaos.Swizzle} {
		if a, b, other := play(1, kind), play(1, kind), play(2, kind); a != b || a == other {
			t.Errorf("%s: %s and %s of one seed, %s of another", kind.Name, a, b, other)
		}
	}
}
