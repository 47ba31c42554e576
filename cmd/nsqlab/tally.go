package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports"
)

// A tally is what many seeds of one trial came to. It is the same in whichever order they come, and how results have it.
type tally struct {
	Scenario string                   `json:"scenario"`
	Set      []string                 `json:"set,omitempty"`
	Source   string                   `json:"source,omitempty"`  // a hash of what was played
	MadeUp   bool                     `json:"made_up,omitempty"` // each seed had a scenario of its own
	Planned  int                      `json:"planned"`
	Runs     int                      `json:"seeds"` // that were played
	Verdicts map[reports.Validity]int `json:"verdicts"`
	Differ   int                      `json:"differ,omitempty"` // of the invalid ones: played twice, they were two runs
	Lost     int                      `json:"lost"`             // acknowledged messages
	Virtual  time.Duration            `json:"virtual"`          // that was played
	Busy     time.Duration            `json:"busy"`             // what that took, on one processor
	Trace    uint64                   `json:"trace,string"`     // a sum of hashes, of each seed with its trace
}

func newTally(t *trial) *tally {
	return &tally{Scenario: t.file, Set: t.set, Source: t.source, MadeUp: t.madeUp, Verdicts: map[reports.Validity]int{}}
}

// title is what people call what was played.
func (t *tally) title() string { return strings.Join(append([]string{t.Scenario}, t.Set...), " ") }

// add takes in a seed's run.
func (t *tally) add(r *reports.Report) {
	t.Runs++
	t.Verdicts[r.Validity]++
	t.Lost += r.Counts.Lost
	t.Virtual += r.Took
	if r.Trace != "" {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %s", r.Seed, r.Trace)
		t.Trace += h.Sum64()
	}
}

// join takes in what other seeds came to.
func (t *tally) join(o *tally) {
	t.Planned += o.Planned
	t.Runs += o.Runs
	for _, v := range reports.Validities {
		t.Verdicts[v] += o.Verdicts[v]
	}
	t.Differ += o.Differ
	t.Lost += o.Lost
	t.Virtual += o.Virtual
	t.Busy += o.Busy
	t.Trace += o.Trace
}

// judged is how many runs have a verdict.
func (t *tally) judged() int { return t.Runs - t.Verdicts[reports.Unknown] }

// unsure says whether runs are unknown that should not be. Of scenarios that are made up many show nothing, but not all.
func (t *tally) unsure() bool {
	if t.MadeUp {
		return t.judged() == 0
	}
	return t.judged() < t.Runs || t.Runs == 0
}

// rate is how many of those that were judged violated a promise. It is not ok, and says nothing, if some are unknown that should not be: they
// could have been violations.
func (t *tally) rate() (r reports.Rate, ok bool) {
	return reports.Rate{Violated: t.Verdicts[reports.Invalid], Runs: t.judged()}, !t.unsure()
}

// write tells the sums and what they say of a run's chance to violate a promise.
func (t *tally) write(w io.Writer) {
	fmt.Fprintf(w, "%s: %d seeds:", t.title(), t.Runs)
	for i, v := range reports.Validities {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, " %d %s", t.Verdicts[v], v)
	}
	fmt.Fprintln(w)
	if t.Lost > 0 {
		fmt.Fprintf(w, "acknowledged messages lost: %d\n", t.Lost)
	}
	if r, ok := t.rate(); ok {
		fmt.Fprintln(w, r)
	}
	if t.Trace != 0 {
		fmt.Fprintf(w, "trace %016x\n", t.Trace)
	}
}
