package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"

	"github.com/nsqlab/nsqlab/cmd/nsqlab/replay"
	"github.com/nsqlab/nsqlab/reports"
)

type replayCommand struct {
	Seed   *uint64  `help:"Of a scenario file: what decides everything that is drawn (1). A history has its own." placeholder:"N"`
	Until  string   `help:"Stop behind a time, 3.2s, or behind a line of the history, 1234." placeholder:"PLACE"`
	At     []string `help:"Look there, at what --show names; --ops, --step and --links begin there. Repeat for more." placeholder:"PLACE"`
	Show   []string `help:"What to look at: b1, orders, orders/billing or b1:orders/billing. Without --at where the run stops. Repeat for more." placeholder:"WHAT"`
	Ops    bool     `help:"Tell each operation of the history."`
	Links  bool     `help:"Tell each chunk of bytes that arrives anywhere, with the commands and frames in it."`
	Step   bool     `help:"Tell each operation, and wait for Enter; ? tells what else can be typed. Without a terminal it does not wait."`
	Grep   []string `help:"Tell only what has this text in it. Repeat for more, of which one suffices." placeholder:"TEXT" sep:"none"`
	Msg    []string `help:"Tell only what is about this message, 3-17. Repeat for more." placeholder:"MESSAGE"`
	Twice  bool     `help:"Play two worlds in lock-step, and show the first event in which they differ, if any."`
	Strict bool     `help:"Count a loss that a fault permits as a violation."`
	Quiet  bool     `help:"Show no progress." short:"q"`

	File string `arg:"" help:"A history, history.jsonl, or the folder that holds it; or a scenario." placeholder:"FILE"`
}

// Help is what nsqlab replay --help tells beside the flags.
func (c *replayCommand) Help() string {
	return `It plays a run again in virtual time: from its history alone, which has the scenario and the seed in it, or from a scenario file.
A history is compared with what happens, operation by operation, and if the run does not repeat, it shows the first that differs.
Looking changes nothing: the trace stays the same.

  nsqlab replay nsqlab-out/kill-virtual-1                      does it repeat? And the verdict
  nsqlab replay --seed=7 scenarios/kill.yaml                   the same of a scenario
  nsqlab replay RUN --at=2.4s --at=3s --show=orders/billing    the state of a channel, before a fault and during it
  nsqlab replay RUN --until=1234 --show=b1                     the state of a node when line 1234 of the history was written
  nsqlab replay RUN --msg=1-17 --links                         the life of a message, down to the bytes on the links
  nsqlab replay RUN --ops --at=2.4s --until=2.6s --grep=b1     what happened around b1 in that time
  nsqlab replay RUN --step --at=2.4s                           the same one by one, with a look wherever you like
  nsqlab replay --twice RUN                                    does this code repeat itself? Else the first event that differs

A PLACE is a time since the run began, or a line of the history's file. A look, and a stop, are behind all that happens there; what is
told begins with it. What --ops tells has its line and its time in front. A message is its producer's number and its own, 3-17. Of a state, what the nodes say stands first,
then what the clients have and await, as far as the history knows.

Exit codes: those of the verdict; 2 also if the run does not repeat; 0 if it was stopped before its end.`
}

// Run plays the run again.
func (c *replayCommand) Run(env *environment) error {
	src, err := replay.Open(c.File, replay.Choice{Seed: c.Seed, Strict: c.Strict})
	if err != nil {
		return err
	}
	config, err := c.config(env, src)
	if err != nil {
		return err
	}
	if src.Note != "" {
		fmt.Fprintln(env.errs, src.Note)
	}
	if c.Twice {
		differs, err := replay.Twice(env.ctx, src, env.out)
		if differs {
			env.status = exitUnknown
		}
		return err
	}
	p := newProgress(env.errs, fmt.Sprintf("%s seed %d", src.Scenario.Name, src.Seed), c.Quiet || config.Ops || config.Links)
	defer p.end()
	config.Progress = p.show
	res, err := replay.Play(env.ctx, src, config)
	switch {
	case err != nil:
		return err
	case res.Differs:
		p.end()
		env.status = exitUnknown
		return replay.Explain(env.ctx, src, env.out)
	case res.Report != nil:
		p.end()
		env.judge(res.Report.Validity)
		return reports.Text.Write(env.out, res.Report)
	}
	return nil
}

// config reads what is to be seen.
func (c *replayCommand) config(env *environment, src *replay.Source) (config replay.Config, err error) {
	config = replay.Config{Out: env.out, Ops: c.Ops || c.Step, Links: c.Links, Step: c.Step}
	if c.Step {
		config.In = person(env.in)
	}
	filtered := len(c.Grep)+len(c.Msg) > 0
	config.Ops = config.Ops || filtered
	switch {
	case c.Twice && (c.Until != "" || len(c.At)+len(c.Show) > 0 || config.Ops || c.Links):
		return config, errors.New("--twice: it plays to the end and tells of a difference alone; want no other flag of what to see")
	case len(c.At) > 0 && len(c.Show) == 0 && !config.Ops && !c.Links:
		return config, errors.New("--at: to see what? Want --show, --ops, --step or --links too")
	}
	if c.Until != "" {
		m, err := replay.ParseMark(c.Until)
		if err != nil {
			return config, fmt.Errorf("--until: %w", err)
		}
		config.Until = &m
	}
	if config.At, err = all("--at", c.At, replay.ParseMark); err != nil {
		return config, err
	}
	show := func(s string) (replay.Target, error) { return replay.ParseTarget(s, src.Scenario) }
	if config.Show, err = all("--show", c.Show, show); err != nil {
		return config, err
	}
	config.Only.Texts = c.Grep
	config.Only.Msgs, err = all("--msg", c.Msg, replay.ParseMsg)
	return config, err
}

// all reads the values of a flag that may be repeated.
func all[T any](flag string, values []string, read func(string) (T, error)) (list []T, err error) {
	for _, v := range values {
		one, err := read(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		list = append(list, one)
	}
	return list, nil
}

// person is who can be asked; nil if there is no terminal.
func person(in io.Reader) io.Reader {
	if f, ok := in.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return in
	}
	return nil
}
