package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"github.com/nsqlab/nsqlab/reports"
)

const (
	tableEvery = 250 * time.Millisecond // on a terminal
	lineEvery  = 5 * time.Second        // elsewhere
)

// A view shows how far a sweep is: a live table on a terminal, elsewhere a line every few seconds.
type view struct {
	w        io.Writer
	terminal *os.File // nil: it is none
	quiet    bool
	began    time.Time
	lines    int // of the table that stands
}

func newView(w io.Writer, quiet bool) *view {
	v := &view{w: w, quiet: quiet, began: time.Now()}
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		v.terminal = f
	}
	return v
}

// every is how often show is to be called.
func (v *view) every() time.Duration {
	if v.terminal != nil {
		return tableEvery
	}
	return lineEvery
}

// begin says what is to be played.
func (v *view) begin(s *sweep) {
	if v.quiet {
		return
	}
	what, of := "1 scenario", ""
	if n := len(s.trials); n > 1 {
		what = fmt.Sprintf("%d scenarios", n)
	}
	if s.shard.n > 1 {
		of = fmt.Sprintf(", shard %s", s.shard)
	}
	fmt.Fprintf(v.w, "sweeping %s, seeds %s%s, %d at a time\n", what, s.seeds, of, s.workers)
}

// show shows how far it is.
func (v *view) show(s *sweep) {
	if v.quiet {
		return
	}
	sum := s.total()
	took := time.Since(v.began)
	line := fmt.Sprintf("%s: %d of %d seeds, %d violated, %d unknown, %s virtual hours an hour",
		took.Round(time.Second), sum.Runs, sum.Planned, sum.Verdicts[reports.Invalid], sum.Verdicts[reports.Unknown], pace(sum.Virtual, took))
	if v.terminal == nil {
		fmt.Fprintln(v.w, line)
		return
	}
	width, height, err := term.GetSize(int(v.terminal.Fd()))
	if err != nil || width == 0 || height == 0 {
		width, height = 80, 24
	}
	v.end()
	lines := append(strings.Split(strings.TrimSpace(aligned(s.live(height-3))), "\n"), line)
	for i, l := range lines {
		if r := []rune(l); len(r) >= width {
			lines[i] = string(r[:max(width-1, 0)])
		}
	}
	v.lines = len(lines)
	fmt.Fprint(v.w, strings.Join(lines, "\n")+"\n")
}

// end takes the live table away.
func (v *view) end() {
	if v.lines > 0 {
		fmt.Fprintf(v.w, "\x1b[%dA\r\x1b[J", v.lines)
	}
	v.lines = 0
}

// live is the table while it is being played, of so many lines at the most: those that failed stand first if there is no room for all.
func (s *sweep) live(most int) [][]string {
	cells := [][]string{{"SCENARIO", "SEEDS", "VIOLATED", "UNKNOWN", "HOURS/HOUR"}}
	rows := s.rows
	if most = max(most, 1); len(rows) > most {
		var bad, good []*tally
		for _, row := range rows {
			if row.Verdicts[reports.Invalid]+row.Verdicts[reports.Unknown] > 0 {
				bad = append(bad, row)
			} else {
				good = append(good, row)
			}
		}
		rows = append(bad, good...)[:most]
	}
	for _, row := range rows {
		cells = append(cells, []string{
			row.title(), fmt.Sprintf("%d/%d", row.Runs, row.Planned), fmt.Sprint(row.Verdicts[reports.Invalid]), fmt.Sprint(row.Verdicts[reports.Unknown]),
			pace(row.Virtual, row.Busy),
		})
	}
	if left := len(s.rows) - len(rows); left > 0 {
		cells = append(cells, []string{fmt.Sprintf("and %d more", left)})
	}
	return cells
}
