package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

const small = `
brokers: {b1: {}}
load:
  - {produce: orders, rate: 50/s, for: 200ms}
  - {consume: orders/billing}
faults:
  - {at: 100ms, delay: b1, by: 1ms, for: 10ms}
`

// madeOf is a trial of the small scenario, changed by what is given.
func madeOf(change func(seed uint64, s *scenarios.Scenario)) *trial {
	return &trial{name: "small", file: "small.yaml", scenario: func(seed uint64) (*scenarios.Scenario, error) {
		s, err := scenarios.Parse("small.yaml", []byte(small))
		if err == nil {
			change(seed, s)
		}
		return s, err
	}}
}

// sweepOf sweeps a trial, and gives what it told.
func sweepOf(t *testing.T, seeds span, twice bool, made *trial) (s *sweep, told string, env *environment) {
	t.Helper()
	var out bytes.Buffer
	env = &environment{ctx: t.Context(), out: &out, errs: io.Discard}
	s = &sweep{
		player: player{backend: virtualBackend, stage: virtual{}, out: t.TempDir(), formats: []reports.Format{reports.Text}},
		result: result{head: head{seeds: seeds, shard: shard{1, 1}, Twice: twice}},
		env:    env, trials: []*trial{made}, keepGoing: true, workers: 3, view: newView(io.Discard, true),
	}
	err := s.run(t.Context())
	s.writeTable(&out)
	if err := s.verdict(env, err); err != nil {
		t.Fatal(err)
	}
	return s, out.String(), env
}

// A bomb is a fault that a broker does not survive.
type bomb struct{}

func (bomb) Inject(sim.Cluster) (func() error, error) { panic("the queue is corrupt") }

func aBomb(chaos.Args) (chaos.Fault, error) { return bomb{}, nil }

// A dud is a fault that hits nothing.
type dud struct{}

func (dud) Inject(sim.Cluster) (func() error, error) {
	return func() error { return chaos.ErrHitNothing }, nil
}

func aDud(chaos.Args) (chaos.Fault, error) { return dud{}, nil }

// TestSweepPanic: a panic is a violation of its seed, and the others are played.
func TestSweepPanic(t *testing.T) {
	s, told, env := sweepOf(t, span{1, 8}, false, madeOf(func(seed uint64, s *scenarios.Scenario) {
		if seed == 5 {
			s.Faults[0].Kind.New = aBomb
		}
	}))
	for _, want := range []string{
		"small.yaml seed 5: invalid: panic: the queue is corrupt\n", "  again: nsqlab run --backend=virtual --seed=5 small.yaml\n", "small.yaml  8      7      0         0        1 ",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("it lacks %q:\n%s", want, told)
		}
	}
	if env.status != exitViolated {
		t.Errorf("exit %d", env.status)
	}
	stack, err := os.ReadFile(filepath.Join(s.out, "small-virtual-seeds", "5", "panic.txt"))
	if err != nil || !strings.Contains(string(stack), "bomb.Inject") {
		t.Errorf("the stack is\n%s, %v", stack, err)
	}
}

// TestSweepTwice: a seed that is another run the second time is told, with where it parts.
func TestSweepTwice(t *testing.T) {
	var plays atomic.Int64
	s, told, env := sweepOf(t, span{4, 4}, true, madeOf(func(_ uint64, s *scenarios.Scenario) {
		if plays.Add(1) == 2 {
			s.Producers[0].Rate = 60
		}
	}))
	for _, want := range []string{
		"small.yaml seed 4: invalid: played twice it was two runs: in line ", `stands first {"t":`, `"f":"pub"`, ", then {",
		"  again: nsqlab sweep --twice --seeds=4-4 small.yaml\n",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("it lacks %q:\n%s", want, told)
		}
	}
	if env.status != exitViolated || s.rows[0].Differ != 1 || !fileExists(filepath.Join(s.out, "small-virtual-seeds", "4", secondFile)) {
		t.Errorf("exit %d, %d differ", env.status, s.rows[0].Differ)
	}
}

// TestSweepKeeps: a disk is not filled with what fails in the same way.
func TestSweepKeeps(t *testing.T) {
	s, told, env := sweepOf(t, span{1, 15}, false, madeOf(func(_ uint64, s *scenarios.Scenario) {
		s.Faults[0].Kind.New = aDud
	}))
	folders, err := os.ReadDir(filepath.Join(s.out, "small-virtual-seeds"))
	if err != nil || len(folders) != maxKept[1] || strings.Count(told, "again: ") != maxKept[1] || len(s.failures) != maxKept[1] {
		t.Errorf("%d folders, %v:\n%s", len(folders), err, told)
	}
	if s.rows[0].Verdicts[reports.Unknown] != 15 || env.status != exitUnknown || !strings.Contains(told, "more that are unknown are counted") {
		t.Errorf("exit %d:\n%s", env.status, told)
	}
}

// TestSweepCannotGoOn: what cannot be played ends the sweep, and is told.
func TestSweepCannotGoOn(t *testing.T) {
	made := madeOf(func(uint64, *scenarios.Scenario) {})
	parse := made.scenario
	made.scenario = func(seed uint64) (*scenarios.Scenario, error) {
		if seed == 2 {
			return nil, io.ErrUnexpectedEOF
		}
		return parse(seed)
	}
	s := &sweep{
		player: player{backend: virtualBackend, stage: virtual{}, out: t.TempDir()}, result: result{head: head{seeds: span{1, 1000}, shard: shard{1, 1}}},
		env: &environment{out: io.Discard, errs: io.Discard}, trials: []*trial{made}, workers: 1, view: newView(io.Discard, true),
	}
	if err := s.run(t.Context()); err == nil || err.Error() != "small.yaml, seed 2: unexpected EOF" || s.Ended != endedError || s.rows[0].Runs > 3 {
		t.Errorf("%v, ended %q after %d seeds", err, s.Ended, s.rows[0].Runs)
	}
}

// TestShards: the shards of a span are all of its seeds, each once.
func TestShards(t *testing.T) {
	for _, of := range []span{{1, 10}, {7, 7}, {3, 101}} {
		for n := uint64(1); n <= 12; n++ {
			var all []uint64
			for k := uint64(1); k <= n; k++ {
				for i := range (shard{k, n}).count(of) {
					all = append(all, shard{k, n}.seed(of, i))
				}
			}
			slices.Sort(all)
			want := make([]uint64, of.last-of.first+1)
			for i := range want {
				want[i] = of.first + uint64(i)
			}
			if !slices.Equal(all, want) {
				t.Errorf("%d shards of %s are %v", n, of, all)
			}
		}
	}
	for _, word := range []string{"", "1", "0/5", "6/5", "-1/5", "1/0", "a/b", "1/10001"} {
		if h, err := readShard(word); err == nil {
			t.Errorf("--shard=%s is %v", word, h)
		}
	}
}

// TestResults: a result is read as it was written.
func TestResults(t *testing.T) {
	s, _, _ := sweepOf(t, span{1, 4}, false, madeOf(func(seed uint64, s *scenarios.Scenario) {
		if seed == 3 {
			s.Faults[0].Kind.New = aBomb
		}
	}))
	s.Format, s.Seeds, s.Shard = resultsFormat, "1-4", "1/1"
	var one, two bytes.Buffer
	if err := s.writeLines(&one); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "r.jsonl")
	if err := os.WriteFile(file, one.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := readResult(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.writeLines(&two); err != nil || one.String() != two.String() || len(r.failures) != 1 || r.failures[0].Seed != 3 {
		t.Errorf("written\n%sread and written\n%s%v", &one, &two, err)
	}
}

// TestInterruptedSweep: what was played counts, and who interrupts learns no verdict, unless there is a violation.
func TestInterruptedSweep(t *testing.T) {
	for _, c := range []struct {
		verdict reports.Validity
		exit    int
	}{{reports.Valid, exitCouldNotRun}, {reports.Unknown, exitCouldNotRun}, {reports.Invalid, exitViolated}} {
		var errs bytes.Buffer
		env := &environment{ctx: context.Background(), out: io.Discard, errs: &errs}
		r := &result{head: head{Ended: endedInterrupted}, rows: []*tally{{Runs: 1, Verdicts: map[reports.Validity]int{c.verdict: 1}}}}
		err := r.verdict(env, nil)
		exit := env.status
		if err != nil {
			exit = exitCouldNotRun
		}
		if exit != c.exit || (err == nil) != strings.Contains(errs.String(), "interrupted") {
			t.Errorf("%s: exit %d, %v, %q", c.verdict, exit, err, &errs)
		}
	}
}

// TestInterruptedAtLast: who interrupts the last seed has not had all of them.
func TestInterruptedAtLast(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	made := madeOf(func(seed uint64, _ *scenarios.Scenario) {
		if seed == 2 {
			interrupt()
		}
	})
	s := &sweep{
		player: player{backend: virtualBackend, stage: virtual{}, out: t.TempDir()}, result: result{head: head{seeds: span{1, 2}, shard: shard{1, 1}}},
		env: &environment{out: io.Discard, errs: io.Discard}, trials: []*trial{made}, workers: 1, view: newView(io.Discard, true),
	}
	if err := s.run(ctx); err != nil || s.Ended != endedInterrupted || s.rows[0].Runs != 1 {
		t.Errorf("%v, ended %q after %d seeds", err, s.Ended, s.rows[0].Runs)
	}
	if left, err := os.ReadDir(s.out); err != nil || len(left) > 0 {
		t.Errorf("it has left %v, %v", left, err)
	}
}

// TestSweepRandom: what was made up and failed is in its folder, and the command that is told shows the same run again.
func TestSweepRandom(t *testing.T) {
	trials, err := choice{random: true, strict: true, settings: []string{"durability=memory"}}.read()
	if err != nil {
		t.Fatal(err)
	}
	s := &sweep{
		player: player{backend: virtualBackend, stage: virtual{}, out: t.TempDir(), flags: []string{"--strict"}}, result: result{head: head{seeds: span{1, 500}, shard: shard{1, 1}}},
		env: &environment{out: io.Discard, errs: io.Discard}, trials: trials, workers: 1, view: newView(io.Discard, true),
	}
	if err := s.run(t.Context()); err != nil || s.Ended != endedViolation || len(s.failures) != 1 {
		t.Fatalf("%v, ended %q, %d failures", err, s.Ended, len(s.failures))
	}
	f, out := s.failures[0], t.TempDir()
	words := strings.Fields(f.Again)
	if code := run(t.Context(), append([]string{words[1], "--quiet", "--out=" + out}, words[2:]...), io.Discard, io.Discard); code != exitViolated {
		t.Errorf("%s: exit %d", f.Again, code)
	}
	again, err := filepath.Glob(filepath.Join(out, "*", historyFile))
	if err != nil || len(again) != 1 {
		t.Fatalf("%v, %v", again, err)
	}
	if where, err := parting(filepath.Join(f.Folder, historyFile), again[0]); err != nil || !strings.Contains(where, "equal") {
		t.Errorf("%s: %s, %v", f.Again, where, err)
	}
}
