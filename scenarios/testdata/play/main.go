// Command play plays a scenario's file in the virtual world, once for each seed from A to B, and tells how its promises stood: a
// line of JSON a seed. Or it shrinks the scenario to the smallest that it finds in a time, and tells what came of it. It is what the planted bugs are built into.
//
//	play FILE A B
//	play FILE SEED shrink PROMISE TIME OUT
//	play FILE SEED shrink PROMISE TIME OUT FAULTS MESSAGES		until there are so few of them
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
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
	if len(args) != 3 && len(args) != 6 && len(args) != 8 {
		return fmt.Errorf("want FILE A B or FILE SEED shrink PROMISE TIME OUT, not %q", args)
	}
	first, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	s, err := scenarios.Load(args[0])
	if err != nil {
		return err
	}
	if len(args) >= 6 {
		s.Seed = first
		return shrink(s, args[3:], out)
	}
	last, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	for seed := first; seed <= last; seed++ {
		r, err := play(context.Background(), s, seed)
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
	Whole                              bool
}

// shrink shrinks a scenario, and writes what comes of it to a file: it is told the promise, the time, the file, and what is small enough.
func shrink(s *scenarios.Scenario, args []string, out io.Writer) error {
	limit, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	faults, messages := -1, -1
	if len(args) > 3 {
		if faults, err = strconv.Atoi(args[3]); err != nil {
			return err
		}
		if messages, err = strconv.Atoi(args[4]); err != nil {
			return err
		}
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r, err := scenarios.Shrink(ctx, s, scenarios.Shrinking{Play: against(args[0]), Compared: true, Promise: args[0], Progress: func(r scenarios.Shrunk) {
		if len(r.Scenario.Faults) <= faults && r.Scenario.Messages() <= messages {
			cancel()
		}
	}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[2], []byte(r.Scenario.Text()), 0o666); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(small{
		r.Scenario.Seed, len(r.Scenario.Faults), r.Scenario.Messages(), r.Scenario.Clients(), len(r.Scenario.Brokers), r.Runs, time.Since(begun), r.Whole,
	})
}

// plantVariable is the environment variable that says which bug is awake.
const plantVariable = "NSQLAB_PLANT"

// against has a run count only if it does not show the same without the bug.
func against(promise string) func(context.Context, *scenarios.Scenario, uint64) (*reports.Report, error) {
	bug := os.Getenv(plantVariable)
	return func(ctx context.Context, s *scenarios.Scenario, seed uint64) (*reports.Report, error) {
		r, err := play(ctx, s, seed)
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
		sound, err := play(ctx, again, seed)
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

// play plays a scenario. A broker that a bug has panic shows nothing.
func play(ctx context.Context, s *scenarios.Scenario, seed uint64) (r *reports.Report, err error) {
	defer func() {
		if why := recover(); why != nil {
			r, err = nil, fmt.Errorf("panic: %v", why)
		}
	}()
	w, err := sim.NewWorld(seed, s.Nodes(), s.Links)
	if err != nil {
		return nil, err
	}
	r, err = scenarios.Play(ctx, s, scenarios.Stand{Cluster: w, Backend: "virtual", Seed: seed, Slack: s.Links.Slack(), Bare: true})
	return r, errors.Join(err, w.Close())
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
