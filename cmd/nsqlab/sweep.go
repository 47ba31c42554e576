package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

type sweepCommand struct {
	Seeds     string        `help:"Play under the seeds from A to B. 1-1000, if not given; with --for as many as there is time for." placeholder:"A-B"`
	For       time.Duration `help:"End after so long, such as 10m: no seed begins then, and those at play are played to their end." placeholder:"TIME"`
	Workers   int           `help:"How many seeds are played at a time. As many as there are processors, if not given." placeholder:"N"`
	KeepGoing bool          `help:"Go on when a promise was violated. Without it no seed begins then."`
	Twice     bool          `help:"Play each seed twice: a run whose trace differs from the first one's counts as a violation."`
	Random    bool          `help:"Play scenarios that are made up, too, one for each seed: its nodes and their configuration, its load and its faults."`
	Set       []string      `help:"Give all brokers a flag of nsqd in place of the scenario's, such as durability=fsync; durability=os,fsync plays with each. Repeat for more." placeholder:"FLAG=VALUE,…" sep:"none"`
	Shard     string        `help:"Play the K-th of N shares of the seeds, of which each is every N-th seed; nsqlab merge joins the results." placeholder:"K/N"`
	Results   string        `help:"Write what nsqlab merge reads to this file." placeholder:"FILE"`
	Out       string        `help:"Where the reports and the histories of what failed go." default:"nsqlab-out" placeholder:"DIR"`
	Format    []string      `help:"The reports' formats: ${formats}. All, if not given." placeholder:"NAME"`
	Strict    bool          `help:"Count a loss that a fault permits as a violation."`
	Quiet     bool          `help:"Show no progress." short:"q"`

	Scenarios []string `arg:"" optional:"" help:"Scenario files, scenarios/*.yaml." placeholder:"FILE"`
}

// maxWorkers bounds the seeds at play.
const maxWorkers = 1024

// Help is what nsqlab sweep --help tells beside the flags.
func (c *sweepCommand) Help() string {
	return fmt.Sprintf(`It plays scenarios in virtual time, on all processors, a seed of each scenario after another: whenever it ends, all had their share.

  nsqlab sweep scenarios/*.yaml --seeds=1-10000 --for=10m           as much as ten minutes give, or the first violation
  nsqlab sweep --set=durability=os,fsync scenarios/*.yaml           each scenario on brokers of either kind
  nsqlab sweep --random --seeds=1-2000                              what nobody has thought of
  nsqlab sweep --twice --seeds=1-50 scenarios/*.yaml                does a seed repeat itself, to the byte?
  nsqlab sweep --shard=2/5 --results=2.jsonl scenarios/*.yaml       one of five machines; then nsqlab merge *.jsonl

--random makes up a scenario for each seed, most of which show something and some nothing: those that are unknown are counted and not kept,
and the exit code and the chance of a violation pass over them.

A seed that violated a promise is told at once, with the command that shows it again, and has a folder with its history and its
reports; so has one that is unknown. Of each scenario %d of the former and %d of the latter are kept. A panic is a violation, and its
stack is in the folder. The table at the end tells the chance of a violation: < is the exact one-sided bound when there was none,
else it is Clopper and Pearson's interval, both at 95 %%; neither is told of a scenario with runs that are unknown, nor of one at
whose first violation the sweep ended, since that decided how many were played.

Exit codes: 1 when a promise was violated, however the sweep ended; else 3 when it was interrupted or could not go on; else 2
when a run is unknown or a scenario was not played; else 0.

Below the table stands for each kind of fault how often it hit a node, and what that was in the middle of then (nsqlab help states); a
state in which no fault of the kind has hit a node is not tested.

--results is a file of lines of JSON: first what was asked, how it ended and how many lines follow, {"nsqlab_sweep": 1, …}; a {"row": …} for each scenario and its settings,
with its counts; a {"coverage": …} for each kind of fault; a {"failure": …} for each seed that failed and was kept. Durations are in nanoseconds.`, maxKept[0], maxKept[1])
}

// Run sweeps. Every file is read before anything starts.
func (c *sweepCommand) Run(env *environment) error {
	head, err := c.head()
	if err != nil {
		return err
	}
	formats, err := formatsNamed(c.Format)
	if err != nil {
		return err
	}
	if len(c.Scenarios) == 0 && !c.Random {
		return errors.New("want scenario files, or --random")
	}
	trials, err := choice{c.Scenarios, c.Random, c.Set, c.Strict}.read()
	if err != nil {
		return err
	}
	var results *os.File
	if c.Results != "" {
		if results, err = os.Create(c.Results); err != nil {
			return err
		}
	}
	s := &sweep{
		player: player{backend: virtualBackend, stage: virtual{}, out: c.Out, formats: formats},
		env:    env, result: result{head: head}, trials: trials, keepGoing: c.KeepGoing, workers: c.Workers, limit: c.For,
		view: newView(env.errs, c.Quiet),
	}
	if c.Strict {
		s.flags = []string{"--strict"}
	}
	if s.workers == 0 {
		s.workers = runtime.GOMAXPROCS(0)
	}
	err = s.run(env.ctx)
	s.writeTable(env.out)
	if results != nil {
		err = errors.Join(err, s.writeLines(results), results.Close())
	}
	return s.verdict(env, err)
}

// head reads what is asked for.
func (c *sweepCommand) head() (head, error) {
	h := head{Format: resultsFormat, Version: version(), Strict: c.Strict, Twice: c.Twice, seeds: span{1, 1000}, shard: shard{1, 1}}
	var err error
	switch {
	case c.For < 0:
		return h, fmt.Errorf("--for=%s: want a time, such as 10m", c.For)
	case c.Workers < 0 || c.Workers > maxWorkers:
		return h, fmt.Errorf("--workers=%d: want 1 to %d", c.Workers, maxWorkers)
	case c.Seeds != "":
		h.seeds, err = readSpan(c.Seeds)
	case c.For > 0:
		h.seeds = span{1, maxSeeds}
	}
	if err == nil && c.Shard != "" {
		h.shard, err = readShard(c.Shard)
	}
	if err != nil {
		return h, err
	}
	if h.shard.count(h.seeds) == 0 {
		err = fmt.Errorf("--shard=%s: the seeds %s leave it none", h.shard, h.seeds)
	}
	h.Seeds, h.Shard = h.seeds.String(), h.shard.String()
	return h, err
}
