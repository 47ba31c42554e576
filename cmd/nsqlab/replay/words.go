package replay

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// A Filter is which of what happens is told; its zero value lets all through.
type Filter struct {
	Texts []string // one of them is in it
	Msgs  []uint64 // it is about one of them
}

// op says whether an operation is told.
func (f Filter) op(op history.Op) bool { return f.text(reports.Words(op)) }

// text says whether something is told that has these words.
func (f Filter) text(words string) bool {
	ok := len(f.Texts) == 0
	for _, t := range f.Texts {
		ok = ok || strings.Contains(words, t)
	}
	if !ok || len(f.Msgs) == 0 {
		return ok
	}
	for _, m := range f.Msgs {
		if mentions(words, history.MsgString(m)) {
			return true
		}
	}
	return false
}

// mentions says whether a message's number stands in a text by itself.
func mentions(text, number string) bool {
	part := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] == '-' || '0' <= text[i] && text[i] <= '9')
	}
	for from := 0; ; {
		i := strings.Index(text[from:], number)
		if i < 0 {
			return false
		}
		from += i
		if !part(from-1) && !part(from+len(number)) {
			return true
		}
		from++
	}
}

// moment is a time of a run in seconds, to the microsecond.
func moment(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) + "s" }

// opLine is an operation with its line in the history's file and its time.
func opLine(line int, op history.Op) string {
	return fmt.Sprintf("%7d  %12s  %s", line, moment(op.Time), reports.Words(op))
}

// arrivalLine is a chunk that arrived, with its words.
func arrivalLine(a sim.Arrival, words string) string {
	return fmt.Sprintf("%7s  %12s  %s", "link", moment(a.At), words)
}

// different says where a run does not repeat a history.
func (s *Source) different(d *history.Difference) string {
	var b strings.Builder
	fmt.Fprintf(&b, "THE RUN DOES NOT REPEAT: line %d of %s is the first that differs.\n", d.Line, s.History)
	for i, op := range d.Before {
		fmt.Fprintln(&b, opLine(d.Line-len(d.Before)+i, op))
	}
	both := []struct {
		who string
		op  *history.Op
	}{{"then", d.A}, {"now", d.B}}
	for _, x := range both {
		words := "nothing: it is over"
		if x.op != nil {
			words = fmt.Sprintf("%12s  %s", moment(x.op.Time), reports.Words(*x.op))
		}
		fmt.Fprintf(&b, "%7s  %s\n", x.who, words)
	}
	for _, x := range both {
		if x.op != nil {
			fmt.Fprintf(&b, "%7s  %s\n", x.who, x.op.Line())
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
