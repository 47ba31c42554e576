package replay

import (
	"bufio"
	"context"
	"io"
	"strings"
)

const stepHelp = `  Enter            the next
  c [PLACE]        go on to its end without stopping; to a time, c 3.2s, or to a line, c 1234
  s WHAT           show the state of a node, a topic or a channel: s b1, s orders, s orders/billing, s b1:orders/billing
  q                quit
  ?                this
`

// tell prints a line of what happens and, step by step, waits for what is to be done then.
func (p *player) tell(line string) {
	p.print("%s\n", line)
	if !p.config.Step || p.config.In == nil || !p.waits() {
		return
	}
	for {
		p.print("> ")
		answer, ok := p.answers.next()
		if !ok {
			p.print("\n")
			p.leave()
			return
		}
		if p.obey(strings.TrimSpace(answer)) {
			return
		}
	}
}

// waits says whether it is time to wait.
func (p *player) waits() bool {
	if m := p.pause; m != nil && (m.Line > 0 && p.line >= m.Line || m.Line == 0 && p.now >= m.At) {
		p.free, p.pause = false, nil
	}
	return !p.free
}

// obey carries out an answer, and says whether the run goes on.
func (p *player) obey(answer string) (on bool) {
	word, rest, _ := strings.Cut(answer, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case answer == "":
		return true
	case word == "c" && rest == "":
		p.free = true
		return true
	case word == "c":
		m, err := ParseMark(rest)
		if err != nil {
			p.print("%v\n", err)
			return false
		}
		p.free, p.pause = true, &m
		return true
	case word == "s" && rest != "":
		t, err := ParseTarget(rest, p.source.Scenario)
		if err != nil {
			p.print("%v\n", err)
			return false
		}
		p.show([]Target{t})
		return false
	case answer == "q":
		p.print("stopped behind line %d; no verdict\n", p.line)
		p.leave()
		return true
	case answer != "?":
		p.print("%q is none of these:\n", answer)
	}
	p.print("%s", stepHelp)
	return false
}

// answers are lines that a person types. They are read aside, so that ^C need not wait for one.
type answers struct {
	ctx   context.Context
	lines chan string
	in    io.Reader
}

func newAnswers(ctx context.Context, in io.Reader) *answers { return &answers{ctx: ctx, in: in} }

// next gives the next line; not ok if there are no more, or nobody waits any longer.
func (a *answers) next() (line string, ok bool) {
	if a.lines == nil {
		a.lines = make(chan string)
		go a.read()
	}
	select {
	case line, ok = <-a.lines:
		return line, ok
	case <-a.ctx.Done():
		return "", false
	}
}

// read passes on lines until there are no more, or nobody waits any longer.
func (a *answers) read() {
	defer close(a.lines)
	for in := bufio.NewScanner(a.in); in.Scan(); {
		select {
		case a.lines <- in.Text():
		case <-a.ctx.Done():
			return
		}
	}
}
