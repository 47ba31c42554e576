package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"math"

	"github.com/nsqlab/nsqlab/reports"
)

// A tally is what many seeds of one scenario came to.
type tally struct {
	file   string
	runs   int
	counts map[reports.Validity]int
	lost   int
	trace  uint64
	traced bool
}

func newTally(file string) *tally {
	return &tally{file: file, counts: map[reports.Validity]int{}}
}

func (t *tally) add(r *reports.Report) {
	t.runs++
	t.counts[r.Validity]++
	t.lost += r.Counts.Lost
	h := fnv.New64a()
	fmt.Fprintf(h, "%016x %s", t.trace, r.Trace)
	t.trace = h.Sum64()
	t.traced = t.traced || r.Trace != ""
}

// confidence of the bound that is told when no run violated anything.
const confidence = 0.95

// write tells the sums and, where nothing was violated, the exact one-sided bound of a run's chance to do so: 1 - α^(1/N).
func (t *tally) write(w io.Writer) {
	fmt.Fprintf(w, "%s: %d seeds:", t.file, t.runs)
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
	if t.counts[reports.Invalid] == 0 && t.counts[reports.Unknown] == 0 {
		bound := 1 - math.Pow(1-confidence, 1/float64(t.runs))
		fmt.Fprintf(w, "with this scenario's faults, under %.2g %% of runs violate a promise (%.0f %% confidence, one-sided)\n", 100*bound, 100*confidence)
	}
	if t.traced {
		fmt.Fprintf(w, "trace %016x\n", t.trace)
	}
}
