package reports

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/reports/history"
)

func TestBiography(t *testing.T) {
	h, ops := readHistory(t, "no-loss-licensed")
	pause := history.Op{Time: ops[len(ops)-1].Time, Process: history.Nemesis, Type: history.Info, F: "pause", Node: "b1"}
	ops = slices.Insert(ops, len(ops)-1, pause) // which ends nothing
	f := promiseOf(t, judged(t, h, ops), "no-loss").Findings[1]
	var got []string
	for _, e := range f.Biography {
		got = append(got, fmt.Sprint(e.At, " ", e.Process, " ", e.What, " ", e.Broken))
	}
	want := []string{
		"22ms p1 publishes it to b1, orders []",
		"23ms p1 has it acknowledged by b1, orders []",
		"24ms c1 gets it from b1 (attempt 1), orders/billing []",
		"31ms nemesis has ended b1 by a kill []",
		"40ms nemesis has started again b1 []",
	}
	if f.Msg != "1-3" || !slices.Equal(got, want) {
		t.Errorf("the biography of %s is\n%s\nwant that of 1-3\n%s", f.Msg, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestBrokenInBiography has a biography tell the faults that were on.
func TestBrokenInBiography(t *testing.T) {
	h, ops := readHistory(t, "no-duplicates-overtaken")
	h.Expect = nil
	ops = slices.Insert(ops, len(ops)-1, ops[len(ops)-2]) // the refusal once more
	ops[len(ops)-2].F, ops[len(ops)-2].Type, ops[len(ops)-2].Conn = history.Deliver, history.OK, 3
	ops[len(ops)-2].Attempt = 3
	f := promiseOf(t, judged(t, h, ops), "no-duplicates").Findings[0]
	if got := f.Biography[0]; !slices.Equal(got.Broken, []string{"partition c1"}) {
		t.Errorf("it begins with %+v, want the partition of c1 to be on", got)
	}
	if got := f.Biography[len(f.Biography)-1]; len(got.Broken) != 0 {
		t.Errorf("it ends with %+v, want no fault to be on", got)
	}
}
