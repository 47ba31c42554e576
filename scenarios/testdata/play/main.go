// Command play plays a scenario's file in the virtual world, once for each seed from A to B, and tells how its promises stood: a
// line of JSON a seed. Or it shrinks the scenario to the smallest that it finds in a time, and tells what came of it. It is what the planted bugs are built into.
//
//	play FILE A B
//	play FILE SEED shrink PROMISE OUT TIME FAULTS MESSAGES WORK
//
// FAULTS and MESSAGES say what is small. Unless WORK is 0, it stops when the scenario is small, or after so much work: that comes to the same on any
// machine, as a time does not.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// A line is one seed's verdict.
type line struct {
	Seed     uint64             `json:"seed"`
	Validity reports.Validity   `json:"validity"`
	Reason   string             `json:"reason"`
	Took     time.Duration      `json:"took"` // of virtual time
	Promises map[string]outcome `json:"promises"`
}

// An outcome is how a promise stood.
type outcome struct {
	Validity reports.Validity `json:"validity"`
	Events   int              `json:"events"`
	Count    int              `json:"count"`
	First    string           `json:"first,omitempty"` // finding
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "play:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 3 && len(args) != 9 {
		return fmt.Errorf("want FILE A B or FILE SEED shrink PROMISE OUT TIME FAULTS MESSAGES WORK, not %q", args)
	}
	first, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	s, err := scenarios.Load(args[0])
	if err != nil {
		return err
	}
	if len(args) == 9 {
		s.Seed = first
		return shrink(s, args[3:], out)
	}
	last, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	for seed := first; seed <= last; seed++ {
		r, _, err := play(context.Background(), s, seed)
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		if err := json.NewEncoder(out).Encode(tell(r)); err != nil {
			return err
		}
	}
	return nil
}

// A small is what came of shrinking.
type small struct {
	Seed                               uint64
	Faults, Messages, Clients, Brokers int
	Runs                               int
	Took                               time.Duration // by the clock on the wall
	Small                              time.Duration // until it was small; 0: it never was
	Work                               uint64
	Whole                              bool
}

// shrink shrinks a scenario, and writes what comes of it to a file. A run that does not end is given up with the process.
func shrink(s *scenarios.Scenario, args []string, out io.Writer) error {
	l, limit, err := newLimits(args[2:])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	l.stop = cancel
	ended := make(chan error, 1)
	go func() {
		r, err := scenarios.Shrink(ctx, s, scenarios.Shrinking{Play: l.against(args[0]), Compared: true, Promise: args[0], Progress: l.progress})
		if err == nil {
			l.progress(*r)
		}
		ended <- err
	}()
	select {
	case err = <-ended:
	case <-time.After(limit + grace):
		if l.empty() {
			err = errors.New("the run that is to be shrunk does not end")
		}
	}
	if err != nil {
		return err
	}
	c, text := l.result()
	if err := os.WriteFile(args[1], []byte(text), 0o666); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(c)
}

// grace is what a run may take that was begun in time.
const grace = 10 * time.Second

// perRun is the work of a run beside its events: a scenario is written and read, and a world made.
const perRun = 300

// limits are how far a scenario is shrunk, and how far it was.
type limits struct {
	faults, messages int    // that are few enough
	work             uint64 // of which there may be so much: events of the virtual world, and so many for each run; 0: any
	stop             func()
	begun            time.Time

	mu   sync.Mutex
	done uint64           // work
	best scenarios.Shrunk // so far
	was  time.Duration    // when it was small
}

func newLimits(args []string) (l *limits, limit time.Duration, err error) {
	l = &limits{begun: time.Now()}
	var failed [4]error
	limit, failed[0] = time.ParseDuration(args[0])
	l.faults, failed[1] = strconv.Atoi(args[1])
	l.messages, failed[2] = strconv.Atoi(args[2])
	l.work, failed[3] = strconv.ParseUint(args[3], 10, 64)
	return l, limit, errors.Join(failed[:]...)
}

// progress takes a smaller scenario in, and stops if it is small enough.
func (l *limits) progress(r scenarios.Shrunk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.best = r
	if len(r.Scenario.Faults) > l.faults || r.Scenario.Messages() > l.messages {
		return
	}
	if l.was == 0 {
		l.was = time.Since(l.begun)
	}
	if l.work > 0 {
		l.stop()
	}
}

// spend counts a run, and stops if there was too much work.
func (l *limits) spend(events uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done += events + perRun; l.work > 0 && l.done > l.work {
		l.stop()
	}
}

// empty says that no run has ended.
func (l *limits) empty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.best.Scenario == nil
}

// result is the smallest scenario, with its text.
func (l *limits) result() (small, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.best.Scenario
	return small{
		Seed: s.Seed, Faults: len(s.Faults), Messages: s.Messages(), Clients: s.Clients(), Brokers: len(s.Brokers),
		Runs: l.best.Runs, Took: time.Since(l.begun), Small: l.was, Work: l.done, Whole: l.best.Whole,
	}, s.Text()
}

// plantVariable is the environment variable that says which bug is awake.
const plantVariable = "NSQLAB_PLANT"

// against has a run count only if it does not show the same without the bug.
func (l *limits) against(promise string) func(context.Context, *scenarios.Scenario, uint64) (*reports.Report, error) {
	bug := os.Getenv(plantVariable)
	return func(ctx context.Context, s *scenarios.Scenario, seed uint64) (*reports.Report, error) {
		r, events, err := play(ctx, s, seed)
		l.spend(events)
		if err != nil || stands(r, promise) == reports.Valid {
			return r, err
		}
		if err := os.Setenv(plantVariable, "0"); err != nil {
			return nil, err
		}
		again, err := scenarios.Parse(s.File, []byte(s.Text())) // a scenario is played once
		if err != nil {
			return nil, err
		}
		sound, events, err := play(ctx, again, seed)
		l.spend(events)
		if err := errors.Join(err, os.Setenv(plantVariable, bug)); err != nil {
			return nil, err
		}
		if stands(sound, promise) == stands(r, promise) {
			return nil, errors.New("the sound broker shows it too")
		}
		return r, nil
	}
}

// stands says how a promise does.
func stands(r *reports.Report, promise string) reports.Validity {
	for _, p := range r.Promises {
		if p.Name == promise {
			return p.Validity
		}
	}
	return ""
}

// play plays a scenario, and says how many events that were. A broker that a bug has panic shows nothing.
func play(ctx context.Context, s *scenarios.Scenario, seed uint64) (r *reports.Report, events uint64, err error) {
	w, err := sim.NewWorld(seed, s.Nodes(), s.Links)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		events = w.Events()
		if why := recover(); why != nil {
			r, err = nil, fmt.Errorf("panic: %v", why)
		}
	}()
	r, err = scenarios.Play(ctx, s, scenarios.Stand{Cluster: w, Backend: "virtual", Seed: seed, Slack: s.Links.Slack(), Bare: true})
	return r, 0, errors.Join(err, w.Close())
}

func tell(r *reports.Report) line {
	l := line{Seed: r.Seed, Validity: r.Validity, Reason: r.Reason, Took: r.Took, Promises: map[string]outcome{}}
	for _, p := range r.Promises {
		o := outcome{Validity: p.Validity, Events: p.Events, Count: p.Count}
		if len(p.Findings) > 0 {
			o.First = p.Findings[0].What
		}
		l.Promises[p.Name] = o
	}
	return l
}
