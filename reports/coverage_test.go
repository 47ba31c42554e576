package reports

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/reports/history"
)

// hits writes a coverage as "kill 2: syncing 1, idle 1; not backlog".
func hits(all []Coverage) string {
	var words []string
	for _, c := range all {
		words = append(words, c.Kind+" "+grouped(c.Hits)+": "+c.Met()+"; not "+strings.Join(c.Unmet(), " "))
	}
	return strings.Join(words, "\n")
}

// TestCoverage: a hit counts in the states that its node was in when it hit, and what hit nothing counts nowhere.
func TestCoverage(t *testing.T) {
	head := history.Header{Run: "1", Nodes: []string{"b1"}, States: []string{"syncing", "backlog", "before-ack", "idle"}}
	op := func(typ history.Type, kind, node, note string, states ...string) history.Op {
		return history.Op{Process: history.Nemesis, Type: typ, F: kind, Node: node, Note: note, States: states}
	}
	waiting := func(op history.Op) history.Op {
		op.Waits = true
		return op
	}
	ops := []history.Op{
		op(history.Invoke, "pause", "b1", "pause: b1", "idle"), op(history.Info, "pause", "b1", "pause: b1"),
		op(history.Invoke, "kill", "b1", "kill: b1", "backlog", "syncing"), op(history.Info, "kill", "b1", "kill: b1"), op(history.OK, "kill", "b1", "kill: b1"),
		op(history.Invoke, "kill", "b1", "kill: b1", "backlog"), op(history.Info, "kill", "b1", "kill: b1"), op(history.OK, "kill", "b1", "kill: b1"),
		op(history.Invoke, "kill", "b1", "kill: b1", "idle"), op(history.Fail, "kill", "b1", "kill: b1"),
		waiting(op(history.Invoke, "crash", "b1", "crash: b1")), op(history.Info, "crash", "b1", "crash: b1", "before-ack"), op(history.OK, "crash", "b1", "crash: b1"),
		op(history.Invoke, "delay", "", "delay: b1"), op(history.Info, "delay", "", "delay: b1"), op(history.OK, "delay", "", "delay: b1"),
		op(history.Invoke, "skew", "b1", "skew: b1", "unheard-of"), op(history.Info, "skew", "b1", "skew: b1"), op(history.OK, "skew", "b1", "skew: b1"),
	}
	report := func(head history.Header) *Report {
		j, err := NewJudge(head)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range ops {
			j.Observe(op)
		}
		r, err := j.Report(nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := report(head)
	const want = `crash 1: before-ack 1; not syncing backlog idle
kill 2: backlog 2, syncing 1; not before-ack idle
pause 1: idle 1; not syncing backlog before-ack
skew 1: unheard-of 1; not syncing backlog before-ack idle`
	if got := hits(r.Coverage); got != want {
		t.Errorf("it is\n%s\nwant\n%s", got, want)
	}
	var rows []string
	for _, row := range coverageMatrix(r).Rows {
		rows = append(rows, strings.Join(row, " "))
	}
	if !slices.Equal(rows, []string{"syncing 0 1 0 0", "backlog 0 2 0 0", "before-ack 1 0 0 0", "idle 0 0 1 0", "unheard-of 0 0 0 1"}) {
		t.Errorf("the matrix is %q", rows)
	}
	head.States = nil
	if c := report(head).Coverage; c != nil {
		t.Errorf("a cluster that sees no states has %+v", c)
	}
}

func TestTogether(t *testing.T) {
	a := []Coverage{{"kill", 2, []StateHits{{"syncing", 1}, {"idle", 0}}}}
	b := []Coverage{{"crash", 0, []StateHits{{"syncing", 0}, {"idle", 0}}}, {"kill", 3, []StateHits{{"syncing", 2}, {"idle", 0}, {"new", 1}}}}
	before := []StateHits{{"syncing", 1}, {"idle", 0}}
	const want = "crash 0: ; not syncing idle\nkill 5: syncing 3, new 1; not idle"
	if got := hits(Together(a, b)); got != want {
		t.Errorf("it is\n%s\nwant\n%s", got, want)
	}
	if got := hits(Together(b, a)); got != want {
		t.Errorf("the other way it is\n%s", got)
	}
	if !reflect.DeepEqual(a[0].States, before) {
		t.Errorf("one of them is changed: %+v", a)
	}
}
