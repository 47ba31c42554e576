package reports

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// verdict is a validity as it is said of a whole run. One that is not of [Validities] was never judged.
func verdict(v Validity) string {
	switch v {
	case Valid:
		return "HELD"
	case Licensed:
		return "HELD, WITH LICENSED LOSS"
	case Invalid:
		return "VIOLATED"
	}
	return "UNKNOWN"
}

// word is a validity as it is said of a promise or a finding.
func word(v Validity) string {
	if v.rank() == len(Validities) {
		return string(Unknown)
	}
	return string(v)
}

// stands says that a promise or a run was not broken but where a fault may break it.
func stands(v Validity) bool { return v == Valid || v == Licensed }

// human writes a duration with three digits that count, "1.23ms", from a minute on in whole seconds, "3m20s", and from an hour
// on in whole minutes.
func human(d time.Duration) string {
	if d < 0 {
		return "-" + human(-max(d, -math.MaxInt64))
	}
	step := time.Duration(1)
	for d/step >= 1000 {
		step *= 10
	}
	if d.Round(step) < time.Minute {
		return d.Round(step).String()
	}
	s := d.Round(time.Second).String()
	if d.Round(time.Second) >= time.Hour {
		s = d.Round(time.Minute).String()
	}
	for _, none := range []string{"m0s", "h0m"} { // "1h0m0s" is "1h", but "10m" is not "1"
		if strings.HasSuffix(s, none) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// measured writes a latency, of which zero is none.
func measured(d time.Duration) string {
	if d == 0 {
		return nothing
	}
	return human(d)
}

// moment writes a time since the run began, to the millisecond: "3.012s".
func moment(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + "s"
}

// grouped writes a count in groups of three digits: "12,345".
func grouped(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// plural writes a count with its noun: "1 finding", "2 findings".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// plain makes a string one line of legible characters: what would move a terminal's cursor, end a line, turn the direction
// of writing or be refused in XML becomes a space or U+FFFD.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == 0xFFFE, r == 0xFFFF:
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func plainAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = plain(s)
	}
	return out
}

// legible is a copy of a report with each of its strings plain.
func legible(r *Report) *Report {
	c := *r
	for _, s := range []*string{&c.Scenario, &c.Shows, &c.Backend, &c.Run, &c.Reason, &c.Trace, &c.Replay} {
		*s = plain(*s)
	}
	c.Nodes = plainAll(r.Nodes)
	c.Promises = make([]Promise, len(r.Promises))
	for i, p := range r.Promises {
		p.Name, p.Promise, p.Summary = plain(p.Name), plain(p.Promise), plain(p.Summary)
		p.Findings = legibleFindings(p.Findings)
		c.Promises[i] = p
	}
	c.Faults = make([]Band, len(r.Faults))
	for i, b := range r.Faults {
		b.Kind, b.Target, b.Note = plain(b.Kind), plain(b.Target), plain(b.Note)
		c.Faults[i] = b
	}
	c.Coverage = make([]Coverage, len(r.Coverage))
	for i, k := range r.Coverage {
		c.Coverage[i] = Coverage{Kind: plain(k.Kind), Hits: k.Hits, States: make([]StateHits, len(k.States))}
		for j, s := range k.States {
			c.Coverage[i].States[j] = StateHits{plain(s.State), s.Hits}
		}
	}
	return &c
}

func legibleFindings(list []Finding) []Finding {
	out := make([]Finding, len(list))
	for i, f := range list {
		f.What, f.Msg = plain(f.What), plain(f.Msg)
		life := make([]Event, len(f.Biography))
		for j, e := range f.Biography {
			life[j] = Event{At: e.At, Process: plain(e.Process), What: plain(e.What), Broken: plainAll(e.Broken)}
		}
		f.Biography = life
		out[i] = f
	}
	return out
}
