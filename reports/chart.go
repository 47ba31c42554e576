package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A timeline is the charts of a run over one axis of time. Places are percentages of a chart's width and height, so that one
// drawing serves a window of any width; its curves are in a box of 1000 by 1000.
type timeline struct {
	Ticks  []tick // of time
	Rows   []faultRow
	Bands  []bar // the faults again, across the charts
	Charts []chart
	Hits   []bar // the slices, for the figures under the pointer
}

// A tick is a mark on an axis with its label; Anchor is which end of the label is at the mark.
type tick struct{ At, Label, Anchor string }

// A bar is a stretch of time; About is what it tells under the pointer.
type bar struct{ X, Width, About string }

// A faultRow is the stretches in which one fault was on.
type faultRow struct {
	Label, LabelAt, Anchor string
	LabelY, BarY           int // pixels
	Bars                   []bar
}

// A chart is curves over time; the axis of values is linear from zero, or logarithmic.
type chart struct {
	ID, Title, About string
	Ticks            []tick // of values
	Lines            []curve
}

// A curve is a figure of each slice, as steps.
type curve struct{ Name, Class, Path string }

const (
	faultRows   = 12 // at most: what is beyond them shares the last one
	rowHeight   = 24 // pixels
	labelLength = 32 // characters
	leastBar    = .002
	timeTicks   = 8 // every second one is without its label in a narrow window
	valueTicks  = 4
)

// newTimeline draws a report; nil if it has no time to draw.
func newTimeline(r *Report) *timeline {
	end := max(r.Took, 0)
	for _, s := range r.Slices {
		end = max(end, s.At+s.Length)
	}
	for _, b := range r.Faults {
		end = max(end, b.To, b.From)
	}
	if end == 0 || len(r.Slices) == 0 && len(r.Faults) == 0 {
		return nil
	}
	t := &timeline{Ticks: timeAxis(end), Rows: faultLanes(r.Faults, end)}
	for _, row := range t.Rows {
		t.Bands = append(t.Bands, row.Bars...)
	}
	for _, s := range r.Slices {
		t.Hits = append(t.Hits, newBar(s.At, s.At+s.Length, end, sliceFigures(s)))
	}
	if len(r.Slices) > 0 {
		t.Charts = []chart{throughputChart(r.Slices, end), latencyChart(r.Slices, end)}
	}
	return t
}

// FaultsHeight is how many pixels the rows of faults take.
func (t *timeline) FaultsHeight() int { return len(t.Rows) * rowHeight }

// FaultsAbout tells the rows of faults in words.
func (t *timeline) FaultsAbout() string {
	var list []string
	for _, row := range t.Rows {
		list = append(list, row.Label)
	}
	return strings.Join(list, ", ") + ". The table of faults below has their times."
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) + "%" }

// share is where a time is between the run's begin, 0, and its end, 1.
func share(at, end time.Duration) float64 {
	return min(max(float64(at)/float64(end), 0), 1)
}

// newBar is at least so wide that it is seen, for a fault may be done in no time.
func newBar(from, to, end time.Duration, about string) bar {
	width := max(math.Abs(share(to, end)-share(from, end)), leastBar)
	x := min(share(min(from, to), end), 1-width)
	return bar{X: percent(x), Width: percent(width), About: about}
}

// faultLanes gives a row to each kind of fault and its target, in the order of their first injection in the report.
func faultLanes(faults []Band, end time.Duration) []faultRow {
	var rows []faultRow
	place := map[string]int{}
	beyond := 0
	for _, b := range faults {
		name := strings.TrimSpace(b.Kind + " " + b.Target)
		i, known := place[name]
		if !known {
			i = min(len(rows), faultRows-1)
			place[name] = i
			if len(rows) < faultRows {
				rows = append(rows, newFaultRow(name, b, i, end))
			} else {
				beyond++
			}
		}
		about := fmt.Sprintf("%s, %s to %s", name, moment(b.From), moment(b.To))
		if b.Note != "" {
			about += ": " + b.Note
		}
		rows[i].Bars = append(rows[i].Bars, newBar(b.From, b.To, end, about))
	}
	if beyond > 0 {
		last := &rows[faultRows-1]
		last.Label = clip(last.Label, labelLength-len(" and 1234 more")) + " and " + grouped(beyond) + " more"
	}
	return rows
}

// newFaultRow puts the label of a row where its first bar is, and where it has room on both sides.
func newFaultRow(name string, b Band, place int, end time.Duration) faultRow {
	row := faultRow{Label: clip(name, labelLength), LabelY: place*rowHeight + 12, BarY: place*rowHeight + 16}
	from, to := share(b.From, end), share(b.To, end)
	switch middle := (from + to) / 2; {
	case from <= 1.0/3:
		row.LabelAt, row.Anchor = percent(from), "start"
	case middle <= 2.0/3:
		row.LabelAt, row.Anchor = percent(middle), "middle"
	default:
		row.LabelAt, row.Anchor = percent(max(from, to)), "end"
	}
	return row
}

// clip keeps n characters of a string from its begin and its end, for the end of a name tells it from its like.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n/2]) + "…" + string(runes[len(runes)-(n-n/2-1):])
}

// timeAxis marks round times.
func timeAxis(end time.Duration) []tick {
	step := roundStep(end, timeTicks)
	var ticks []tick
	for at := time.Duration(0); at <= end; at += step {
		t := tick{At: percent(share(at, end)), Label: human(at), Anchor: "middle"}
		switch {
		case at == 0:
			t.Anchor = "start"
		case share(at, end) > 0.94:
			t.Anchor = "end"
		}
		ticks = append(ticks, t)
		if at > end-step {
			break // the next one is not in the run, and may not be in an int64
		}
	}
	return ticks
}

// roundStep is the least round duration that goes into d at most n times.
func roundStep(d time.Duration, n int64) time.Duration {
	least := max(d/time.Duration(n), 1)
	if least > 5*time.Second {
		for _, s := range []time.Duration{10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400} {
			if s*time.Second >= least {
				return s * time.Second
			}
		}
	}
	return time.Duration(math.Ceil(roundUp(float64(least))))
}

// roundUp is the least of 1, 2, 5, 10, … that is not under v.
func roundUp(v float64) float64 {
	ten := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*ten >= v*(1-1e-9) {
			return m * ten
		}
	}
	return 10 * ten
}
