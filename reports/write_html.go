package reports

import (
	"bytes"
	_ "embed" // for report.html
	"html/template"
	"io"
	"strings"
	"time"
)

// HTML is one page that needs nothing else: it has no script and fetches nothing, so it can be opened offline
// or kept with a build.
var HTML = Format{Name: "html", Extension: ".html", Usage: "one page with charts, that opens offline", Write: writeHTML}

// htmlEvents is how much of a biography is on the page.
const htmlEvents = 100

//go:embed report.html
var reportHTML string

var reportPage = template.Must(template.New("report.html").Funcs(template.FuncMap{
	"exemplar":  exemplar,
	"gist":      gist,
	"life":      newLife,
	"measured":  measured,
	"moment":    moment,
	"unlisted":  unlisted,
	"grouped":   grouped,
	"parts":     newChartParts,
	"plural":    plural,
	"perSecond": perSecond,
	"short":     short,
	"until":     func(s Slice) time.Duration { return s.At + s.Length },
	"verdict":   verdict,
	"word":      word,
}).Parse(reportHTML))

// An htmlPage is what report.html is given.
type htmlPage struct {
	*Report
	Facts, CountTable, LatencyTable, FaultTable table
	CoverageTable, CoverageMatrix               table
	Timeline                                    *timeline
	Found                                       bool // there are findings
}

// A lifeEvent is an event of a biography as it stands on the page, or the gap left by those that were left out.
type lifeEvent struct {
	Event
	Gap  string // since the event before
	Left int    // how many were left out here
}

func writeHTML(w io.Writer, r *Report) error {
	r = legible(r)
	p := htmlPage{Report: r, Facts: factTable(r), CountTable: countTable(r), LatencyTable: turned(latencyTable(r)), FaultTable: faultTable(r), CoverageTable: coverageTable(r), CoverageMatrix: coverageMatrix(r), Timeline: newTimeline(r)}
	for _, promise := range r.Promises {
		p.Found = p.Found || len(promise.Findings) > 0
	}
	var b bytes.Buffer
	if err := reportPage.Execute(&b, p); err != nil {
		return err
	}
	_, err := w.Write(withoutBlankLines(b.Bytes()))
	return err
}

// turned is a table with its rows as columns, for a narrow window. All but its first column are numbers.
func turned(t table) table {
	out := table{Title: t.Title, Means: t.Means, Columns: []column{t.Columns[0]}}
	for _, row := range t.Rows {
		out.Columns = append(out.Columns, column{Name: row[0], Number: true})
	}
	for i, c := range t.Columns[1:] {
		line := []string{c.Name}
		for _, row := range t.Rows {
			line = append(line, row[i+1])
		}
		out.Rows = append(out.Rows, line)
	}
	return out
}

// withoutBlankLines drops the lines that only had template actions on them.
func withoutBlankLines(p []byte) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(string(p)) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(line)
		}
	}
	return b.Bytes()
}

func newLife(events []Event) []lifeEvent {
	first, left, last := middleOut(events, htmlEvents)
	var life []lifeEvent
	var before time.Duration
	add := func(e Event) {
		l := lifeEvent{Event: e}
		if len(life) > 0 {
			l.Gap = "+" + human(e.At-before)
		}
		before = e.At
		life = append(life, l)
	}
	for _, e := range first {
		add(e)
	}
	if left > 0 {
		life = append(life, lifeEvent{Left: left})
	}
	for _, e := range last {
		add(e)
	}
	return life
}

// chartParts is a chart with the timeline that it is part of.
type chartParts struct {
	Chart    chart
	Timeline *timeline
}

func newChartParts(t *timeline, c chart) chartParts { return chartParts{c, t} }
