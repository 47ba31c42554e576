package scenarios_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// large has a good deal that can be left out.
const large = `description: all sorts of things
seed: 7
lookups: {l1: {}}
brokers: {b1: {msg_timeout: 5s}, b2: {msg_timeout: 2s, max_bytes_per_file: 100000}, b3: {}}
load:
  - {name: shop, produce: orders, rate: 200/s, for: 5s, size: 300}
  - {name: refunds, produce: refunds, rate: 20/s, for: 10s, clients: 2, batch: 4}
  - {name: billing, consume: orders/billing, in_flight: 10, clients: 3, work: 120ms}
  - {name: audit, consume: orders/audit, find: lookup}
  - {name: money, consume: refunds/money, crash_every: 2s, touch: 500ms}
faults:
  - {at: 500ms, delay: b2, by: 20ms, jitter: 30ms, for: 1s}
  - {at: 1s, kill: b1, for: 1s}
  - {at: 1500ms, partition: billing, from: b3, for: 1s}
  - {at: 2s, pause: b3, for: 1s}
  - {at: 3s, kill: b2, for: 1s}
  - {at: 4s, delay: money, by: 1s}
  - {at: 5s, stop: b1, for: 2s}
  - {at: 7s, powercut: b2, for: 1s}
expect: [no-loss, no-phantoms, no-corruption, {latency: {p99: 5s}}]
`

// An oracle takes the place of playing: it says whether somebody gets a message that nobody has published, and whether somebody is idle.
type oracle func(s *scenarios.Scenario, seed uint64) (phantom, idle bool)

func (o oracle) play(_ context.Context, s *scenarios.Scenario, seed uint64) (*reports.Report, error) {
	j, err := reports.NewJudge(history.Header{Expect: s.Expect, Seed: seed})
	if err != nil {
		return nil, err
	}
	at := time.Duration(0)
	tell := func(p, f string, t history.Type, msg uint64) {
		at += time.Millisecond
		op := history.Op{Time: at, Process: p, Type: t, F: f, Node: "b1", Topic: "t", Msg: msg, Conn: 1}
		if f == history.Subscribe || f == history.Deliver || f == history.Finish {
			op.Channel = "c"
		}
		j.Observe(op)
	}
	phantom, idle := o(s, seed)
	tell("c", history.Connect, history.OK, 0)
	tell("c", history.Subscribe, history.OK, 0)
	tell("c", history.Publish, history.Invoke, 1)
	tell("c", history.Publish, history.OK, 1)
	tell("c", history.Deliver, history.OK, 1)
	tell("c", history.Finish, history.Info, 1)
	tell("c", history.Finish, history.OK, 1)
	if phantom {
		tell("c", history.Deliver, history.OK, 2)
	}
	if idle {
		tell("d", history.Connect, history.OK, 0)
	}
	j.Observe(history.Op{Time: at, Process: "lab", Type: history.OK, F: history.Phase, Note: "end"})
	return j.Report(func(func(history.Op, error) bool) {})
}

func hasFaults(s *scenarios.Scenario, words ...string) bool {
	return !slices.ContainsFunc(words, func(w string) bool {
		return !slices.ContainsFunc(s.Faults, func(f *scenarios.Fault) bool { return f.Words == w })
	})
}

func hasTopic(s *scenarios.Scenario, topic string) bool {
	return slices.ContainsFunc(s.Producers, func(p *scenarios.Producer) bool { return p.Topic == topic })
}

// shrinkings are what an anomaly needs, and the scenario that has that and nothing else.
var shrinkings = []struct {
	name string
	need oracle
	want string
}{
	{"nothing", func(*scenarios.Scenario, uint64) (bool, bool) { return true, false }, `
seed: 7
brokers:
  b1: {}
load:
  - {produce: orders, name: shop, rate: 100/s, for: 10ms, to: [b1]}
  - {consume: orders/billing, name: billing, on: [b1]}
drain: 10s
expect: [no-phantoms]
`},
	{"two faults far apart", func(s *scenarios.Scenario, _ uint64) (bool, bool) {
		return hasFaults(s, "pause: b3", "stop: b1"), false
	}, `
seed: 7
brokers:
  b1: {}
  b3: {}
load:
  - {produce: orders, name: shop, rate: 100/s, for: 10ms, to: [b1]}
  - {consume: orders/billing, name: billing, on: [b1]}
faults:
  - {at: 0s, pause: b3, for: 10ms}
  - {at: 0s, stop: b1, for: 10ms}
drain: 10s
expect: [no-phantoms]
`},
	{"a fault of a line, with that", func(s *scenarios.Scenario, _ uint64) (bool, bool) { return hasFaults(s, "delay: money, by: 1s"), false }, `
seed: 7
brokers:
  b1: {}
load:
  - {produce: refunds, name: refunds, rate: 100/s, for: 10ms, to: [b1]}
  - {consume: refunds/money, name: money, on: [b1]}
faults:
  - {at: 0s, delay: money, by: 1s}
drain: 10s
expect: [no-phantoms]
`},
	{"twelve messages of a topic, and a flag", func(s *scenarios.Scenario, _ uint64) (bool, bool) {
		return s.Messages() >= 12 && hasTopic(s, "refunds") && slices.ContainsFunc(s.Brokers, func(n sim.Node) bool { return slices.Contains(n.Args, "--msg-timeout=2s") }), false
	}, `
seed: 7
brokers:
  b2: {msg_timeout: 2s}
load:
  - {produce: refunds, name: refunds, rate: 1150/s, for: 10ms, to: [b2]}
  - {consume: refunds/money, name: money, on: [b2]}
drain: 10s
expect: [no-phantoms]
`},
	{"a broker that asks an nsqlookupd", func(s *scenarios.Scenario, _ uint64) (bool, bool) {
		return slices.ContainsFunc(s.Brokers, func(n sim.Node) bool { return len(n.Lookupds) > 0 }), false
	}, `
seed: 7
lookups:
  l1: {}
brokers:
  b1: {}
load:
  - {produce: orders, name: shop, rate: 100/s, for: 10ms, to: [b1]}
  - {consume: orders/billing, name: billing, on: [b1]}
drain: 10s
expect: [no-phantoms]
`},
	{"another seed, if it is small", func(s *scenarios.Scenario, seed uint64) (bool, bool) { return s.Messages() > 20 || seed == 4, false }, `
seed: 4
brokers:
  b1: {}
load:
  - {produce: orders, name: shop, rate: 100/s, for: 10ms, to: [b1]}
  - {consume: orders/billing, name: billing, on: [b1]}
drain: 10s
expect: [no-phantoms]
`},
	{"somebody to be busy", func(s *scenarios.Scenario, _ uint64) (bool, bool) {
		return true, s.Messages() < 5 || len(s.Consumers) < 2
	}, `
seed: 7
brokers:
  b1: {}
load:
  - {produce: orders, name: shop, rate: 500/s, for: 10ms, to: [b1]}
  - {consume: orders/billing, name: billing, on: [b1]}
  - {consume: orders/audit, name: audit, on: [b1]}
drain: 10s
expect: [no-phantoms]
`},
}

// TestShrink shrinks under oracles, to what the anomaly needs and nothing else; the same twice.
func TestShrink(t *testing.T) {
	for _, c := range shrinkings {
		t.Run(c.name, func(t *testing.T) {
			got := shrunk(t, t.Context(), c.need.play)
			if text := "\n" + got.Scenario.Text(); text != c.want || !got.Whole {
				t.Errorf("got (whole: %v)%s\nwant%s", got.Whole, text, c.want)
			}
			if got.Runs > 500 {
				return
			}
			if again := shrunk(t, t.Context(), c.need.play); again.Runs != got.Runs || again.Scenario.Text() != got.Scenario.Text() {
				t.Errorf("again, it is\n%s\nafter %d runs, and was\n%s\nafter %d", again.Scenario.Text(), again.Runs, got.Scenario.Text(), got.Runs)
			}
		})
	}
}

// TestShrinkIsBounded: when its time is over it gives what it has, and a scenario that holds it does not shrink.
func TestShrinkIsBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	left := 30
	o := oracle(func(s *scenarios.Scenario, _ uint64) (bool, bool) {
		if left--; left == 0 {
			cancel()
		}
		return hasFaults(s, "kill: b1"), false
	})
	got := shrunk(t, ctx, o.play)
	if got.Whole || !hasFaults(got.Scenario, "kill: b1") || got.Runs > 31 {
		t.Errorf("whole: %v, after %d runs\n%s", got.Whole, got.Runs, got.Scenario.Text())
	}
	holds := oracle(func(*scenarios.Scenario, uint64) (bool, bool) { return false, false })
	if _, err := scenarios.Shrink(t.Context(), parsed(t, large), scenarios.Shrinking{Play: holds.play}); !errors.Is(err, scenarios.ErrHolds) {
		t.Errorf("a scenario that holds: %v", err)
	}
}

// TestShrinkGoesRoundNothing: a run that fails to be played, or shows another anomaly, is not taken for the one.
func TestShrinkGoesRoundNothing(t *testing.T) {
	o := oracle(func(s *scenarios.Scenario, _ uint64) (bool, bool) { return len(s.Faults) == 8, false })
	failing := func(ctx context.Context, s *scenarios.Scenario, seed uint64) (*reports.Report, error) {
		if s.Messages() < 500 {
			return nil, errors.New("it cannot be played")
		}
		return o.play(ctx, s, seed)
	}
	got := shrunk(t, t.Context(), failing)
	if len(got.Scenario.Faults) != 8 || got.Scenario.Messages() < 500 || got.Scenario.Messages() > 520 {
		t.Errorf("got\n%s", got.Scenario.Text())
	}
}

// TestAblate says of each fault whether it matters.
func TestAblate(t *testing.T) {
	o := oracle(func(s *scenarios.Scenario, seed uint64) (bool, bool) {
		return hasFaults(s, "kill: b1") || hasFaults(s, "pause: b3", "stop: b1") && seed%2 == 1, false
	})
	got, err := scenarios.Ablate(t.Context(), parsed(t, large), scenarios.Shrinking{Play: o.play}, 4)
	if err != nil {
		t.Fatal(err)
	}
	type is = scenarios.Shown
	if (got.All != is{4, 4} || got.None != is{0, 4}) {
		t.Errorf("with all %s, with none %s", got.All, got.None)
	}
	for i, f := range got.Faults { // seeds 7, 1, 2 and 3
		want := [2]is{{4, 4}, {0, 4}}
		if i == 1 {
			want = [2]is{{3, 4}, {4, 4}}
		}
		if f.Without != want[0] || f.Alone != want[1] {
			t.Errorf("%s: without it %s, alone %s, want %s", f.Fault.Words, f.Without, f.Alone, want)
		}
	}
}

func shrunk(t *testing.T, ctx context.Context, play func(context.Context, *scenarios.Scenario, uint64) (*reports.Report, error)) *scenarios.Shrunk {
	t.Helper()
	got, err := scenarios.Shrink(ctx, parsed(t, large), scenarios.Shrinking{Play: play})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func parsed(t *testing.T, text string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Parse("large.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
