package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// A happening is what can be seen of a run at one moment: an arrival or an operation.
type happening struct {
	arrival sim.Arrival // its Turn is empty if it is an operation
	op      history.Op
	line    int // of the operation
}

// Twice plays a run in two worlds, in lock-step, and compares every chunk that arrives and every operation as they come. It tells where the
// two differ first; differs says whether they do. Nothing of the runs is kept.
func Twice(ctx context.Context, src *Source, out io.Writer) (differs bool, err error) {
	return twice(ctx, src, out, nil)
}

// Explain tells why a run does not repeat its history: it plays it twice, to see whether it repeats itself now.
func Explain(ctx context.Context, src *Source, out io.Writer) error {
	return explain(ctx, src, out, nil)
}

func explain(ctx context.Context, src *Source, out io.Writer, arrange func(*sim.World)) error {
	var told bytes.Buffer
	differs, err := twice(ctx, src, &told, arrange)
	switch {
	case err != nil:
		return err
	case differs:
		_, err = fmt.Fprintf(out, "It does not repeat itself now either.\n%s", &told)
	default:
		_, err = fmt.Fprintln(out, "It repeats itself now: nsqlab's code, or the Go that it is built with, has changed since this history was written.")
	}
	return err
}

// twice lets a test arrange each of the worlds before it is played.
func twice(ctx context.Context, src *Source, out io.Writer, arrange func(*sim.World)) (differs bool, err error) {
	a, b := &twin{source: src, ctx: ctx, arrange: arrange}, &twin{source: src, ctx: ctx, arrange: arrange}
	nextB, stop := iter.Pull(b.play)
	defer stop()
	recent := newRecent(src.run)
	arrivals, ops := 0, 0
	for x := range a.play {
		y, ok := nextB()
		if !ok || !same(&x, &y) {
			if err := errors.Join(a.err, b.err, ctx.Err()); err != nil {
				return false, err
			}
			recent.differ(out, &x, &y, ok)
			return true, nil
		}
		recent.add(&x)
		if x.arrival.Turn == "" {
			ops++
		} else {
			arrivals++
		}
	}
	y, more := nextB()
	if err := errors.Join(a.err, b.err); err != nil {
		return false, err
	}
	if more {
		recent.differ(out, nil, &y, true)
		return true, nil
	}
	fmt.Fprintf(out, "twice the same: %d arrivals, %d operations, %d events; trace %s\n", arrivals, ops, a.events, a.trace)
	return false, nil
}

// A twin is one of two plays of a run.
type twin struct {
	source  *Source
	ctx     context.Context
	arrange func(*sim.World)
	trace   string
	events  uint64
	err     error
}

// play plays the run, and gives what happens while it goes.
func (t *twin) play(yield func(happening) bool) {
	w, _, err := NewWorld(t.source.Scenario, t.source.Seed)
	if err != nil {
		t.err = err
		return
	}
	ctx, quit := context.WithCancel(t.ctx)
	defer quit()
	over := false
	give := func(h happening) {
		if !over && !yield(h) {
			over = true
			quit()
		}
	}
	if t.arrange != nil {
		t.arrange(w)
	}
	w.Watch(func(a sim.Arrival) { give(happening{arrival: a}) })
	line := 1
	err = scenarios.Run(ctx, t.source.Scenario, w, scenarios.Options{Seed: t.source.Seed, Run: t.source.run, Record: func(op history.Op) {
		line++
		give(happening{op: op, line: line})
	}})
	t.trace, t.events = w.Trace(), w.Events()
	w.Watch(nil)
	if over { // by the one that listens
		err = nil
	}
	over = true
	t.err = errors.Join(err, w.Close())
}

// same compares two happenings.
func same(x, y *happening) bool {
	a, b := &x.arrival, &y.arrival
	if a.Turn == "" && b.Turn == "" {
		return x.line == y.line && x.op.Line() == y.op.Line()
	}
	return a.At == b.At && a.Event == b.Event && a.From == b.From && a.To == b.To && a.Conn == b.Conn && a.Answer == b.Answer && a.Turn == b.Turn &&
		bytes.Equal(a.Data, b.Data)
}

// recents are the last happenings that were the same, for what comes before a difference.
type recents struct {
	words *conversations
	last  []string
}

// maxRecent is how many are told before a difference.
const maxRecent = 6

func newRecent(run uint64) *recents { return &recents{words: newConversations(run)} }

func (r *recents) add(h *happening) {
	if len(r.last) == maxRecent {
		r.last = append(r.last[:0], r.last[1:]...)
	}
	r.last = append(r.last, r.tell(h, r.words))
}

// tell is a happening in words, as a conversation goes on with it.
func (r *recents) tell(h *happening, words *conversations) string {
	if h.arrival.Turn == "" {
		return opLine(h.line, h.op)
	}
	return arrivalLine(h.arrival, words.hear(h.arrival))
}

// differ tells of a difference: x and y, nil or not ok if that world's run is over.
func (r *recents) differ(out io.Writer, x, y *happening, ok bool) {
	fmt.Fprintln(out, "THE TWO RUNS OF ONE SEED DIFFER. The first event that does:")
	for _, l := range r.last {
		fmt.Fprintln(out, l)
	}
	if !ok {
		y = nil
	}
	for i, h := range []*happening{x, y} {
		words := "nothing: it is over"
		if h != nil {
			words = r.tell(h, r.words.clone(h.arrival.Conn))
			if h.arrival.Turn != "" {
				words += fmt.Sprintf(", event %d of the world, data %.32x", h.arrival.Event, h.arrival.Data)
			}
		}
		fmt.Fprintf(out, "world %d %s\n", i+1, words)
	}
	fmt.Fprintln(out, "What decides it is not drawn from the seed: a map that is ranged over, a clock, a goroutine, an address.")
}
