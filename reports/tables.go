package reports

import (
	"strconv"
	"strings"
	"time"
)

// A table is a part of a report that the formats for people all show.
type table struct {
	Title   string
	Means   string // what its figures are, if the columns do not say it
	Columns []column
	Rows    [][]string
}

// A column is a table's; one of numbers stands to the right where a format can do that.
type column struct {
	Name   string
	Number bool
}

const nothing = "–" // what stands where there is no figure

// factTable is what was run.
func factTable(r *Report) table {
	t := table{Title: "Run", Columns: []column{{Name: "fact"}, {Name: "value"}}}
	for _, row := range [][]string{
		{"scenario", r.Scenario},
		{"shows", r.Shows},
		{"backend", r.Backend},
		{"seed", strconv.FormatUint(r.Seed, 10)},
		{"nodes", strings.Join(r.Nodes, ", ")},
		{"took", human(r.Took)},
		{"run", r.Run},
	} {
		if row[1] == "" {
			row[1] = nothing
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func promiseTable(r *Report) table {
	t := table{Title: "Promises", Columns: []column{{Name: "promise"}, {Name: "verdict"}, {Name: "events", Number: true}, {Name: "summary"}}}
	for _, p := range r.Promises {
		t.Rows = append(t.Rows, []string{p.Name, word(p.Validity), grouped(p.Events), gist(p)})
	}
	return t
}

// gist is a promise's summary, or that it had nothing to judge.
func gist(p Promise) string {
	if p.Summary == "" && p.Events == 0 {
		return "nothing to judge"
	}
	return p.Summary
}

func countTable(r *Report) table {
	t := table{Title: "Counts", Columns: []column{{Name: "count"}, {Name: "number", Number: true}, {Name: "meaning"}}}
	c := r.Counts
	for _, row := range []struct {
		name  string
		n     int
		means string
	}{
		{"published", c.Published, "attempts to publish a message"},
		{"acknowledged", c.Acknowledged, "answered with OK"},
		{"failed", c.Failed, "certainly not published"},
		{"uncertain", c.Uncertain, "no answer: published or not"},
		{"recovered", c.Recovered, "uncertain, but delivered"},
		{"delivered", c.Delivered, "deliveries, repeated ones included"},
		{"redelivered", c.Redelivered, "deliveries after the first of a message in a channel"},
		{"finished", c.Finished, "FINs sent"},
		{"lost", c.Lost, "acknowledged, but never delivered, or not finished and never again, in a channel that it was owed to"},
		{"unjudged", c.Unjudged, "operations that no checker could place"},
	} {
		t.Rows = append(t.Rows, []string{row.name, grouped(row.n), row.means})
	}
	return t
}

func latencyTable(r *Report) table {
	t := table{
		Title: "Latencies",
		Means: "Measured from the time at which the schedule meant a message to be published.",
		Columns: []column{{Name: "latency"}, {Name: "count", Number: true}, {Name: "p50", Number: true}, {Name: "p90", Number: true},
			{Name: "p99", Number: true}, {Name: "p99.9", Number: true}, {Name: "max", Number: true}},
	}
	for _, l := range []struct {
		name string
		q    Quantiles
	}{{"to the OK", r.Ack}, {"to the first delivery", r.EndToEnd}} {
		row := []string{l.name, grouped(l.q.Count)}
		for _, d := range []time.Duration{l.q.P50, l.q.P90, l.q.P99, l.q.P999, l.q.Max} {
			if l.q.Count == 0 {
				row = append(row, nothing)
				continue
			}
			row = append(row, human(d))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func faultTable(r *Report) table {
	t := table{Title: "Faults", Columns: []column{{Name: "fault"}, {Name: "target"}, {Name: "from", Number: true}, {Name: "to", Number: true}, {Name: "note"}}}
	for _, b := range r.Faults {
		t.Rows = append(t.Rows, []string{b.Kind, b.Target, moment(b.From), moment(b.To), b.Note})
	}
	return t
}
