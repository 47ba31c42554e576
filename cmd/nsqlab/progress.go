package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/nsqlab/nsqlab/scenarios"
)

const (
	liveEvery  = 100 * time.Millisecond // on a terminal
	plainEvery = time.Second            // elsewhere
	barWidth   = 24
)

// A progress shows how far a run is: one live line on a terminal, elsewhere one line a second.
type progress struct {
	w     io.Writer
	title string
	live  bool
	quiet bool
	last  time.Time
	shown bool
}

func newProgress(w io.Writer, title string, quiet bool) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, title: title, quiet: quiet, live: ok && isatty.IsTerminal(f.Fd()), last: time.Now()}
}

// due says whether it is time to show something, and takes it for shown.
func (p *progress) due() bool {
	every := plainEvery
	if p.live {
		every = liveEvery
	}
	now := time.Now()
	if p.quiet || now.Sub(p.last) < every {
		return false
	}
	p.last, p.shown = now, true
	return true
}

func (p *progress) show(s scenarios.Progress) {
	if !p.due() {
		return
	}
	line := s.Phase
	if s.Of > 0 {
		done := min(float64(s.At)/float64(s.Of), 1)
		full := int(done * barWidth)
		line += fmt.Sprintf(" [%s%s] %s of %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), s.At.Round(100*time.Millisecond), s.Of)
	} else {
		line += fmt.Sprintf(" at %s, %d messages still held", s.At.Round(100*time.Millisecond), s.Owed)
	}
	p.write(line + fmt.Sprintf(", %d published, %d delivered", s.Published, s.Delivered))
}

// tell shows a line, if it is time to.
func (p *progress) tell(line string) {
	if p.due() {
		p.write(line)
	}
}

func (p *progress) write(line string) {
	if p.live {
		fmt.Fprintf(p.w, "\r\x1b[K%s: %s", p.title, line)
	} else {
		fmt.Fprintf(p.w, "%s: %s\n", p.title, line)
	}
}

// end takes the live line away.
func (p *progress) end() {
	if p.live && p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
