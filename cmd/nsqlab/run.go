package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

type runCommand struct {
	Backend string   `help:"Where to play: ${backends}." default:"virtual" placeholder:"NAME"`
	Seed    *uint64  `help:"What decides everything that is drawn (1)." placeholder:"N"`
	Seeds   string   `help:"Play under every seed from A to B." placeholder:"A-B"`
	Out     string   `help:"Where the reports and the histories go." default:"nsqlab-out" placeholder:"DIR"`
	Format  []string `help:"The reports' formats: ${formats}. All, if not given." placeholder:"NAME"`
	Strict  bool     `help:"Count a loss that a fault permits as a violation."`
	Nsqd    string   `help:"The nsqd binary that processes and containers run. Ours, if not given." placeholder:"PATH"`
	Quiet   bool     `help:"Show no progress." short:"q"`

	Scenarios []string `arg:"" help:"Scenario files, scenarios/*.yaml." placeholder:"FILE"`
}

// Run plays each scenario under each seed. Every file is read before anything starts.
func (c *runCommand) Run(env *environment) error {
	first, last, err := c.seeds()
	if err != nil {
		return err
	}
	formats, err := formatsNamed(c.Format)
	if err != nil {
		return err
	}
	var all []*scenarios.Scenario
	for _, file := range c.Scenarios {
		s, err := scenarios.Load(file)
		if err != nil {
			return err
		}
		s.Strict = s.Strict || c.Strict
		all = append(all, s)
	}
	b, err := findBackend(c.Backend)
	if err != nil {
		return err
	}
	if c.Nsqd != "" && !b.runsNsqd {
		return fmt.Errorf("--nsqd: the backend %s runs no nsqd program; want --backend=process or container", c.Backend)
	}
	if c.Backend != "virtual" && !c.Quiet {
		fmt.Fprintf(env.errs, "preparing %s nodes\n", c.Backend) // which may build nsqd first
	}
	stage, err := b.open(c.Nsqd)
	if err != nil {
		return err
	}
	r := &runner{command: c, env: env, stage: stage, formats: formats, many: first != last}
	for _, s := range all {
		if err = r.scenario(s, first, last); err != nil {
			break
		}
	}
	return errors.Join(err, stage.close())
}

// seeds reads which seeds to play.
func (c *runCommand) seeds() (first, last uint64, err error) {
	switch {
	case c.Seeds != "" && c.Seed != nil:
		return 0, 0, errors.New("--seed and --seeds: want one of them")
	case c.Seed != nil:
		return *c.Seed, *c.Seed, nil
	case c.Seeds == "":
		return 1, 1, nil
	}
	a, b, ok := strings.Cut(c.Seeds, "-")
	first, err1 := strconv.ParseUint(a, 10, 64)
	last, err2 := strconv.ParseUint(b, 10, 64)
	if !ok || err1 != nil || err2 != nil || last < first || last-first >= maxSeeds {
		return 0, 0, fmt.Errorf("--seeds=%s: want A-B, such as 1-200, of %d seeds at the most", c.Seeds, maxSeeds)
	}
	return first, last, nil
}

const maxSeeds = 1_000_000

// A runner plays what one command line asks for.
type runner struct {
	command *runCommand
	env     *environment
	stage   stage
	formats []reports.Format
	many    bool // seeds
}

// scenario plays one under its seeds, and tells the verdict.
func (r *runner) scenario(s *scenarios.Scenario, first, last uint64) error {
	tally := newTally(s.File)
	for seed := first; ; seed++ {
		rep, dir, err := r.play(s, seed, fmt.Sprintf("%s seed %d", s.Name, seed))
		if err != nil {
			if tally.runs > 0 {
				tally.write(r.env.out)
			}
			return fmt.Errorf("%s, seed %d: %w", s.File, seed, err)
		}
		r.env.judge(rep.Validity)
		tally.add(rep)
		if !r.many {
			if err := reports.Text.Write(r.env.out, rep); err != nil {
				return err
			}
			fmt.Fprintf(r.env.errs, "reports and history in %s\n%s", dir, r.look(rep, dir, ""))
		} else if rep.Validity == reports.Invalid || rep.Validity == reports.Unknown {
			fmt.Fprintf(r.env.out, "seed %d: %s: %s\n  reports and history in %s\n  again: %s\n%s", seed, rep.Validity, rep.Reason, dir, rep.Replay, r.look(rep, dir, "  "))
		} else if err := os.RemoveAll(dir); err != nil { // held: its seed is all that is needed
			return err
		}
		if seed == last {
			break
		}
	}
	if r.many {
		tally.write(r.env.out)
		_ = os.Remove(r.folder(s)) // if nothing is in it: every seed held
	}
	return nil
}

// look says how to look into a run that did not hold, on a line; nothing if it cannot be played again.
func (r *runner) look(rep *reports.Report, dir, indent string) string {
	if r.command.Backend != "virtual" || rep.Validity == reports.Valid {
		return ""
	}
	return fmt.Sprintf("%slook into it: nsqlab replay %s\n", indent, dir)
}

// folder is where the seeds of a scenario have theirs.
func (r *runner) folder(s *scenarios.Scenario) string {
	return filepath.Join(r.command.Out, fmt.Sprintf("%s-%s-seeds", s.Name, r.command.Backend))
}

// play makes a cluster, plays a scenario on it and writes what came of it to a folder.
func (r *runner) play(s *scenarios.Scenario, seed uint64, title string) (rep *reports.Report, dir string, err error) {
	dir = filepath.Join(r.command.Out, fmt.Sprintf("%s-%s-%d", s.Name, r.command.Backend, seed))
	if r.many {
		dir = filepath.Join(r.folder(s), fmt.Sprint(seed))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, dir, err
	}
	cluster, slack, err := r.stage.cluster(s, seed)
	if err != nil {
		return nil, dir, err
	}
	rep, err = r.record(s, cluster, seed, slack, filepath.Join(dir, "history.jsonl"), title)
	if err := errors.Join(err, cluster.Close()); err != nil {
		return nil, dir, err
	}
	for _, f := range r.formats {
		if err := writeReport(filepath.Join(dir, "report"+f.Extension), f, rep); err != nil {
			return nil, dir, err
		}
	}
	return rep, dir, nil
}

// record plays a scenario, with its history in a file.
func (r *runner) record(s *scenarios.Scenario, cluster sim.Cluster, seed uint64, slack time.Duration, file, title string) (rep *reports.Report, err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p := newProgress(r.env.errs, title, r.command.Quiet)
	defer p.end()
	stand := scenarios.Stand{
		Cluster: cluster, Backend: r.command.Backend, Seed: seed, Slack: slack, History: f, Progress: p.show, Flags: r.command.flags(),
	}
	if r.command.Backend != "virtual" {
		stand.Nonce = time.Now().UnixNano()
	}
	return scenarios.Play(r.env.ctx, s, stand)
}

// flags are those that make a run what it is, beside its backend and its seed.
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

func writeReport(file string, f reports.Format, rep *reports.Report) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return f.Write(out, rep)
}

// formatsNamed finds formats by their names; all, if there are none.
func formatsNamed(names []string) ([]reports.Format, error) {
	if len(names) == 0 {
		return slices.Clone(reports.Formats), nil
	}
	var all []reports.Format
	for _, n := range names {
		f, err := reports.FormatNamed(n)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func formatNames() string {
	var all []string
	for _, f := range reports.Formats {
		all = append(all, f.Name)
	}
	return strings.Join(all, ",")
}
