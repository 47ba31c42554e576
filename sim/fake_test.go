package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const ms = time.Millisecond

// plain are links that take a millisecond.
var plain = Links{Delay: ms}

// newWorld makes a world with the nodes named.
func newWorld(t testing.TB, links Links, names ...string) *World {
	t.Helper()
	var nodes []Node
	for _, n := range names {
		nodes = append(nodes, Node{Name: n})
	}
	w, err := NewWorld(1, nodes, links)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A fake is an endpoint that says what a test puts in, and notes when it was told what.
type fake struct {
	w    *World
	out  []byte
	wake func()
	next time.Duration // of its timer; 0 is never

	log       []string
	got       []byte // all that it received
	asked     int    // calls of Transmit
	taken     int    // of them, those that gave something
	gone      int    // calls of Disconnect
	after     int    // calls of anything after it
	onReceive func(p []byte) (int, error)
	onTimeout func() error
}

// called is at the beginning of every call.
func (f *fake) called() {
	if f.gone > 0 {
		f.after++
	}
}

func (f *fake) note(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf("%v ", f.w.now)+fmt.Sprintf(format, args...))
}

// say adds to what it has to send.
func (f *fake) say(text string) {
	f.out = append(f.out, text...)
	f.wake()
}

// Receive implements wire.Endpoint.
func (f *fake) Receive(now time.Time, p []byte) (int, error) {
	f.called()
	if !now.Equal(f.w.time()) {
		f.note("told the time %v", now)
	}
	switch {
	case f.onReceive != nil:
		return f.onReceive(p)
	case len(p) == 0:
		f.note("end")
	case len(p) > 20:
		f.note("%d bytes", len(p))
	default:
		f.note("%s", p)
	}
	f.got = append(f.got, p...)
	return len(p), nil
}

// Transmit implements wire.Endpoint.
func (f *fake) Transmit(spare []byte) []byte {
	f.called()
	f.asked++
	if len(f.out) == 0 {
		return spare[:0]
	}
	f.taken++
	out := f.out
	f.out = spare[:0]
	return out
}

// NextTimeout implements wire.Endpoint.
func (f *fake) NextTimeout() time.Time {
	f.called()
	if f.next == 0 {
		return time.Time{}
	}
	return epoch.Add(f.next)
}

// HandleTimeout implements wire.Endpoint.
func (f *fake) HandleTimeout(time.Time) error {
	f.called()
	if f.next == 0 || f.w.now < f.next {
		f.note("called early")
		return nil
	}
	f.next = 0
	f.note("timeout")
	if f.onTimeout != nil {
		return f.onTimeout()
	}
	return nil
}

// Disconnect implements wire.Endpoint.
func (f *fake) Disconnect(time.Time) {
	f.called()
	f.gone++
	f.note("gone")
}

// hangUp ends the connection from this end, now.
func (f *fake) hangUp() {
	f.next = max(f.w.now, 1)
	f.onTimeout = func() error { return errors.New("enough") }
	f.wake()
}

// want checks what was noted since the last time.
func (f *fake) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(f.log, lines) {
		t.Errorf("told:\n  %s\nwant:\n  %s", strings.Join(f.log, "\n  "), strings.Join(lines, "\n  "))
	}
	f.log = nil
}

// dial connects a fake to a node.
func dial(t testing.TB, w *World, from, node string) *fake {
	t.Helper()
	f := &fake{w: w}
	err := w.Dial(from, node, func(_ time.Time, wake func()) wire.Endpoint {
		f.wake = wake
		return f
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// connect dials a node and puts a fake in the place of its session too.
func connect(t testing.TB, w *World, from, node string) (client, broker *fake) {
	t.Helper()
	client = dial(t, w, from, node)
	c := w.conns[len(w.conns)-1]
	w.Run(10 * (w.links.Delay + w.links.Jitter))
	broker = &fake{w: w, wake: c.server.wake}
	if !c.client.stands || c.server.endpoint == nil {
		t.Fatal("the connection does not stand")
	}
	c.server.endpoint = broker
	return client, broker
}

// A ruleFunc is a Rule that needs no randomness.
type ruleFunc func(c Chunk) Fate

func addRule(t testing.TB, w *World, from, to string, f ruleFunc) (remove func()) {
	t.Helper()
	remove, err := w.AddRule(from, to, f)
	if err != nil {
		t.Fatal(err)
	}
	return remove
}

func hold(Chunk) Fate { return Fate{Hold: true} }

func reset(Chunk) Fate { return Fate{Reset: true} }

// must stops the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Judge implements Rule.
func (f ruleFunc) Judge(_ time.Duration, _ *rand.Rand, c Chunk) Fate { return f(c) }
