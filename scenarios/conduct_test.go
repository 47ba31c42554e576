package scenarios

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// A deed is what a delivery came to on its connection.
type deed struct {
	msg     uint64
	conn    uint64
	attempt uint16
}

// deeds are what clients did of each kind, by when the delivery came.
type deeds struct {
	at   map[deed]time.Duration
	done map[deed][]history.Op // FIN and REQ that were sent
	ops  []history.Op
}

// under plays a line's fault from 1s to 2s of 3s.
func under(t *testing.T, fault, load string) *deeds {
	t.Helper()
	d := &deeds{at: map[deed]time.Duration{}, done: map[deed][]history.Op{}}
	d.ops = played(t, "brokers: {b1: {msg_timeout: 1s}}\nload:\n  - {name: shop, produce: orders, rate: 20/s, for: 3s}\n"+
		"  - {name: billing, consume: orders/billing, in_flight: 50, "+load+"}\nfaults:\n  - {at: 1s, "+fault+", for: 1s}\n",
		func(c sim.Cluster) sim.Cluster { return c })
	for _, op := range d.ops {
		key := deed{op.Msg, op.Conn, op.Attempt}
		switch {
		case op.F == history.Deliver:
			d.at[key] = op.Time
		case (op.F == history.Finish || op.F == history.Requeue) && op.Type == history.Info:
			d.done[key] = append(d.done[key], op)
		case op.Process == history.Nemesis && op.Type == history.Fail:
			t.Errorf("%s %s", op.Note, op.Error)
		case op.Process == history.Nemesis && !op.Clients:
			t.Errorf("%s is not said to be of clients", op.Note)
		}
	}
	return d
}

// TestConduct holds what clients do to a delivery to the fault that is on when it comes, and to nothing when none is.
func TestConduct(t *testing.T) {
	fin := func(after time.Duration, times int) func(time.Duration, []history.Op) bool {
		return func(at time.Duration, ops []history.Op) bool {
			for _, op := range ops {
				if op.F != history.Finish || op.Time != at+after {
					return false
				}
			}
			return len(ops) == times
		}
	}
	for _, c := range []struct {
		fault, load  string
		under, other func(time.Duration, []history.Op) bool
		less         bool // some deliveries are as others
	}{
		{"slowwork: billing, by: 300ms", "work: 10ms", fin(310*time.Millisecond, 1), fin(10*time.Millisecond, 1), false},
		{"slowwork: billing, by: 300ms, share: 50%", "work: 10ms", fin(310*time.Millisecond, 1), fin(10*time.Millisecond, 1), true},
		{"forget: billing", "work: 10ms", fin(0, 0), fin(10*time.Millisecond, 1), false},
		{"finishtwice: billing", "work: 0s", fin(0, 2), fin(0, 1), false},
		{"finishlate: billing, by: 30ms", "work: 10ms, touch: 5ms", fin(1030*time.Millisecond, 1), fin(10*time.Millisecond, 1), false},
		{"requeue: billing, after: 70ms", "requeue_after: 5ms", func(at time.Duration, ops []history.Op) bool {
			return len(ops) == 1 && ops[0].F == history.Requeue && ops[0].After == 70*time.Millisecond && ops[0].Time == at
		}, fin(0, 1), false},
	} {
		t.Run(c.fault, func(t *testing.T) {
			d := under(t, c.fault, c.load)
			if i := slices.IndexFunc(d.ops, func(op history.Op) bool {
				return op.F == history.Touch && op.Type == history.Info && op.Time > 1010*time.Millisecond && op.Time < 2*time.Second
			}); i >= 0 {
				t.Errorf("a message is touched at %v that is to be late", d.ops[i].Time)
			}
			hit, calm := 0, 0
			for key, at := range d.at { // each for itself
				on := at >= time.Second && at < 2*time.Second
				if on && c.under(at, d.done[key]) {
					hit++
					continue
				}
				calm++
				if !c.other(at, d.done[key]) || on && !c.less {
					t.Errorf("what was delivered at %v came to %+v", at, d.done[key])
				}
			}
			if hit < 5 || calm < 35 {
				t.Errorf("it hit %d deliveries and left %d alone", hit, calm)
			}
		})
	}
}

// TestDie: each client drops its connections as it holds a message, stays away, and comes back.
func TestDie(t *testing.T) {
	d := under(t, "die: billing", "clients: 2, work: 10ms, crash_every: 700ms, crash_for: 50ms")
	var last time.Duration // delivery before the healing
	died, back := 0, 0
	for _, op := range d.ops {
		switch on := op.Time >= time.Second && op.Time < 2*time.Second; {
		case op.F == history.Deliver && op.Time < 2*time.Second:
			last = op.Time
		case op.F == history.Disconnect && on:
			died++
		case op.F == history.Connect && op.Type == history.OK && op.Time >= 2*time.Second && back < 2:
			if back++; op.Time > 2010*time.Millisecond {
				t.Errorf("it comes back at %v", op.Time)
			}
		case op.F == history.Connect && on && op.Time > 1500*time.Millisecond:
			t.Errorf("a dead client connects at %v", op.Time)
		}
	}
	if died < 2 || back < 2 || last < time.Second || last > 1300*time.Millisecond {
		t.Errorf("%d connections ended, %d came back, the last delivery before was at %v", died, back, last)
	}
}

// TestReady: the connections that stand and those that come have the fault's RDY, and afterwards their own.
func TestReady(t *testing.T) {
	var at []time.Duration
	var counts []int64
	d := under(t, "ready: billing, rdy: 0", "crash_every: 1300ms, crash_for: 100ms")
	for _, op := range d.ops {
		if op.F == history.Ready {
			at, counts = append(at, op.Time), append(counts, op.Count)
		}
		if op.F == history.Deliver && op.Time > 1010*time.Millisecond && op.Time < 2*time.Second {
			t.Errorf("a message is delivered at %v with RDY 0", op.Time)
		}
	}
	if len(counts) < 4 || counts[0] != 50 || counts[1] != 0 || counts[2] != 0 || counts[3] != 50 || at[1] != time.Second || at[3] != 2*time.Second {
		t.Errorf("RDY is %v at %v", counts, at)
	}
}

// TestRepublish: what has no answer in time is published again on another connection, in order and whole, and not when it is answered.
func TestRepublish(t *testing.T) {
	for _, batch := range []string{"", ", batch: 3"} {
		tries := map[uint64][]time.Duration{}
		answers := map[uint64][]history.Type{}
		for _, op := range played(t, "brokers: {b1: {}}\nload:\n  - {name: shop, produce: orders, rate: 40/s, for: 3s"+batch+"}\n  - {consume: orders/billing}\n"+
			"faults:\n  - {at: 0s, republish: shop, after: 200ms}\n  - {at: 1s, partition: shop, way: in, for: 500ms}\n", func(c sim.Cluster) sim.Cluster { return c }) {
			switch {
			case op.F != history.Publish:
			case op.Type == history.Invoke:
				tries[op.Msg] = append(tries[op.Msg], op.Time)
			default:
				answers[op.Msg] = append(answers[op.Msg], op.Type)
			}
		}
		repeated := 0
		for msg, at := range tries { // each for itself
			fates := answers[msg]
			if len(at) != len(fates) || fates[len(fates)-1] != history.OK {
				t.Errorf("%s is tried at %v, which comes to %v", history.MsgString(msg), at, fates)
			}
			if len(at) == 1 {
				continue
			}
			repeated++
			if fates[0] != history.Info || at[1]-at[0] < reconnectAfter || at[0] < 990*time.Millisecond || at[0] > 1500*time.Millisecond {
				t.Errorf("%s is tried at %v, which comes to %v", history.MsgString(msg), at, fates)
			}
		}
		if repeated < 5 || repeated > 25 || len(tries) != 120 {
			t.Errorf("%d of %d messages were repeated", repeated, len(tries))
		}
	}
}

// A scarred cluster forgets to take rules away.
type scarred struct{ *sim.World }

func (s scarred) AddRule(from, to string, r sim.Rule) (func(), error) {
	_, err := s.World.AddRule(from, to, r)
	return func() {}, err
}

// TestHealedWhole: a run whose healing leaves something behind is none.
func TestHealedWhole(t *testing.T) {
	s, err := Parse("scarred.yaml", []byte(`brokers: {b1: {}}
load:
  - {produce: orders, rate: 10/s, for: 1s}
  - {consume: orders/billing}
faults:
  - {at: 500ms, delay: b1, by: 1ms}
`))
	if err != nil {
		t.Fatal(err)
	}
	w, err := sim.NewWorld(1, s.Nodes(), s.Links)
	if err != nil {
		t.Fatal(err)
	}
	err = Run(t.Context(), s, scarred{w}, Options{Seed: 1, Run: 1, Record: func(history.Op) {}})
	if err == nil || !strings.Contains(err.Error(), `all is healed, and there is still: sim: there is a rule from "" to "b1"; sim: there is a rule from "b1" to ""`) {
		t.Errorf("error %v", err)
	}
}
