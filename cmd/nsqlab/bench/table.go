package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// absent stands where nothing was measured.
const absent = "–"

// WriteTable writes the summary, a row a line, without the columns in which nothing was measured.
func (r *Report) WriteTable(w io.Writer) error {
	rows := r.Summary()
	var shown []figure
	for _, f := range figures {
		for _, row := range rows {
			if _, ok := row.Figures[f.key]; ok {
				shown = append(shown, f)
				break
			}
		}
	}
	compared := len(r.Servers) > 1
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	head := []string{"workload"}
	if compared {
		head = append(head, "server")
	}
	for _, f := range shown {
		if f.key == "p50" {
			head = append(head, "latency")
		}
		head = append(head, f.title)
	}
	fmt.Fprintln(tw, strings.Join(head, "\t"))
	last := ""
	for _, row := range rows {
		cells := []string{row.Workload}
		if row.Workload == last {
			cells[0] = ""
		}
		last = row.Workload
		if compared {
			cells = append(cells, row.Server)
		}
		fmt.Fprintln(tw, strings.Join(append(cells, row.cells(shown, compared)...), "\t"))
	}
	return tw.Flush()
}

// cells writes the figures of a row.
func (row Row) cells(shown []figure, compared bool) []string {
	var cells []string
	for _, f := range shown {
		if f.key == "p50" {
			cells = append(cells, orAbsent(row.Latency))
		}
		s, ok := row.Figures[f.key]
		switch {
		case !ok:
			cells = append(cells, absent)
		case row.Server == ratioName:
			cells = append(cells, s.text(formatNumber, f.spread && row.Rounds > 1)+" ×")
		default:
			cells = append(cells, s.text(f.format, f.spread && row.Rounds > 1 && !compared))
		}
	}
	return cells
}

func orAbsent(s string) string {
	if s == "" {
		return absent
	}
	return s
}

func (s Spread) text(format func(float64) string, spread bool) string {
	if !spread {
		return format(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", format(s.Median), format(s.Min), format(s.Max))
}

// Line tells of one result in a line.
func (r Result) Line() string {
	line := fmt.Sprintf("%s, round %d, %s:", r.Workload, r.Round, r.Server)
	row := sumUp(r.Server, []Result{r})
	var told []string
	for _, f := range figures {
		if s, ok := row.Figures[f.key]; ok {
			told = append(told, f.title+" "+f.format(s.Median))
		}
	}
	return line + " " + strings.Join(told, ", ")
}

// formatNumber writes three digits.
func formatNumber(v float64) string { return strconv.FormatFloat(round3(v), 'f', -1, 64) }

// formatCount writes three digits and k or M.
func formatCount(v float64) string {
	switch v = round3(v); {
	case v >= 1e6:
		return formatNumber(v/1e6) + "M"
	case v >= 1e3:
		return formatNumber(v/1e3) + "k"
	}
	return formatNumber(v)
}

// formatBytes writes three digits and the unit.
func formatBytes(v float64) string {
	switch v = round3(v); {
	case v >= 1e9:
		return formatNumber(v/1e9) + " GB"
	case v >= 1e6:
		return formatNumber(v/1e6) + " MB"
	case v >= 1e3:
		return formatNumber(v/1e3) + " kB"
	}
	return formatNumber(v) + " B"
}

// formatSeconds writes three digits and the unit.
func formatSeconds(v float64) string {
	switch v = round3(v); {
	case v >= 1:
		return formatNumber(v) + " s"
	case v >= 1e-3:
		return formatNumber(v*1e3) + " ms"
	}
	return formatNumber(v*1e6) + " µs"
}
