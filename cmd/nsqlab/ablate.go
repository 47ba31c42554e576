package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/nsqlab/nsqlab/cmd/nsqlab/replay"
	"github.com/nsqlab/nsqlab/scenarios"
)

type ablateCommand struct {
	Seed    *uint64 `help:"Of a scenario file: the seed under which it fails; its own, if not given, which is 1 if it says none. A history has its own." placeholder:"N"`
	Seeds   int     `help:"Under how many seeds each variant is played: that of the failure, and more." default:"10" placeholder:"N"`
	Promise string  `help:"The promise to watch. The one that stands worst, if not given." placeholder:"NAME"`
	Strict  bool    `help:"Count a loss that a fault permits as a violation."`

	File string `arg:"" help:"A history, history.jsonl, or the folder that holds it; or a scenario." placeholder:"FILE"`
}

// Help is what nsqlab ablate --help tells beside the flags.
func (c *ablateCommand) Help() string {
	return `It plays the run again with each of its faults left out, with each alone, with all and with none, and tells in how many seeds the promise
was broken in the same way. A fault matters without which it holds; one suffices that breaks it alone. If nothing changes whatever is left out, the faults
are not what breaks it.

  nsqlab ablate --strict scenarios/kill.yaml
  nsqlab ablate nsqlab-out/partition-virtual-seeds/17

Exit codes: 1 a table was written; 0 every promise held, so there is nothing to ask; 3 could not run.`
}

const maxAblations = 10_000

// Run ablates a run.
func (c *ablateCommand) Run(env *environment) error {
	src, err := replay.Open(c.File, replay.Choice{Seed: c.Seed, Strict: c.Strict})
	if err != nil {
		return err
	}
	if c.Promise != "" {
		if err := knownPromise(c.Promise); err != nil {
			return err
		}
	}
	if c.Seeds < 1 || c.Seeds > maxAblations {
		return fmt.Errorf("--seeds=%d: want 1 to %d", c.Seeds, maxAblations)
	}
	s := src.Scenario
	s.Seed = src.Seed
	lab := laboratory{}
	res, err := scenarios.Ablate(env.ctx, s, scenarios.Shrinking{Play: lab.play, Search: lab.search, Promise: c.Promise}, c.Seeds)
	switch {
	case errors.Is(err, scenarios.ErrHolds):
		fmt.Fprintf(env.out, "%s, seed %d: %v\n", s.File, src.Seed, err)
		return nil
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case err != nil:
		return err
	}
	env.status = exitViolated
	return tellAblation(env, res)
}

// tellAblation writes the table.
func tellAblation(env *environment, res *scenarios.Ablation) error {
	fmt.Fprintf(env.out, "%s\n  such as: %s\n\n", res.Anomaly, res.Finding)
	w := tabwriter.NewWriter(env.out, 0, 8, 2, ' ', 0)
	fmt.Fprint(w, "fault\twithout it\talone\t\n")
	for _, f := range res.Faults {
		lasts := ""
		if f.Fault.For > 0 {
			lasts = fmt.Sprintf(" for %v", f.Fault.For)
		}
		fmt.Fprintf(w, "at %v, %s%s\t%s\t%s\t%s\n", f.Fault.At.Round(time.Millisecond), f.Fault.Words, lasts, broken(f.Without), broken(f.Alone), role(res, f))
	}
	fmt.Fprintf(w, "all of them\t\t%s\t\n", broken(res.All))
	fmt.Fprintf(w, "none of them\t\t%s\t\n", broken(res.None))
	return w.Flush()
}

// broken says in how many runs the promise was.
func broken(s scenarios.Shown) string {
	if s.In == 0 {
		return "held"
	}
	return "broken " + s.String()
}

// role says what a fault is to the failure.
func role(res *scenarios.Ablation, f scenarios.Ablated) string {
	switch {
	case f.Without.In == 0 && f.Alone.In > 0:
		return "this is it"
	case f.Without.In == 0:
		return "needed, with others"
	case f.Alone.In > res.None.In:
		return "enough, and so is another"
	case f.Without.In < res.All.In:
		return "helps"
	}
	return "does not matter"
}
