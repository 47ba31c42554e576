package reports

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"strings"
)

// Markdown is for a comment on a pull request.
var Markdown = Format{Name: "markdown", Extension: ".md", Usage: "Markdown, for a pull request's comment", Write: writeMarkdown}

const (
	// markdownLimit is how many bytes are written before findings are left out: GitHub refuses a comment of more than
	// 65,536 characters.
	markdownLimit = 50_000
	markdownRows  = 40  // of a table
	markdownCell  = 400 // characters of a cell or a sentence

	markdownReason = 4000 // characters
)

func writeMarkdown(w io.Writer, r *Report) error {
	r = legible(r)
	var b bytes.Buffer
	fmt.Fprintf(&b, "## %s\n\n", md(verdict(r.Validity)))
	if r.Reason != "" {
		fmt.Fprintf(&b, "<p>%s</p>\n\n", html.EscapeString(cut(r.Reason, markdownReason)))
	}
	var facts []string
	for _, row := range factTable(r).Rows {
		facts = append(facts, "**"+row[0]+"** "+md(row[1]))
	}
	fmt.Fprintf(&b, "%s\n", strings.Join(facts, " · "))
	for _, t := range []table{promiseTable(r), countTable(r), latencyTable(r), faultTable(r)} {
		markdownTable(&b, t)
	}
	if t := coverageTable(r); len(t.Rows) > 0 {
		markdownTable(&b, t)
	}
	markdownPromises(&b, r)
	if r.Trace != "" {
		fmt.Fprintf(&b, "\ntrace <code>%s</code>\n", html.EscapeString(cut(r.Trace, markdownCell)))
	}
	if !stands(r.Validity) && r.Replay != "" {
		fmt.Fprintf(&b, "\nAgain:\n\n<pre>%s</pre>\n", html.EscapeString(r.Replay))
	}
	_, err := w.Write(b.Bytes())
	return err
}

func markdownTable(b *bytes.Buffer, t table) {
	fmt.Fprintf(b, "\n### %s\n\n", t.Title)
	if len(t.Rows) == 0 {
		b.WriteString("None.\n")
		return
	}
	head, rule := "|", "|"
	for _, c := range t.Columns {
		head += " " + c.Name + " |"
		if c.Number {
			rule += " ---: |"
		} else {
			rule += " --- |"
		}
	}
	fmt.Fprintf(b, "%s\n%s\n", head, rule)
	for _, row := range t.Rows[:min(len(t.Rows), markdownRows)] {
		b.WriteString("|")
		for _, cell := range row {
			fmt.Fprintf(b, " %s |", md(cell))
		}
		b.WriteString("\n")
	}
	if more := len(t.Rows) - markdownRows; more > 0 {
		fmt.Fprintf(b, "\nand %s more\n", grouped(more))
	}
	if t.Means != "" {
		fmt.Fprintf(b, "\n%s\n", t.Means)
	}
}

// markdownPromises writes the findings of each promise, folded, as long as there is room.
func markdownPromises(b *bytes.Buffer, r *Report) {
	for _, p := range r.Promises {
		if len(p.Findings) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n<details>\n<summary><b>%s</b>: %s, %s</summary>\n", html.EscapeString(cut(p.Name, markdownCell)),
			word(p.Validity), plural(p.Count, "finding"))
		told := 0
		for _, f := range p.Findings {
			text := markdownFinding(f)
			if b.Len()+len(text) > markdownLimit {
				break
			}
			b.WriteString(text)
			told++
		}
		if n := len(p.Findings) - told + unlisted(p); n > 0 {
			fmt.Fprintf(b, "\nand %s more\n", grouped(n))
		}
		b.WriteString("\n</details>\n")
	}
}

func markdownFinding(f Finding) string {
	s := fmt.Sprintf("\n**%s** at %s: %s", word(f.Validity), moment(f.At), md(f.What))
	if f.Msg != "" {
		s += " (message " + md(f.Msg) + ")"
	}
	if len(f.Biography) > 0 {
		s += "\n\n<pre>" + html.EscapeString(strings.TrimRight(biographyText("", f.Biography, textEvents), "\n")) + "</pre>"
	}
	return s + "\n"
}

// md escapes what would be markup, in Markdown or in HTML, and cuts what is too long.
func md(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_",
		"[", "\\[", "]", "\\]", "|", "\\|", "~", "\\~").Replace(cut(s, markdownCell))
}

// cut keeps the first n characters of a string.
func cut(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}
