package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// A Config is what is to be seen of a run.
type Config struct {
	Until *Mark    // where it stops; nil: at its end
	At    []Mark   // where to look, and with the first of which the telling begins
	Show  []Target // what to look at; without At where it stops
	Ops   bool     // tell each operation
	Links bool     // tell each chunk of bytes that arrives
	Step  bool     // wait behind each that is told
	Only  Filter

	In       io.Reader // answers to Step; nil: nobody is there, and nothing waits
	Out      io.Writer
	Progress func(scenarios.Progress) // may be nil
}

// A Result is what became of a run.
type Result struct {
	Report  *reports.Report // nil: it was stopped before its end
	Differs bool            // it does not repeat what the history says
}

// A player plays one run and tells of it.
type player struct {
	config   Config
	source   *Source
	world    *sim.World
	slack    time.Duration
	quit     context.CancelFunc
	gone     func() error        // why nobody wants it any longer
	compared *history.Comparison // nil: with nothing
	ended    bool                // the drain has
	cut      bool                // the history ended before its run, and nothing is compared any more
	line     int                 // of the last operation; the header is 1
	now      time.Duration       // of the last that was told
	trace    string
	marks    []*lookout
	telling  bool // it is where the telling begins, or behind that
	free     bool // nobody is waited for any more, up to pause
	pause    *Mark
	over     bool
	differs  bool
	failed   error // of reading the history
	book     *book
	links    *conversations
	answers  *answers
}

// A lookout is a mark that is yet to come, or was.
type lookout struct {
	Mark
	seen bool
}

// Play plays a run, in one go or step by step. The error is that it could not be played.
func Play(ctx context.Context, src *Source, c Config) (res Result, err error) {
	w, slack, err := NewWorld(src.Scenario, src.Seed)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	within, quit := context.WithCancel(ctx)
	defer quit()
	p := &player{config: c, source: src, world: w, slack: slack, quit: quit, gone: ctx.Err, line: 1, book: newBook(), links: newConversations(src.run)}
	p.answers = newAnswers(within, c.In)
	p.prepare()
	if src.History != "" {
		ops, shut, err := src.stored()
		if err != nil {
			return res, err
		}
		p.compared = history.Follow(ops)
		defer func() {
			p.compared.Stop()
			err = errors.Join(err, shut())
		}()
	}
	res, err = p.play(within)
	return res, errors.Join(err, ctx.Err())
}

// prepare sets up where to look and to stop.
func (p *player) prepare() {
	c := &p.config
	p.telling = len(c.At) == 0
	for _, m := range c.At {
		l := &lookout{Mark: m}
		p.marks = append(p.marks, l)
		if m.Line == 0 {
			p.behind(m.At, func() { p.reach(l) })
		}
	}
	if u := c.Until; u != nil && u.Line == 0 {
		p.behind(u.At, p.stop)
	}
	if c.Links {
		p.world.Watch(p.arrive)
	}
}

// behind calls f when all of a time has happened, unless the telling is over then.
func (p *player) behind(at time.Duration, f func()) {
	p.world.At(at+1, func() {
		if !p.over {
			p.now = at
			f()
		}
	})
}

// play has the scenario played, and says what came of it.
func (p *player) play(ctx context.Context) (res Result, err error) {
	file, err := os.CreateTemp("", "nsqlab-replay-")
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	s := p.source.Scenario
	stand := scenarios.Stand{
		Cluster: p.world, Backend: virtual, Seed: p.source.Seed, Slack: p.slack, Run: p.source.run,
		History: file, Progress: p.config.Progress, Observe: p.observe,
	}
	if s.Strict {
		stand.Flags = []string{"--strict"}
	}
	rep, err := scenarios.Play(ctx, s, stand)
	if p.failed != nil {
		return res, fmt.Errorf("%s: %w", p.source.History, p.failed)
	}
	if p.over { // it was stopped, which is how Play sees a context that is done
		return Result{Differs: p.differs}, nil
	}
	if err != nil {
		return res, err
	}
	err = p.end()
	p.leave() // what clients say of the world's end is no part of the run
	if err != nil {
		return res, err
	}
	if p.differs {
		return Result{Differs: true}, nil
	}
	return Result{Report: rep}, nil
}

// observe takes each operation as it happens.
func (p *player) observe(op history.Op) {
	if p.over || p.gone() != nil { // and then the last thing is a trace of no whole run
		return
	}
	p.line++
	p.now = op.Time
	if op.F == history.Trace {
		p.trace = op.Note
	}
	p.compare(op)
	if p.over {
		return
	}
	p.book.observe(op)
	p.begin(op.Time)
	if p.config.Ops && p.telling && p.config.Only.op(op) {
		p.tell(opLine(p.line, op))
	}
	for _, l := range p.marks {
		if l.Line == p.line {
			p.reach(l)
		}
	}
	if u := p.config.Until; u != nil && u.Line == p.line && !p.over {
		p.stop()
	}
}

// begin starts the telling with what happens at the first mark, be it a time or a line.
func (p *player) begin(now time.Duration) {
	for i := 0; i < len(p.marks) && !p.telling; i++ {
		m := p.marks[i].Mark
		p.telling = m.Line == 0 && m.At <= now || m.Line > 0 && m.Line <= p.line
	}
}

// compare holds an operation against the history's.
func (p *player) compare(op history.Op) {
	if p.compared == nil || p.cut {
		return
	}
	d, err := p.compared.Observe(op)
	p.ended = p.ended || op.F == history.Phase && op.Note == "end"
	switch {
	case err != nil:
		p.failed = err
		p.leave()
	case d != nil:
		p.differ(d)
	}
}

// arrive takes each chunk as it arrives.
func (p *player) arrive(a sim.Arrival) {
	if p.over {
		return
	}
	words := p.links.hear(a)
	p.begin(a.At)
	if p.telling && p.config.Only.text(words) {
		p.now = a.At
		p.tell(arrivalLine(a, words))
	}
}

// reach looks at what is to be shown at a mark.
func (p *player) reach(l *lookout) {
	l.seen = true
	if len(p.config.Show) > 0 {
		p.show(p.config.Show)
	}
}

// stop ends the run where it is asked to.
func (p *player) stop() {
	p.leave()
	if len(p.config.Show) > 0 && len(p.config.At) == 0 {
		p.show(p.config.Show)
	}
	same := ""
	if p.compared != nil && !p.cut {
		same = ", the same up to there"
	}
	p.print("stopped at %s, behind line %d%s; no verdict\n", moment(p.now), p.line, same)
	p.missed()
}

// leave ends the run without a word.
func (p *player) leave() {
	p.over = true
	p.quit()
}

// end says what the whole run came to.
func (p *player) end() error {
	if len(p.config.Show) > 0 && len(p.config.At) == 0 && p.config.Until == nil {
		p.show(p.config.Show)
	}
	if u := p.config.Until; u != nil {
		p.print("the run ended, behind line %d, before %v\n", p.line, u)
	}
	p.missed()
	if p.compared == nil || p.cut {
		return nil
	}
	d, err := p.compared.End()
	if err != nil {
		return fmt.Errorf("%s: %w", p.source.History, err)
	}
	if d != nil {
		p.differ(d)
		return nil
	}
	p.print("the same to the last operation, line %d; trace %s\n", p.line, p.trace)
	return nil
}

// missed tells of the marks that the run did not get to.
func (p *player) missed() {
	for _, l := range p.marks {
		if !l.seen {
			p.print("%v was not reached\n", l)
		}
	}
}

// differ tells that the run does not repeat.
func (p *player) differ(d *history.Difference) {
	if !p.ended && (d.A == nil || d.A.F == history.Trace) {
		p.cut = true
		p.print("the same up to line %d, where the history ends: its run was interrupted, and now goes on\n", d.Line-1)
		return
	}
	p.differs = true
	p.leave()
	p.print("%s\n", p.source.different(d))
}

func (p *player) print(format string, args ...any) { fmt.Fprintf(p.config.Out, format, args...) }
