package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
)

// A player plays trials on one backend, and keeps what came of them in folders.
type player struct {
	backend string
	stage   stage
	out     string // the folder for all
	formats []reports.Format
	flags   []string // of nsqlab run, beside the backend, the seed and the trial's
}

const historyFile = "history.jsonl"

// folder is where the seeds of a trial have theirs.
func (p *player) folder(t *trial) string {
	return filepath.Join(p.out, fmt.Sprintf("%s-%s-seeds", t.name, p.backend))
}

// play makes a cluster, plays a trial on it once, with its history in a file of that name in dir, and judges it.
func (p *player) play(ctx context.Context, t *trial, seed uint64, dir, name string, progress func(scenarios.Progress)) (rep *reports.Report, err error) {
	s, err := t.scenario(seed)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	if t.madeUp {
		s.File = t.fileIn(dir)
		if err := os.WriteFile(s.File, []byte(s.Text()), 0o666); err != nil {
			return nil, err
		}
	}
	cluster, slack, err := p.stage.cluster(s, seed)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, errors.Join(err, cluster.Close())
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	stand := p.stand(t, seed)
	stand.Cluster, stand.Slack, stand.History, stand.Progress = cluster, slack, f, progress
	rep, err = scenarios.Play(ctx, s, stand)
	return rep, errors.Join(err, cluster.Close()) // not after a panic: what it has left may hold locks
}

// stand is where and how a trial is played, but for the cluster.
func (p *player) stand(t *trial, seed uint64) scenarios.Stand {
	at := scenarios.Stand{Backend: p.backend, Seed: seed, Flags: slices.Concat(p.flags, t.flags())}
	if p.backend != virtualBackend {
		at.Nonce = time.Now().UnixNano()
	}
	return at
}

// write writes a report in all formats.
func (p *player) write(dir string, rep *reports.Report) error {
	for _, f := range p.formats {
		if err := writeReport(filepath.Join(dir, "report"+f.Extension), f, rep); err != nil {
			return err
		}
	}
	return nil
}

// failed says of a run whether its seed is to be told: its promises did not hold, or that is not known.
func failed(v reports.Validity) bool { return v == reports.Invalid || v == reports.Unknown }

// failure tells of such a run.
func failure(title string, rep *reports.Report, dir string) string {
	return fmt.Sprintf("%s seed %d: %s: %s\n  reports and history in %s\n  again: %s\n%s", title, rep.Seed, rep.Validity, rep.Reason, dir, rep.Replay, lookInto(rep, dir, "  "))
}

// lookInto says how to look into a run that did not hold, on a line; nothing if it cannot be played again.
func lookInto(rep *reports.Report, dir, indent string) string {
	if rep.Backend != virtualBackend || rep.Validity == reports.Valid {
		return ""
	}
	return fmt.Sprintf("%slook into it: nsqlab replay %s\n", indent, dir)
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
