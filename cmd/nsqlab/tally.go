package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"time"

	"github.com/nsqlab/nsqlab/reports"
)

// A tally is what many seeds of one trial came to. It is the same in whichever order they come.
type tally struct {
	title   string
	runs    int
	counts  map[reports.Validity]int
	lost    int
	virtual time.Duration // that was played
	trace   uint64        // a sum of hashes of each seed and its trace
	traced  bool
}

func newTally(title string) *tally {
	return &tally{title: title, counts: map[reports.Validity]int{}}
}

func (t *tally) add(r *reports.Report) {
	t.runs++
	t.counts[r.Validity]++
	t.lost += r.Counts.Lost
	t.virtual += r.Took
	if r.Trace != "" {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %s", r.Seed, r.Trace)
		t.trace += h.Sum64()
		t.traced = true
	}
}

// rate is how many of those that could be judged violated a promise.
func (t *tally) rate() reports.Rate {
	return reports.Rate{Violated: t.counts[reports.Invalid], Runs: t.runs - t.counts[reports.Unknown]}
}

// write tells the sums and what they say of a run's chance to violate a promise. Runs that are unknown could have been violations, so
// where there are some no bound is told.
func (t *tally) write(w io.Writer) {
	fmt.Fprintf(w, "%s: %d seeds:", t.title, t.runs)
	for i, v := range reports.Validities {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, " %d %s", t.counts[v], v)
	}
	fmt.Fprintln(w)
	if t.lost > 0 {
		fmt.Fprintf(w, "acknowledged messages lost: %d\n", t.lost)
	}
	if t.counts[reports.Unknown] == 0 {
		fmt.Fprintln(w, t.rate())
	}
	if t.traced {
		fmt.Fprintf(w, "trace %016x\n", t.trace)
	}
}
