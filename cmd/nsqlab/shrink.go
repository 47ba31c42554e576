package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/cmd/nsqlab/replay"
	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
)

type shrinkCommand struct {
	Seed    *uint64       `help:"Of a scenario file: the seed under which it fails; its own, if not given, which is 1 if it says none. A history has its own." placeholder:"N"`
	For     time.Duration `help:"Stop after so long, with the smallest so far; a minute, if not given." default:"60s" placeholder:"TIME"`
	Promise string        `help:"The promise to show broken. The one that stands worst, if not given." placeholder:"NAME"`
	Strict  bool          `help:"Count a loss that a fault permits as a violation."`
	Out     string        `help:"Where the small scenario goes, in a folder with a test that plays it; nsqlab-out/shrunk, if not given." default:"nsqlab-out/shrunk" placeholder:"DIR"`
	Corpus  bool          `help:"Put the small scenario into scenarios/corpus instead, without a test of its own: nsqlab's suite always plays what is there."`
	Name    string        `help:"What the small scenario is called. The scenario and the promise, if not given." placeholder:"NAME"`
	Quiet   bool          `help:"Show no progress." short:"q"`

	File string `arg:"" help:"A history, history.jsonl, or the folder that holds it; or a scenario." placeholder:"FILE"`
}

// Help is what nsqlab shrink --help tells beside the flags.
func (c *shrinkCommand) Help() string {
	return `It plays the run again, takes the promise that stands worst, and looks for the smallest scenario that breaks the same promise in the same way:
with fewer faults, load lines, messages, clients, nodes, settings, and shorter, rounder times. Each candidate is played in virtual time under the seed of
the failure and some more, for a smaller scenario draws other things; a change that leaves somebody idle, or a fault without effect, does not count.
The same failure gives the same result, if there is time enough. ^C ends it with the smallest so far.

  nsqlab shrink nsqlab-out/kill-virtual-seeds/7          a failure that a run or a sweep has left
  nsqlab shrink --seed=7 scenarios/kill.yaml             the same by its scenario and its seed
  nsqlab shrink --strict --seed=1 scenarios/kill.yaml    also a loss that a fault permits can be made small
  nsqlab shrink --corpus --name=lost-fin RUN             keep it: the suite plays it from now on

It writes a folder, nsqlab-out/shrunk/<name>, with <name>.yaml, a scenario that has the seed in it and says what it shows, and <name>_test.go, a test
that plays it with Ginkgo and fails as long as the scenario does. To keep both, copy the folder, whole, into a module that requires
github.com/nsqlab/nsqlab, and say go test there. Go on with: nsqlab run, nsqlab replay or nsqlab ablate <name>.yaml.

Exit codes: 1 a small scenario was written; 0 every promise held, so there is nothing to shrink; 3 could not run.`
}

// Run shrinks a run.
func (c *shrinkCommand) Run(env *environment) error {
	src, err := replay.Open(c.File, replay.Choice{Seed: c.Seed, Strict: c.Strict})
	if err != nil {
		return err
	}
	if c.Promise != "" {
		if err := knownPromise(c.Promise); err != nil {
			return err
		}
	}
	s := src.Scenario
	s.Seed = src.Seed
	lab := &laboratory{}
	p := newProgress(env.errs, "shrinking "+s.Name, c.Quiet)
	ctx, cancel := context.WithTimeout(env.ctx, c.For)
	defer cancel()
	began := time.Now()
	res, err := scenarios.Shrink(ctx, s, scenarios.Shrinking{
		Play: lab.play, Search: lab.search, Promise: c.Promise,
		Progress: func(r scenarios.Shrunk) { p.tell(sizes(r.Scenario) + fmt.Sprintf(", %d runs", r.Runs)) },
	})
	p.end()
	switch {
	case errors.Is(err, scenarios.ErrHolds):
		fmt.Fprintf(env.out, "%s, seed %d: %v: there is nothing to shrink\n", s.File, src.Seed, err)
		return nil
	case err != nil:
		return err
	}
	env.status = exitViolated
	fmt.Fprintf(env.out, "%s\n  such as: %s\nfrom %s\nto   %s, in %d runs and %s\n",
		res.Anomaly, res.Finding, sizes(s.Drawn(src.Seed)), sizes(res.Scenario), res.Runs, time.Since(began).Round(100*time.Millisecond))
	if !res.Whole {
		fmt.Fprintln(env.out, "there was no time to look for a smaller one; more: --for=10m")
	}
	return c.write(env, s, res)
}

// fileName is what a small scenario may be called, for a test is named after it.
var fileName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]*$`)

// write writes the small scenario, and the test that plays it.
func (c *shrinkCommand) write(env *environment, from *scenarios.Scenario, res *scenarios.Shrunk) error {
	name := c.Name
	if name == "" {
		name = strings.ReplaceAll(from.Name+"-"+res.Anomaly.Promise, ".", "-")
	}
	if !fileName.MatchString(name) {
		return fmt.Errorf("--name=%s: want a name for a file, of letters, digits, _ and -", name)
	}
	res.Scenario.Description = fmt.Sprintf("%s was found %s in %s: %s", res.Anomaly.Promise, res.Anomaly.Validity, from.Name, oneLine(res.Finding))
	text := fmt.Sprintf("# Shrunk from %s, seed %d. Under its own seed it showed:\n# %s\n%s", filepath.Base(from.File), from.Seed, oneLine(res.Finding), res.Scenario.Text())
	dir := filepath.Join(c.Out, name)
	if c.Corpus {
		dir = filepath.Join("scenarios", "corpus")
		if _, err := os.Stat("scenarios"); err != nil {
			return fmt.Errorf("--corpus: want to be in the folder that holds scenarios/: %w", err)
		}
	}
	file := filepath.Join(dir, name+".yaml")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if c.Corpus {
		text = "# yaml-language-server: $schema=../schema.json\n" + text
	} else if err := os.WriteFile(filepath.Join(dir, testName(name)), []byte(spec(name, res)), 0o666); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		return err
	}
	fmt.Fprintf(env.out, "again: nsqlab run %s\n", file)
	if !c.Corpus {
		fmt.Fprintf(env.out, "as a test: %s, for a module that requires github.com/nsqlab/nsqlab\n", filepath.Join(dir, testName(name)))
	}
	return nil
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") }

// sizes is how large a scenario is, in words.
func sizes(s *scenarios.Scenario) string {
	return fmt.Sprintf("faults %d, messages %d, clients %d, nodes %d", len(s.Faults), s.Messages(), s.Clients(), len(s.Nodes()))
}

func knownPromise(name string) error {
	for _, c := range reports.Checkers {
		if c.Name == name {
			return nil
		}
	}
	return fmt.Errorf("--promise: no promise is called %q; see nsqlab help checkers", name)
}
