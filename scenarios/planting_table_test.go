package scenarios_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// A catch is what finding a bug took, and how small the scenario is that shows it.
type catch struct {
	Seeds                                    uint64
	Virtual                                  time.Duration // played until then
	Finding                                  string
	Faults, Messages, Clients, Brokers, Runs int
	Took                                     time.Duration // to shrink it, by the clock on the wall
	Small                                    time.Duration // of it, until it was as small as it is to be; 0: it never was
	Work                                     uint64        // see testdata/play
	Whole                                    bool          // nothing smaller was found, and not: there was no time
	Seed                                     uint64
	Shrunk                                   string // the file
}

// small says whether the scenario became as small as it is to be, within a minute.
func (c *catch) small() bool {
	return c != nil && 0 < c.Small && c.Small < time.Minute
}

// tabulate tells of each bug how it was found and how small the scenario is that shows it, and wants most of them to be small: nine of ten, if the
// flag -shrink gives it time.
func tabulate(t *testing.T, bugs []plant, caught []*catch) {
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "bug\tcaught by\tseeds\tvirtual\tfaults\tmessages\tclients\tbrokers\tsmall in\tof\truns\twork\tfinding")
	for i, bug := range bugs {
		c := caught[i]
		if c == nil {
			fmt.Fprintf(w, "%s\t%s\tnot found\n", bug.name, bug.promise)
			continue
		}
		took, small := fmt.Sprintf("%.1fs", c.Took.Seconds()), "-"
		if !c.Whole {
			took += "+"
		}
		if c.small() {
			small = fmt.Sprintf("%.1fs", c.Small.Seconds())
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%v\t%d\t%d\t%d\t%d\t%s\t%s\t%d\t%d\t%s\n", bug.name, bug.promise, c.Seeds, c.Virtual.Round(100*time.Millisecond),
			c.Faults, c.Messages, c.Clients, c.Brokers, small, took, c.Runs, c.Work, c.Finding)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	said, small := summary(bugs, caught)
	t.Logf("the plants:\n%s\n%s", &table, said)
	want := 0.8 // it may not work much
	if *shrinkFor > 0 {
		want = 0.9
	}
	if float64(small) < want*float64(len(bugs)) {
		t.Errorf("%d of %d plants are small, want %g of them", small, len(bugs), want)
	}
}

// summary says in words what came of all, and how many are small.
func summary(bugs []plant, caught []*catch) (text string, small int) {
	found := 0
	var slowest, largest []string
	order := make([]int, 0, len(bugs))
	for i, c := range caught {
		if c == nil {
			continue
		}
		found++
		if c.small() {
			small++
			order = append(order, i)
		} else {
			largest = append(largest, fmt.Sprintf("%s (%d faults, %d messages)", bugs[i].name, c.Faults, c.Messages))
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(caught[b].Small, caught[a].Small) })
	for _, i := range order[:min(len(order), 5)] {
		slowest = append(slowest, fmt.Sprintf("%s (%.1fs)", bugs[i].name, caught[i].Small.Seconds()))
	}
	all := "all"
	if found < len(bugs) {
		all = fmt.Sprintf("%d of %d", found, len(bugs))
	}
	return fmt.Sprintf("%d plants: %s caught, %d of %d small (at most %d faults and %d messages)\nslowest to be small: %s\nnot small: %s",
		len(bugs), all, small, len(bugs), mostFaults, mostMessages, orNone(slowest), orNone(largest)), small
}

func orNone(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
