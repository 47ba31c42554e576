package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/nsqlab/nsqlab/reports"
)

const (
	resultsFormat = 1
	maxResult     = 16 << 20 // bytes of a line
)

// How a sweep ended.
const (
	endedAll         = "all"         // every seed was played
	endedTime        = "time"        // its own was up
	endedViolation   = "violation"   // it was not to go on after one
	endedInterrupted = "interrupted" // by a signal
	endedError       = "error"       // a seed could not be played
)

// A head is the first line of a sweep's results: what was asked, and how it ended.
type head struct {
	Format  int           `json:"nsqlab_sweep"`
	Version string        `json:"version"` // of nsqlab; unknown, if it was built without
	Seeds   string        `json:"seeds"`
	Shard   string        `json:"shard"`
	Strict  bool          `json:"strict"`
	Twice   bool          `json:"twice"`
	Ended   string        `json:"ended"`
	Took    time.Duration `json:"took"`
	Lines   int           `json:"lines"` // that follow

	seeds span
	shard shard
}

// A failed seed, as results have it.
type failedSeed struct {
	Scenario string           `json:"scenario"`
	Set      []string         `json:"set,omitempty"`
	Seed     uint64           `json:"seed"`
	Validity reports.Validity `json:"validity"`
	Reason   string           `json:"reason"`
	Folder   string           `json:"folder"`
	Again    string           `json:"again"`
}

// A result is what a sweep came to.
type result struct {
	head
	rows     []*tally
	coverage []reports.Coverage // of all runs
	failures []failedSeed
}

// A resultLine is any line of a results file after its head.
type resultLine struct {
	Row      *tally            `json:"row,omitempty"`
	Coverage *reports.Coverage `json:"coverage,omitempty"`
	Failure  *failedSeed       `json:"failure,omitempty"`
}

// writeLines writes a result as lines of JSON.
func (r *result) writeLines(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	h := r.head
	h.Lines = len(r.rows) + len(r.coverage) + len(r.failures)
	err := e.Encode(h)
	for _, row := range r.rows {
		err = errors.Join(err, e.Encode(resultLine{Row: row}))
	}
	for i := range r.coverage {
		err = errors.Join(err, e.Encode(resultLine{Coverage: &r.coverage[i]}))
	}
	for i := range r.failures {
		err = errors.Join(err, e.Encode(resultLine{Failure: &r.failures[i]}))
	}
	return errors.Join(err, b.Flush())
}

// readResult reads what writeLines wrote.
func readResult(file string) (r *result, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxResult)
	r = &result{}
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &r.head) != nil || r.Format != resultsFormat {
		return nil, fmt.Errorf("%s:1: want the results of a sweep, {\"nsqlab_sweep\": %d, …}", file, resultsFormat)
	}
	if r.head.seeds, err = readSpan(r.Seeds); err == nil {
		r.head.shard, err = readShard(r.Shard)
	}
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w", file, err)
	}
	for n := 2; lines.Scan(); n++ {
		var line resultLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		switch {
		case line.Row != nil && line.Row.Verdicts != nil:
			r.rows = append(r.rows, line.Row)
		case line.Coverage != nil:
			r.coverage = append(r.coverage, *line.Coverage)
		case line.Failure != nil:
			r.failures = append(r.failures, *line.Failure)
		default:
			return nil, fmt.Errorf("%s:%d: want a row, a coverage or a failure", file, n)
		}
	}
	switch n := len(r.rows) + len(r.coverage) + len(r.failures); {
	case lines.Err() != nil:
		return nil, fmt.Errorf("%s:%d: %w", file, n+2, lines.Err())
	case n != r.Lines:
		return nil, fmt.Errorf("%s:1: %d lines follow, want %d: it is cut off, or was written to", file, n, r.Lines)
	case len(r.rows) == 0:
		return nil, fmt.Errorf("%s: there is no row: nothing was swept", file)
	}
	return r, nil
}

// total sums all rows up.
func (r *result) total() *tally {
	sum := &tally{Verdicts: map[reports.Validity]int{}}
	for _, row := range r.rows {
		sum.join(row)
	}
	return sum
}

// verdict takes a result into the exit code: a violation counts more than what went wrong beside it, and that more than what is unknown.
func (r *result) verdict(env *environment, err error) error {
	sum := r.total()
	if err == nil && r.Ended == endedInterrupted {
		err = errors.New("interrupted: what is above is what was played")
	}
	if sum.Verdicts[reports.Invalid] > 0 {
		env.judge(reports.Invalid)
		if err != nil {
			fmt.Fprintln(env.errs, "nsqlab:", err)
		}
		return nil
	}
	for _, row := range r.rows {
		if row.unsure() {
			env.judge(reports.Unknown)
		}
	}
	return err
}

// unversioned is what a version is called that is not known.
const unversioned = "unknown"

// version is nsqlab's, as its module or its repository has it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unversioned
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return unversioned
}
