package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nsqlab/nsqlab/reports"
)

// writeTable tells a result: a row for each trial, and what all of them came to.
func (r *result) writeTable(w io.Writer) {
	head := []string{"SCENARIO", "SEEDS", "VALID", "LICENSED", "UNKNOWN", "VIOLATED", "LOST", "HOURS/HOUR", "CHANCE"}
	if r.Twice {
		head = append(head, "DIFFER")
	}
	cells := [][]string{head}
	for _, row := range r.rows {
		cells = append(cells, r.cells(row, row.Busy, r.chance(row)))
	}
	sum := r.total()
	if len(r.rows) > 1 {
		sum.Scenario = fmt.Sprintf("all %d", len(r.rows))
		cells = append(cells, r.cells(sum, r.Took, ""))
	}
	fmt.Fprintln(w, aligned(cells))
	r.writeCoverage(w)
	fmt.Fprintln(w, r.ending(sum))
	if sum.Trace != 0 {
		fmt.Fprintf(w, "trace %016x\n", sum.Trace)
	}
}

// writeCoverage tells what the faults of all runs met, and what they did not.
func (r *result) writeCoverage(w io.Writer) {
	for _, c := range r.coverage {
		times := fmt.Sprintf("%d times", c.Hits)
		if c.Hits > 0 {
			times += ": " + c.Met()
		}
		fmt.Fprintf(w, "%s, %s\n", c.Kind, times)
		if unmet := c.Unmet(); len(unmet) > 0 {
			fmt.Fprintf(w, "  not tested: %s\n", strings.Join(unmet, ", "))
		}
	}
	if len(r.coverage) > 0 {
		fmt.Fprintln(w)
	}
}

// cells are a row's; its hours an hour are those of so long a time.
func (r *result) cells(t *tally, took time.Duration, chance string) []string {
	line := []string{t.title(), fmt.Sprint(t.Runs)}
	for _, v := range reports.Validities {
		line = append(line, fmt.Sprint(t.Verdicts[v]))
	}
	line = append(line, fmt.Sprint(t.Lost), pace(t.Virtual, took), chance)
	if r.Twice {
		line = append(line, fmt.Sprint(t.Differ))
	}
	return line
}

// chance is a row's rate of violations, where it means something.
func (r *result) chance(t *tally) string {
	rate, ok := t.rate()
	switch {
	case t.Runs == 0:
		return "not played"
	case !ok:
		return "unknown"
	case r.Ended == endedViolation && rate.Violated > 0:
		return "violated"
	}
	return rate.Short()
}

// ending says how much was played, how fast, and why not all.
func (r *result) ending(sum *tally) string {
	why := map[string]string{
		endedTime: "its time was up", endedViolation: "a promise was violated", endedInterrupted: "it was interrupted", endedError: "it could not go on",
	}[r.Ended]
	if why != "" {
		why = ", then " + why
	}
	of := fmt.Sprintf(" of %d", sum.Planned)
	if r.Ended == endedTime {
		of = "" // as many as there was time for
	}
	return fmt.Sprintf("%d%s seeds in %v%s: %.1f virtual hours, %s an hour", sum.Runs, of, short(r.Took), why, sum.Virtual.Hours(), pace(sum.Virtual, r.Took))
}

// pace is how many hours of virtual time go by in an hour.
func pace(virtual, took time.Duration) string {
	if took <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", float64(virtual)/float64(took))
}

// short is a duration without what does not matter.
func short(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// aligned writes cells in columns, with no spaces at the ends of lines.
func aligned(cells [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range cells {
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	w.Flush()
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}
