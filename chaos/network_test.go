package chaos_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// TestDelays holds what is drawn to its distribution: mean, bound and tail.
func TestDelays(t *testing.T) {
	const n = 200_000
	for _, c := range []struct {
		as            string
		mean, over, p float64 // in means; a share p of the draws is over so many
		most          float64
	}{
		{"constant", 1, 0.99, 1, 1},
		{"uniform", 1, 1.5, 0.25, 2},
		{"exponential", 1, 5, math.Exp(-5), 20},
		{"pareto", 1 - 0.0385, 10, math.Pow(1/3.0/10, 1.5), 100},
	} {
		f, err := chaos.Delay.New(args(map[string]string{"delay": "b1", "as": c.as}, map[string]time.Duration{"by": 100 * ms}, nil))
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		var sum, most float64
		over := 0
		for range n {
			d := float64(f.(sim.Rule).Judge(0, rng, sim.Chunk{}).Delay) / float64(100*ms)
			if sum += d; d < 0 {
				t.Fatalf("%s: a delay of %v", c.as, d)
			}
			if most = max(most, d); d > c.over {
				over++
			}
		}
		if mean := sum / n; math.Abs(mean-c.mean) > 0.02 {
			t.Errorf("%s: the mean is %v, want %v", c.as, mean, c.mean)
		}
		if share := float64(over) / n; math.Abs(share-c.p) > 0.1*c.p {
			t.Errorf("%s: a share of %v is over %v, want %v", c.as, share, c.over, c.p)
		}
		if most > c.most || most < c.most/2 {
			t.Errorf("%s: the longest is %v, want up to %v", c.as, most, c.most)
		}
	}
}

// TestLoss: each chunk that is lost comes after a timeout that doubles, and after so many losses in a row the connection breaks.
func TestLoss(t *testing.T) {
	loss := func(share float64, after int64) sim.Rule {
		f, err := chaos.Loss.New(chaos.Args{Names: map[string]string{"loss": "b1"}, Shares: map[string]float64{"share": share}, Counts: map[string]int64{"after": after}})
		if err != nil {
			t.Fatal(err)
		}
		return f.(sim.Rule)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	count := map[sim.Fate]int{}
	const n = 100_000
	for range n {
		count[loss(0.25, 3).Judge(0, rng, sim.Chunk{Data: []byte("x")})]++
	}
	for fate, share := range map[sim.Fate]float64{
		{}:                              0.75,
		{Delay: 200 * ms}:               0.25 * 0.75,
		{Delay: 600 * ms}:               0.25 * 0.25 * 0.75,
		{Delay: 1400 * ms, Reset: true}: 0.25 * 0.25 * 0.25,
	} {
		if got := float64(count[fate]) / n; math.Abs(got-share) > 0.05*share {
			t.Errorf("%+v: a share of %v, want %v", fate, got, share)
		}
	}
	if len(count) != 4 {
		t.Errorf("it gives %v", count)
	}
	if got, want := loss(1, 2).Judge(0, rng, sim.Chunk{Opening: true}), (sim.Fate{Delay: 3 * time.Second, Reset: true}); got != want {
		t.Errorf("an opening: %+v, want %+v", got, want)
	}
	var all time.Duration
	for i := range 15 {
		all += min(200*ms<<i, 2*time.Minute)
	}
	if got, want := loss(1, 0).Judge(0, rng, sim.Chunk{Data: []byte("x")}), (sim.Fate{Delay: all, Reset: true}); got != want {
		t.Errorf("all is lost: %+v, want %+v", got, want)
	}
}

// TestLossIsNoLoss: nothing is missing in the end, and what is behind a lost chunk waits with it.
func TestLossIsNoLoss(t *testing.T) {
	s := newScene(t)
	f := chaos.Args{Names: map[string]string{"loss": "b1"}, Shares: map[string]float64{"share": 0.1}}
	heal := s.inflict(chaos.Loss, f)
	s.run(10 * time.Second)
	s.quiet("shop b2", "billing b2")
	if c := s.callers["shop b1"]; slices.Max(c.took) < 200*ms || slices.Min(c.took) != rest || c.ends+c.lost > 0 {
		t.Errorf("%s", c)
	}
	if err := heal(); err != nil {
		t.Error(err)
	}
	s.w.Run(10 * time.Second)
	s.mend(func() error { return nil })
}

// TestHalfOpen: connections that stand are dead, on the ways that are hit, and new ones live; both ends learn of it by their heartbeats.
func TestHalfOpen(t *testing.T) {
	for _, c := range []struct {
		end, from, way string
		hit            map[string]bool // by the caller: whether publications still arrive
	}{
		{"b1", "", "", map[string]bool{"shop b1": false, "billing b1": false}},
		{"b1", "", "out", map[string]bool{"shop b1": true, "billing b1": true}},
		{"shop", "b2", "out", map[string]bool{"shop b2": false}},
		{"shop", "b2", "in", map[string]bool{"shop b2": true}},
	} {
		t.Run(c.end+c.from+c.way, func(t *testing.T) {
			s := newScene(t)
			heal := s.inflict(chaos.HalfOpen, args(map[string]string{"halfopen": c.end, "from": c.from, "way": c.way}, nil, nil))
			before := map[string]int{}
			for name, caller := range s.callers {
				before[name] = s.published(caller.from, caller.node)
			}
			s.run(time.Second)
			if err := heal(); err != nil {
				t.Error(err)
			}
			s.w.Run(time.Second)
			for name, caller := range s.callers {
				arrives, hit := c.hit[name]
				if !hit {
					arrives = true
					s.quiet(name)
				} else if len(caller.took)+caller.ends > 0 {
					t.Errorf("%s: %s", name, caller)
				}
				if n := s.published(caller.from, caller.node) - before[name]; (n > 150) != arrives || !arrives && n > 0 {
					t.Errorf("%s: %d arrived", name, n)
				}
			}
			s.w.Run(61 * time.Second) // two heartbeats
			for name := range c.hit {
				if caller := s.callers[name]; caller.ends != 1 {
					t.Errorf("%s: %s", name, caller)
				}
			}
			s.mend(func() error { return nil })
		})
	}
}

// TestHalfOpenSparesNew: a connection that comes under the fault works.
func TestHalfOpenSparesNew(t *testing.T) {
	s := newScene(t)
	heal := s.inflict(chaos.HalfOpen, args(map[string]string{"halfopen": "b1"}, nil, nil))
	s.w.Run(100 * ms)
	s.callers["shop b1"].conn.Abort()
	s.w.Run(100 * ms)
	s.run(time.Second)
	s.quiet("shop b1")
	if c := s.callers["billing b1"]; len(c.took) > 0 {
		t.Errorf("%s", c)
	}
	if err := heal(); err != nil {
		t.Error(err)
	}
}

// clients is how many a broker believes to have.
func (s *scene) clients(node string) (n int) {
	s.w.Request(node, "GET", "/stats?format=json", func(_ int, body []byte, err error) {
		var st struct{ Producers []json.RawMessage }
		if err == nil {
			err = json.Unmarshal(body, &st)
		}
		if err != nil {
			s.t.Errorf("/stats of %s: %v", node, err)
		}
		n = len(st.Producers)
	})
	s.w.Run(0)
	return n
}

// TestSlowClose: a broker learns late that a client is gone, and bytes are as before.
func TestSlowClose(t *testing.T) {
	s := newScene(t)
	heal := s.inflict(chaos.SlowClose, args(map[string]string{"slowclose": "b1"}, map[string]time.Duration{"by": time.Second}, nil))
	s.run(time.Second)
	s.quiet("shop b1", "billing b1", "shop b2", "billing b2")
	before := s.clients("b1")
	s.callers["shop b1"].conn.Abort()
	s.w.Run(900 * ms)
	if n := s.clients("b1"); n != before+1 {
		t.Errorf("the broker has %d clients, had %d, and one that is gone and came back", n, before)
	}
	s.w.Run(200 * ms)
	if n := s.clients("b1"); n != before {
		t.Errorf("the broker has %d clients, had %d", n, before)
	}
	s.mend(heal)
}

// TestStall: bytes wait one way, the other flows, and connections can be opened.
func TestStall(t *testing.T) {
	f, err := chaos.Stall.New(args(map[string]string{"stall": "b1"}, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []sim.Chunk{{Opening: true}, {At: 3}} {
		if fate := f.(sim.Rule).Judge(0, nil, c); fate != (sim.Fate{}) {
			t.Errorf("%+v suffers %+v", c, fate)
		}
	}
	for way, arrives := range map[string]bool{"": false, "in": false, "out": true, "both": false} {
		s := newScene(t)
		heal := s.inflict(chaos.Stall, args(map[string]string{"stall": "b1", "way": way}, nil, nil))
		late := &caller{t: t, w: s.w, from: "late", node: "b1"}
		late.dial()
		before, clients := s.published("shop", "b1"), s.clients("b1")
		s.run(time.Second)
		s.quiet("shop b2", "billing b2")
		if n := s.published("shop", "b1") - before; (n > 90) != arrives || len(s.callers["shop b1"].took) > 0 {
			t.Errorf("%q: %d arrived; %s", way, n, s.callers["shop b1"])
		}
		if late.ends > 0 || s.clients("b1") != clients {
			t.Errorf("%q: the late client's connection ended %d times, and the broker has %d clients, had %d", way, late.ends, s.clients("b1"), clients)
		}
		if err := heal(); err != nil {
			t.Error(err)
		}
		s.w.Run(10 * ms)
		if c := s.callers["shop b1"]; len(c.took) < c.sent-1 || c.ends > 0 {
			t.Errorf("%q: after the healing: %s", way, c)
		}
		s.mend(func() error { return nil })
	}
}

// TestSliceFault: pieces take as long as their gaps, and nothing is damaged.
func TestSliceFault(t *testing.T) {
	for gap, want := range map[time.Duration]time.Duration{0: rest, ms: rest + 7*ms} {
		s := newScene(t)
		a := args(map[string]string{"slice": "b1"}, map[string]time.Duration{"gap": gap}, nil)
		a.Counts = map[string]int64{"bytes": 4}
		heal := s.inflict(chaos.Slice, a)
		s.run(time.Second)
		s.quiet("shop b2", "billing b2")
		// "PUB shop\n", a size of 4 bytes and a body of 10 in six pieces, and a frame with OK in three
		if c := s.callers["shop b1"]; len(c.took) < 90 || slices.Max(c.took) != want || c.ends > 0 {
			t.Errorf("%s; want %v", c, want)
		}
		s.mend(heal)
	}
}
