// Package replay plays a run again, in virtual time: the same operations, to be compared, stopped, looked into and read one by one.
//
//	src, err := replay.Open("nsqlab-out/kill-virtual-1", replay.Choice{})
//	res, err := replay.Play(ctx, src, replay.Config{Out: os.Stdout})
//
// Its law: whatever is shown, the run is the same. It looks by sim.World's Watch and Look alone, and by events of its own that touch
// nothing.
package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// virtual is the backend whose runs repeat.
const virtual = "virtual"

// historyName is what a run's history is called in its folder.
const historyName = "history.jsonl"

// A Source is a run that can be played again.
type Source struct {
	Scenario *scenarios.Scenario
	Seed     uint64
	History  string // the file of what happened, to compare with; empty: there is none
	Note     string // what one should know of it, if anything
	run      uint64 // stands in every message
}

// A Choice is what is said of a run beside its file.
type Choice struct {
	Seed   *uint64 // of a scenario (its own, 1 if it says none); a history has its own
	Strict bool    // a loss that a fault permits counts as a violation
}

// Open reads what is to be played: a history, the folder that holds one, or a scenario.
func Open(path string, c Choice) (*Source, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, historyName)
	}
	is, err := isHistory(path)
	if err != nil {
		return nil, err
	}
	var src *Source
	if is {
		src, err = openHistory(path, c)
	} else {
		src, err = openScenario(path, c)
	}
	if err != nil {
		return nil, err
	}
	src.Scenario.Strict = src.Scenario.Strict || c.Strict
	return src, nil
}

// isHistory says whether a file is a history and no scenario.
func isHistory(path string) (is bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	const begin = `{"nsqlab_history":`
	head, err := bufio.NewReader(f).Peek(len(begin))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return string(head) == begin || filepath.Ext(path) == filepath.Ext(historyName), nil
}

func openScenario(path string, c Choice) (*Source, error) {
	s, err := scenarios.Load(path)
	if err != nil {
		return nil, err
	}
	src := &Source{Scenario: s, Seed: s.Seed}
	if c.Seed != nil {
		src.Seed = *c.Seed
	}
	src.run = scenarios.RunNumber(src.Seed, 0)
	return src, nil
}

func openHistory(path string, c Choice) (*Source, error) {
	head, err := header(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case head.Backend != virtual:
		return nil, fmt.Errorf("%s: it was played on the backend %s, where time is real and nothing repeats; to play its scenario in virtual time: nsqlab replay --seed=%d %s",
			path, head.Backend, head.Seed, head.Scenario)
	case head.Source == "":
		return nil, fmt.Errorf("%s: the history has no scenario in it; to play that again: nsqlab replay --seed=%d %s", path, head.Seed, head.Scenario)
	case c.Seed != nil:
		return nil, fmt.Errorf("--seed: %s is a history and has its seed, %d", path, head.Seed)
	}
	run, err := strconv.ParseUint(head.Run, 16, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: its run %q is not a number in hex", path, head.Run)
	}
	s, err := scenarios.Parse(head.Scenario, []byte(head.Source))
	if err != nil {
		return nil, fmt.Errorf("%s: the scenario in it cannot be played any more: %w", path, err)
	}
	s.Strict = head.Strict
	return &Source{Scenario: s, Seed: head.Seed, History: path, Note: changed(head), run: run}, nil
}

// header reads a history's first line.
func header(path string) (head history.Header, err error) {
	f, err := os.Open(path)
	if err != nil {
		return head, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head, _, err = history.Read(f)
	return head, err
}

// changed says that a scenario's file is not what was played, if it is there and is not.
func changed(head history.Header) string {
	s, err := scenarios.Load(head.Scenario)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Sprintf("%s is not here; what is played is the scenario as the history has it", head.Scenario)
	}
	if err == nil {
		s.Strict = head.Strict // which may have been asked for by a flag
		if s.Text() == head.Source {
			return ""
		}
	}
	return fmt.Sprintf("%s has changed since; what is played is the scenario as it was then, from the history", head.Scenario)
}

// NewWorld makes the world that a scenario is played in under a seed, and gives how far its times may be off without a fault.
func NewWorld(s *scenarios.Scenario, seed uint64) (w *sim.World, slack time.Duration, err error) {
	w, err = sim.NewWorld(seed, s.Nodes(), s.Links)
	return w, s.Links.Slack(), err
}

// stored opens the operations of the history.
func (s *Source) stored() (ops iter.Seq2[history.Op, error], shut func() error, err error) {
	f, err := os.Open(s.History)
	if err != nil {
		return nil, nil, err
	}
	_, ops, err = history.Read(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return ops, f.Close, nil
}
