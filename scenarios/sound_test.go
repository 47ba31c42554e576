package scenarios_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

var madeUp = flag.Int("made-up", 100, "made-up scenarios that are played")

// TestHardTimes plays what is hard to judge: no checker may take it for a violation.
func TestHardTimes(t *testing.T) {
	files, err := filepath.Glob("testdata/hard/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no scenarios: ", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := scenarios.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			for seed := uint64(1); seed <= 5; seed++ {
				if r := inMemory(t, s, seed); r.Validity != reports.Valid && r.Validity != reports.Licensed {
					t.Errorf("seed %d is %s: %s", seed, r.Validity, r.Reason)
				}
			}
		})
	}
}

// TestMadeUp plays scenarios that nobody wrote. Many of them show nothing, but none may be found invalid.
func TestMadeUp(t *testing.T) {
	n := *madeUp
	if testing.Short() {
		n /= 5
	}
	judged := 0
	for seed := range uint64(n) {
		s := scenarios.Random(seed)
		switch r := inMemory(t, s, seed); r.Validity {
		case reports.Invalid:
			t.Errorf("made-up scenario %d is invalid: %s\n%s", seed, r.Reason, s.Text())
		case reports.Valid, reports.Licensed:
			judged++
		}
	}
	if judged < n/2 {
		t.Errorf("only %d of %d made-up scenarios showed anything", judged, n)
	}
}

// inMemory plays a scenario in virtual time, with its history in memory.
func inMemory(t *testing.T, s *scenarios.Scenario, seed uint64) *reports.Report {
	t.Helper()
	return recorded(t, s, seed, nil)
}

func recorded(t *testing.T, s *scenarios.Scenario, seed uint64, h io.ReadWriteSeeker) *reports.Report {
	t.Helper()
	w, err := sim.NewWorld(seed, s.Nodes(), s.Links)
	if err != nil {
		t.Fatal(err)
	}
	r, err := scenarios.Play(context.Background(), s, scenarios.Stand{
		Cluster: w, Backend: "virtual", Seed: seed, Slack: s.Links.Slack(), History: h,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSwarmLasts: what a seed draws stands in the history, and the scenario there is the same run without a draw.
func TestSwarmLasts(t *testing.T) {
	s, err := scenarios.Parse("swarm.yaml", []byte(`
brokers: {b1: {}, b2: {}}
load:
  - {produce: orders, rate: 50/s, for: 3s}
  - {consume: orders/billing, in_flight: 5}
swarm: {faults: [kill, delay, pause, reset]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for seed := uint64(1); seed <= 5; seed++ {
		f, err := os.Create(filepath.Join(t.TempDir(), "history.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		r := recorded(t, s, seed, f)
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		head, _, err := history.Read(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		drawn, err := scenarios.Parse("swarm.yaml", []byte(head.Source))
		if err != nil || drawn.Swarm != nil || len(drawn.Faults) == 0 || len(r.Faults) != len(drawn.Faults) {
			t.Fatalf("seed %d: %v, %d faults of\n%s", seed, err, len(r.Faults), head.Source)
		}
		if again := inMemory(t, drawn, seed); again.Trace != r.Trace {
			t.Errorf("seed %d: the drawn scenario is another run\n%s", seed, head.Source)
		}
	}
}
