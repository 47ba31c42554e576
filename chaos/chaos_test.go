package chaos_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		end     string
		delayed []string
		quiet   []string
	}{
		{"b1", []string{"shop b1", "billing b1"}, []string{"shop b2", "billing b2"}},
		{"shop", []string{"shop b1", "shop b2"}, []string{"billing b1", "billing b2"}},
	} {
		for _, jitter := range []time.Duration{0, 10 * ms} {
			t.Run(fmt.Sprintf("%s by 20ms and %v", c.end, jitter), func(t *testing.T) {
				s := newScene(t)
				heal := s.inflict(chaos.Delay, args(map[string]string{"delay": c.end}, map[string]time.Duration{"by": 20 * ms, "jitter": jitter}, nil))
				s.w.Run(100 * ms)
				s.run(3 * time.Second)
				s.quiet(c.quiet...)
				for _, name := range c.delayed {
					took := s.callers[name].took
					low, high := slices.Min(took), slices.Max(took)
					if low < rest+40*ms || high > rest+40*ms+2*jitter || len(took) < 290 || s.callers[name].ends > 0 {
						t.Errorf("%s: %s", name, s.callers[name])
					}
					if jitter > 0 && (low > rest+44*ms || high < rest+54*ms) {
						t.Errorf("%s: the jitter is too small: %s", name, s.callers[name])
					}
				}
				s.mend(heal)
			})
		}
	}
}

func TestPartition(t *testing.T) {
	type cut struct{ in, out bool }
	both, in, out := cut{true, true}, cut{in: true}, cut{out: true}
	for _, c := range []struct {
		partition, from, way string
		cut                  map[string]cut // by the caller: what of its calls does not reach the broker, and what answers not it
	}{
		{"b1", "", "", map[string]cut{"shop b1": both, "billing b1": both}},
		{"b1", "", "both", map[string]cut{"shop b1": both, "billing b1": both}},
		{"b1", "", "in", map[string]cut{"shop b1": in, "billing b1": in}},
		{"b1", "", "out", map[string]cut{"shop b1": out, "billing b1": out}},
		{"b1", "shop", "", map[string]cut{"shop b1": both}},
		{"b1", "shop", "in", map[string]cut{"shop b1": in}},
		{"shop", "", "", map[string]cut{"shop b1": both, "shop b2": both}},
		{"shop", "", "in", map[string]cut{"shop b1": out, "shop b2": out}},
		{"shop", "b2", "out", map[string]cut{"shop b2": in}},
	} {
		t.Run(strings.Join([]string{c.partition, c.from, c.way}, ","), func(t *testing.T) {
			s := newScene(t)
			heal := s.inflict(chaos.Partition, args(map[string]string{"partition": c.partition, "from": c.from, "way": c.way}, nil, nil))
			before := map[string]int{}
			for name, caller := range s.callers {
				before[name] = s.published(caller.from, caller.node)
			}
			s.run(time.Second)
			for name, caller := range s.callers {
				arrived := s.published(caller.from, caller.node) - before[name]
				if want := c.cut[name]; (arrived == 0) != want.in || (len(caller.took) == 0) != (want.in || want.out) {
					t.Errorf("%s: %d arrived, %s", name, arrived, caller)
				}
				if caller.sent < 99 || caller.lost+caller.ends > 0 {
					t.Errorf("%s: %s", name, caller)
				}
			}
			if err := heal(); err != nil {
				t.Error(err)
			}
			s.w.Run(10 * ms)
			for name, caller := range s.callers {
				if arrived := s.published(caller.from, caller.node) - before[name]; arrived < caller.sent-1 || len(caller.took) < caller.sent-1 {
					t.Errorf("%s after the healing: %d arrived, %s", name, arrived, caller)
				}
			}
			s.mend(func() error { return nil })
		})
	}
}

func TestReset(t *testing.T) {
	for _, c := range []struct {
		end    string
		broken []string
		quiet  []string
	}{
		{"b1", []string{"shop b1", "billing b1"}, []string{"shop b2", "billing b2"}},
		{"billing", []string{"billing b1", "billing b2"}, []string{"shop b1", "shop b2"}},
	} {
		t.Run(c.end, func(t *testing.T) {
			s := newScene(t)
			heal := s.inflict(chaos.Reset, args(map[string]string{"reset": c.end}, nil, nil))
			s.run(time.Second)
			s.quiet(c.quiet...)
			for _, name := range c.broken {
				if c := s.callers[name]; c.ends < 40 || len(c.took) > 0 {
					t.Errorf("%s: %s", name, c)
				}
			}
			s.mend(heal)
		})
	}
}

// TestBandwidth: all connections of an end share the line, each way by itself, and the others have their own.
func TestBandwidth(t *testing.T) {
	for _, c := range []struct {
		end    string
		narrow []string
		quiet  []string
	}{
		{"b1", []string{"shop b1", "billing b1"}, []string{"shop b2", "billing b2"}},
		{"shop", []string{"shop b1", "shop b2"}, []string{"billing b1", "billing b2"}},
	} {
		t.Run(c.end, func(t *testing.T) {
			s := newScene(t)
			const size, command = 1000, 10 // bytes of a body, and about what is around it
			for _, name := range c.narrow {
				s.callers[name].size = size
			}
			s.run(time.Second)
			s.quiet(c.narrow...) // a wide line does not mind
			heal := s.inflict(chaos.Bandwidth, args(map[string]string{"bandwidth": c.end}, nil, map[string]float64{"rate": 20_000}))
			s.run(10 * time.Second)
			s.quiet(c.quiet...)
			answers := 0
			for _, name := range c.narrow {
				caller := s.callers[name]
				answers += len(caller.took)
				if len(caller.took) < 80 || caller.ends > 0 {
					t.Errorf("%s: %s", name, caller)
				}
			}
			if want := 10 * 20_000 / (size + command); answers < want-4 || answers > want+4 {
				t.Errorf("%d answers through the line, want %d", answers, want)
			}
			for _, name := range c.narrow {
				s.callers[name].size = 10
			}
			if err := heal(); err != nil {
				t.Error(err)
			}
			s.w.Run(2 * time.Minute) // what was sent keeps its place in the line
			s.mend(func() error { return nil })
		})
	}
}

// TestPauseOfWhatIsKilled: the end of a node is the end of its pause, whether it is down yet or up again.
func TestPauseOfWhatIsKilled(t *testing.T) {
	for _, up := range []bool{false, true} {
		s := newScene(t)
		heal := s.inflict(chaos.Pause, args(map[string]string{"pause": "b1"}, nil, nil))
		start := s.inflict(chaos.Kill, args(map[string]string{"kill": "b1"}, nil, nil))
		heals := []func() error{heal, start}
		if up {
			slices.Reverse(heals)
		}
		for _, heal := range heals {
			if err := heal(); err != nil {
				t.Error(err)
			}
		}
		if harms := s.w.Harms(); len(harms) > 0 {
			t.Errorf("there is still %q", harms)
		}
	}
}

func TestPause(t *testing.T) {
	s := newScene(t)
	heal := s.inflict(chaos.Pause, args(map[string]string{"pause": "b1"}, nil, nil))
	s.run(time.Second)
	s.quiet("shop b2", "billing b2")
	for _, name := range []string{"shop b1", "billing b1"} {
		if c := s.callers[name]; len(c.took) > 0 || c.ends > 0 || c.sent < 99 {
			t.Errorf("%s: %s", name, c)
		}
	}
	var failed error
	s.w.Request("b1", "GET", "/ping", func(_ int, _ []byte, err error) { failed = err })
	s.w.Run(0)
	if failed == nil {
		t.Error("a paused broker answers /ping")
	}
	if err := heal(); err != nil {
		t.Error(err)
	}
	s.w.Run(10 * ms)
	for _, name := range []string{"shop b1", "billing b1"} {
		if c := s.callers[name]; len(c.took) < c.sent-1 || c.ends > 0 {
			t.Errorf("%s after the pause: %s", name, c)
		}
	}
	s.mend(func() error { return nil })
}

// linkFaults are the faults that harm by rules, each of one end.
func linkFaults(end string) map[string]chaos.Fault {
	all := map[string]chaos.Fault{}
	for _, k := range chaos.Kinds {
		if k.OfNode() || k.OfClients() || slices.ContainsFunc(k.Params, func(p chaos.Param) bool { return p.Type == chaos.Ends }) {
			continue
		}
		f, err := k.New(needed(k, end))
		if err != nil {
			panic(err)
		}
		all[k.Name] = f
	}
	return all
}

// needed are the words that a kind cannot do without, as the loader would give them.
func needed(k chaos.Kind, target string) chaos.Args {
	a := args(map[string]string{}, map[string]time.Duration{}, map[string]float64{})
	a.Counts, a.Shares, a.Lists = map[string]int64{}, map[string]float64{}, map[string][]string{}
	for _, p := range k.Params {
		switch {
		case p.Name == k.Name && p.Type == chaos.Ends:
			a.Lists[p.Name] = []string{target, "nobody", "billing", "nothing"}
		case p.Name == k.Name:
			a.Names[p.Name] = target
		case !p.Required:
		case p.Type == chaos.Duration, p.Type == chaos.Shift:
			a.Durations[p.Name] = ms
		case p.Type == chaos.Rate:
			a.Rates[p.Name] = 1000
		case p.Type == chaos.Share:
			a.Shares[p.Name] = 0.5
		case p.Type == chaos.Ends:
			a.Lists[p.Name] = []string{"billing"}
		case p.Type == chaos.Way:
			a.Names[p.Name] = "both"
		case p.Type == chaos.Topic:
			a.Names[p.Name] = "orders"
		case p.Type == chaos.Channel:
			a.Names[p.Name] = "orders/billing"
		case p.Name == "point":
			a.Names[p.Name] = "before-ack" // a broker that keeps messages in memory comes to few others
		case p.Type == chaos.Word:
			a.Names[p.Name] = p.Words[0]
		case p.Type == chaos.Bytes, p.Type == chaos.Count, p.Type == chaos.Number, p.Type == chaos.Drift:
			a.Counts[p.Name] = 1
		default:
			a.Names[p.Name] = "b2"
		}
	}
	return a
}

// TestHitNothing: a fault that harmed nobody says so when it is healed, and one that did says nothing.
func TestHitNothing(t *testing.T) {
	if n := len(linkFaults("b1")); n < 11 {
		t.Fatalf("%d faults harm by rules, want 11 or more", n)
	}
	for end, hits := range map[string]bool{"b1": true, "shop": true, "nobody": false} {
		for name, f := range linkFaults(end) {
			t.Run(name+" "+end, func(t *testing.T) {
				s := newScene(t)
				heal, err := f.Inject(s.w)
				if err != nil {
					t.Fatal(err)
				}
				s.w.Run(100 * ms)
				for _, c := range s.callers {
					if c.conn != nil {
						c.conn.Abort() // some harm the end of a connection alone, some its first words
					}
				}
				s.w.Run(100 * ms)
				err = heal()
				if errors.Is(err, chaos.ErrHitNothing) == hits {
					t.Errorf("healing says %v", err)
				}
				if again := heal(); again != err { // as before: the second time nothing changes
					t.Errorf("healing says %v, and then %v", err, again)
				}
			})
		}
	}
}

// TestAskedIsNotHit: a rule that was asked and changed nothing has hit nothing.
func TestAskedIsNotHit(t *testing.T) {
	s := newScene(t)
	cut := s.inflict(chaos.Partition, args(map[string]string{"partition": "b1", "from": "late"}, nil, nil))
	heal := s.inflict(chaos.Bandwidth, args(map[string]string{"bandwidth": "late"}, nil, map[string]float64{"rate": 1}))
	late := &caller{t: t, w: s.w, from: "late", node: "b1"}
	late.dial()
	s.w.Run(time.Second) // its opening is held, and has no bytes
	if err := heal(); !errors.Is(err, chaos.ErrHitNothing) {
		t.Errorf("the line carried nothing, and says %v", err)
	}
	if err := cut(); err != nil {
		t.Errorf("the cut held the opening, and says %v", err)
	}
}

// TestRulesOfOneFaultAreTheirOwn: two faults of a kind do not share what they know.
func TestRulesOfOneFaultAreTheirOwn(t *testing.T) {
	s := newScene(t)
	f := linkFaults("b1")["reset"]
	first, err := f.Inject(s.w)
	if err != nil {
		t.Fatal(err)
	}
	s.w.Run(100 * ms)
	if err := first(); err != nil {
		t.Error(err)
	}
	second, err := f.Inject(s.w)
	if err != nil {
		t.Fatal(err)
	}
	if err := second(); !errors.Is(err, chaos.ErrHitNothing) {
		t.Errorf("the second time it had no time to hit anything, and says %v", err)
	}
}

// A narrow cluster takes so many rules.
type narrow struct {
	sim.Cluster
	sim.Chance
	room, removed int
}

func (n *narrow) AddRule(string, string, sim.Rule) (func(), error) {
	if n.room == 0 {
		return nil, errors.New("no more rules")
	}
	n.room--
	return func() { n.removed++ }, nil
}

// TestHalfAnInjection: a fault that cannot be inflicted whole leaves nothing behind.
func TestHalfAnInjection(t *testing.T) {
	again := linkFaults("b1")
	for name, f := range linkFaults("b1") {
		w := newScene(t).w
		all := &narrow{Cluster: w, Chance: w, room: 100}
		if _, err := f.Inject(all); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		rules := 100 - all.room
		c := &narrow{Cluster: w, Chance: w, room: rules - 1}
		if _, err := again[name].Inject(c); err == nil || c.removed != rules-1 {
			t.Errorf("%s: with room for all of its %d rules but one: error %v, %d were removed", name, rules, err, c.removed)
		}
	}
}

// TestRulesDrawNothing: rules that need no randomness draw none, so that they change nothing for others.
func TestRulesDrawNothing(t *testing.T) {
	for name, f := range linkFaults("b1") {
		rule, ok := f.(sim.Rule)
		if !ok || name == "loss" {
			continue
		}
		a, b := rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(1, 1))
		rule.Judge(0, a, sim.Chunk{Data: []byte("x")})
		if a.Uint64() != b.Uint64() {
			t.Errorf("%s draws without need", name)
		}
	}
}
