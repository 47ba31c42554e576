package reports

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text is for a terminal and for a log.
var Text = Format{Name: "text", Extension: ".txt", Usage: "plain text, for a terminal or a log", Write: writeText}

// textEvents is how much of a biography is written as text.
const textEvents = 40

func writeText(w io.Writer, r *Report) error {
	r = legible(r)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n%s", headline(r), align("", factTable(r).Rows))
	for _, t := range []table{promiseTable(r), countTable(r), latencyTable(r), faultTable(r)} {
		if len(t.Rows) == 0 {
			fmt.Fprintf(&b, "\n%s: none\n", strings.ToUpper(t.Title))
			continue
		}
		fmt.Fprintf(&b, "\n%s", align("", append([][]string{textHead(t)}, t.Rows...)))
	}
	if t := coverageTable(r); len(t.Rows) > 0 {
		fmt.Fprintf(&b, "\n%s", align("", append([][]string{textHead(t)}, t.Rows...)))
	}
	for _, p := range r.Promises {
		if len(p.Findings) > 0 {
			fmt.Fprintf(&b, "\n%s: %s, %s\n%s", p.Name, word(p.Validity), plural(p.Count, "finding"), findingsText(p))
		}
	}
	if r.Trace != "" {
		fmt.Fprintf(&b, "\ntrace %s\n", r.Trace)
	}
	if !stands(r.Validity) && r.Replay != "" {
		fmt.Fprintf(&b, "\nagain: %s\n", r.Replay)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// headline is the verdict and why, in one line.
func headline(r *Report) string {
	if r.Reason == "" {
		return verdict(r.Validity)
	}
	return verdict(r.Validity) + ": " + r.Reason
}

func textHead(t table) []string {
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = strings.ToUpper(c.Name)
	}
	return head
}

// findingsText tells what was found of a promise, with one biography: of the first of its worst findings that has one.
func findingsText(p Promise) string {
	var b strings.Builder
	told := exemplar(p.Findings)
	for i, f := range p.Findings {
		fmt.Fprintf(&b, "  %s\n", findingLine(f))
		if i == told {
			b.WriteString(biographyText("    ", f.Biography, textEvents))
		}
	}
	if n := unlisted(p); n > 0 {
		fmt.Fprintf(&b, "  and %s more\n", grouped(n))
	}
	return b.String()
}

// unlisted is how many findings there were beside those that the report has.
func unlisted(p Promise) int { return max(p.Count-len(p.Findings), 0) }

// exemplar is the place of the first of the worst findings that have a biography, or -1.
func exemplar(list []Finding) int {
	best := -1
	for i, f := range list {
		if len(f.Biography) > 0 && (best < 0 || f.Validity.rank() > list[best].Validity.rank()) {
			best = i
		}
	}
	return best
}

func findingLine(f Finding) string {
	s := fmt.Sprintf("%s at %s: %s", word(f.Validity), moment(f.At), f.What)
	if f.Msg != "" {
		s += " (message " + f.Msg + ")"
	}
	return s
}

// biographyText writes a message's life, an event a line.
func biographyText(indent string, life []Event, limit int) string {
	first, left, last := middleOut(life, limit)
	rows := eventRows(first)
	if left > 0 {
		rows = append(rows, []string{"…", "…", plural(left, "more event")})
	}
	return align(indent, append(rows, eventRows(last)...))
}

func eventRows(events []Event) [][]string {
	var rows [][]string
	for _, e := range events {
		broken := ""
		if len(e.Broken) > 0 {
			broken = "broken: " + strings.Join(e.Broken, ", ")
		}
		rows = append(rows, []string{moment(e.At), e.Process, e.What, broken})
	}
	return rows
}

// middleOut leaves out the middle of a life that has more than limit events, for its begin and end say most.
func middleOut(life []Event, limit int) (first []Event, left int, last []Event) {
	if len(life) <= limit {
		return life, 0, nil
	}
	return life[:limit/2], len(life) - limit, life[len(life)-(limit-limit/2):]
}

// align writes rows with their cells in columns and no spaces at the ends of lines.
func align(indent string, rows [][]string) string {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(tw, indent+strings.Join(row, "\t"))
	}
	tw.Flush()
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}
