package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
)

type runCommand struct {
	Backend string   `help:"Where to play: ${backends}." default:"virtual" placeholder:"NAME"`
	Seed    *uint64  `help:"What decides everything that is drawn; the scenario's own seed, if not given, which is 1 if it says none." placeholder:"N"`
	Seeds   string   `help:"Play under every seed from A to B." placeholder:"A-B"`
	Set     []string `help:"Give all brokers a flag of nsqd in place of the scenario's, such as durability=fsync; durability=os,fsync plays with each. Repeat for more." placeholder:"FLAG=VALUE,…" sep:"none"`
	Pace    string   `help:"Let virtual time go at most so many times as fast as time, such as 10x, to watch." placeholder:"Nx"`
	Out     string   `help:"Where the reports and the histories go." default:"nsqlab-out" placeholder:"DIR"`
	Format  []string `help:"The reports' formats: ${formats}. All, if not given." placeholder:"NAME"`
	Strict  bool     `help:"Count a loss that a fault permits as a violation."`
	Nsqd    string   `help:"The nsqd binary that processes and containers run. Ours, if not given." placeholder:"PATH"`
	Quiet   bool     `help:"Show no progress." short:"q"`

	Scenarios []string `arg:"" help:"Scenario files, scenarios/*.yaml." placeholder:"FILE"`
}

// Run plays each scenario under each seed. Every file is read before anything starts.
func (c *runCommand) Run(env *environment) error {
	seeds, err := c.seeds()
	if err != nil {
		return err
	}
	formats, err := formatsNamed(c.Format)
	if err != nil {
		return err
	}
	all, err := choice{files: c.Scenarios, settings: c.Set, strict: c.Strict}.read()
	if err != nil {
		return err
	}
	b, err := findBackend(c.Backend)
	if err != nil {
		return err
	}
	if c.Nsqd != "" && !b.runsNsqd {
		return fmt.Errorf("--nsqd: the backend %s runs no nsqd program; want --backend=process or container", c.Backend)
	}
	pace, err := c.pace()
	if err != nil {
		return err
	}
	if c.Backend != virtualBackend && !c.Quiet {
		fmt.Fprintf(env.errs, "preparing %s nodes\n", c.Backend) // which may build nsqd first
	}
	stage, err := b.open(c.Nsqd)
	if err != nil {
		return err
	}
	r := &runner{
		player: player{backend: c.Backend, stage: stage, out: c.Out, formats: formats, flags: c.flags()},
		env:    env, quiet: c.Quiet, pace: pace,
	}
	for _, t := range all {
		if c.Seed == nil && c.Seeds == "" {
			seeds = span{t.seed, t.seed}
		}
		if seeds.first == seeds.last {
			err = r.one(t, seeds.first)
		} else {
			err = r.many(t, seeds)
		}
		if err != nil {
			break
		}
	}
	return errors.Join(err, stage.close())
}

// seeds reads which seeds to play.
func (c *runCommand) seeds() (span, error) {
	switch {
	case c.Seeds != "" && c.Seed != nil:
		return span{}, errors.New("--seed and --seeds: want one of them")
	case c.Seed != nil:
		return span{*c.Seed, *c.Seed}, nil
	case c.Seeds == "":
		return span{1, 1}, nil
	}
	return readSpan(c.Seeds)
}

// pace reads how fast virtual time may go: 0 is as fast as can be.
func (c *runCommand) pace() (float64, error) {
	if c.Pace == "" {
		return 0, nil
	}
	if c.Backend != virtualBackend {
		return 0, fmt.Errorf("--pace: the backend %s lives in real time; want --backend=%s", c.Backend, virtualBackend)
	}
	return readPace(c.Pace)
}

// flags are those that make a run what it is, beside its backend, its seed and its settings.
func (c *runCommand) flags() []string {
	var all []string
	if c.Strict {
		all = append(all, "--strict")
	}
	if c.Nsqd != "" {
		all = append(all, "--nsqd="+c.Nsqd)
	}
	return all
}

// A runner plays what one command line asks for, one after another.
type runner struct {
	player
	env   *environment
	quiet bool
	pace  float64
}

// one plays a trial once, and writes all of it down.
func (r *runner) one(t *trial, seed uint64) error {
	dir := filepath.Join(r.out, fmt.Sprintf("%s-%s-%d", t.name, r.backend, seed))
	rep, err := r.watched(t, seed, dir)
	if err != nil {
		return err
	}
	r.env.judge(rep.Validity)
	if err := errors.Join(r.write(dir, rep), reports.Text.Write(r.env.out, rep)); err != nil {
		return err
	}
	fmt.Fprintf(r.env.errs, "reports and history in %s\n%s", dir, lookInto(rep, dir, ""))
	return nil
}

// many plays a trial under many seeds, keeps those that failed, and tells the sum.
func (r *runner) many(t *trial, seeds span) error {
	sum := newTally(t)
	for seed := seeds.first; ; seed++ {
		dir := filepath.Join(r.folder(t), fmt.Sprint(seed))
		rep, err := r.watched(t, seed, dir)
		if err != nil {
			if sum.Runs > 0 {
				sum.write(r.env.out)
			}
			return err
		}
		r.env.judge(rep.Validity)
		sum.add(rep)
		if failed(rep.Validity) {
			if err := r.write(dir, rep); err != nil {
				return err
			}
			fmt.Fprint(r.env.out, failure(t.title(), rep, dir))
		} else if err := os.RemoveAll(dir); err != nil { // its seed is all that is needed
			return err
		}
		if seed == seeds.last {
			break
		}
	}
	sum.write(r.env.out)
	_ = os.Remove(r.folder(t)) // if nothing is in it: every seed held
	return nil
}

// watched plays a trial with its progress shown, at the pace that was asked for.
func (r *runner) watched(t *trial, seed uint64, dir string) (*reports.Report, error) {
	p := newProgress(r.env.errs, fmt.Sprintf("%s seed %d", t.name, seed), r.quiet)
	defer p.end()
	show := p.show
	if r.pace > 0 {
		brake := &pacer{pace: r.pace, began: time.Now()}
		show = func(s scenarios.Progress) {
			p.show(s)
			brake.wait(r.env.ctx, s.At)
		}
	}
	rep, err := r.play(r.env.ctx, t, seed, dir, historyFile, show)
	if err != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", t.title(), seed, err)
	}
	return rep, nil
}
