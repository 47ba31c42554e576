package live

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

var (
	_ sim.Cluster = (*Cluster)(nil)
	_ sim.Pauser  = (*Cluster)(nil)
)

func TestAtCallsInTheOrderOfTimeThenAsked(t *testing.T) {
	c := newCluster(t, stubs{})
	var got []string
	note := func(s string) func() { return func() { got = append(got, s) } }
	base := c.Now() + 20*time.Millisecond
	c.At(base+10*time.Millisecond, note("late"))
	c.At(base, note("one"))
	c.At(base, note("two"))
	c.At(base, func() {
		c.At(0, note("past"))
		c.At(base, note("same"))
	})
	c.At(time.Hour, note("never"))
	c.Run(100 * time.Millisecond)
	if want := []string{"one", "two", "past", "same", "late"}; !slices.Equal(got, want) {
		t.Errorf("called %q, want %q", got, want)
	}
}

func TestAtCallsOnlyDuringRun(t *testing.T) {
	c := newCluster(t, stubs{})
	called := false
	c.At(0, func() { called = true })
	if called {
		t.Error("called before Run")
	}
	c.Run(0)
	if !called {
		t.Error("not called by a Run of no time, though it was due")
	}
}

func TestAtCallsNothingAfterTheRun(t *testing.T) {
	c := newCluster(t, stubs{})
	var got []string
	end := c.Now() + 20*time.Millisecond
	c.At(end-10*time.Millisecond, func() {
		for c.Now() < end+20*time.Millisecond {
		}
	})
	c.At(end-5*time.Millisecond, func() { got = append(got, "before") })
	c.At(end+10*time.Millisecond, func() { got = append(got, "after") })
	c.Run(end - c.Now())
	if !slices.Equal(got, []string{"before"}) {
		t.Errorf("called %q", got)
	}
}

func TestASlowKillStallsNothing(t *testing.T) {
	const slow = 400 * time.Millisecond
	c := newCluster(t, stubs{slow: slow}, "b1", "b2")
	var ticks []time.Duration
	var begun, ended time.Duration
	c.At(c.Now(), func() {
		begun = c.Now()
		if err := c.Kill("b1"); err != nil {
			t.Error(err)
		}
		ended = c.Now()
	})
	for i := range 10 {
		c.At(c.Now()+time.Duration(i)*20*time.Millisecond, func() { ticks = append(ticks, c.Now()) })
	}
	p := dial(t, c, "client", "b2")
	p.say("hello")
	c.Run(300 * time.Millisecond)
	if ended-begun < slow {
		t.Errorf("the kill took %v: Run did not wait for it", ended-begun)
	}
	if len(ticks) != 10 || ticks[9] >= ended {
		t.Errorf("ticks at %v: not all before the kill ended at %v", ticks, ended)
	}
	if string(p.in) != "hello" {
		t.Errorf("the connection to b2 heard %q meanwhile", p.in)
	}
	if c.turn.holder != nil || c.turn.away != 0 || c.turn.caller != nil {
		t.Errorf("the turn is not at rest: %+v", &c.turn)
	}
}

func TestACallbackGoesOnAfterItsOperation(t *testing.T) {
	c := newCluster(t, stubs{slow: 30 * time.Millisecond}, "b1", "b2", "b3")
	var log []string
	for i, n := range []string{"b1", "b2", "b3"} {
		c.At(c.Now(), func() {
			for range i + 1 {
				if err := errors.Join(c.Kill(n), c.Start(n)); err != nil {
					t.Error(err)
				}
			}
			log = append(log, n)
			c.At(0, func() { log = append(log, n) })
		})
	}
	c.Run(0) // returns when all operations are over, and what they have asked for
	slices.Sort(log)
	if want := []string{"b1", "b1", "b2", "b2", "b3", "b3"}; !slices.Equal(log, want) {
		t.Errorf("%q went on, want %q", log, want)
	}
}

func TestOneAtATime(t *testing.T) {
	c := newCluster(t, stubs{slow: time.Millisecond}, "b0", "b1", "b2", "b3")
	var inside atomic.Int32
	alone := func() {
		if inside.Add(1) != 1 {
			t.Error("two at a time")
		}
		inside.Add(-1)
	}
	count := 0
	for i := range 3 {
		p := dial(t, c, "client", "b3")
		p.hear = func() { alone(); count++; p.say("again") }
		p.say("first")
		var again func()
		again = func() {
			alone()
			n := fmt.Sprintf("b%d", i)
			if err := errors.Join(c.Kill(n), c.Start(n)); err != nil {
				t.Error(err)
			}
			alone()
			count++
			c.At(c.Now(), again)
		}
		c.At(0, again)
		c.Request("b3", "GET", "/x", func(int, []byte, error) { alone(); count++ })
	}
	c.Run(300 * time.Millisecond)
	if count < 50 {
		t.Errorf("%d things happened: too few to tell", count)
	}
}

func TestRequest(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	var got string
	c.Request("b1", "POST", "/topic/create?topic=x", func(status int, body []byte, err error) {
		got = fmt.Sprint(status, string(body), err)
	})
	if got != "" {
		t.Error("answered outside Run")
	}
	runUntil(t, c, "an answer", func() bool { return got != "" })
	if got != "200POST /topic/create<nil>" {
		t.Errorf("got %q", got)
	}
	if err := c.Kill("b1"); err != nil {
		t.Fatal(err)
	}
	var failed error
	c.Request("b1", "GET", "/ping", func(_ int, _ []byte, err error) { failed = err })
	runUntil(t, c, "an error", func() bool { return failed != nil })
}

func TestWhatANodeIsNot(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	for _, err := range []error{c.Start("b1"), c.Kill("b2"), c.Resume("b1"), c.Dial("client", "b2", nil)} {
		if err == nil {
			t.Error("no error")
		}
	}
	if err := c.Pause("b1"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("pause: %v", err)
	}
	if err := c.Kill("b1"); err != nil {
		t.Error(err)
	}
	if err := c.Kill("b1"); err == nil || err.Error() != "kill b1: it is down" {
		t.Errorf("killed twice: %v", err)
	}
}

func TestCloseDuringRun(t *testing.T) {
	c := newCluster(t, stubs{slow: time.Second}, "b1", "b2")
	p := dial(t, c, "client", "b1")
	p.say("hello")
	closed := make(chan error, 1)
	c.At(c.Now(), func() { _ = c.Kill("b2") })
	p.hear = func() {
		p.hear = nil
		go func() { closed <- c.Close() }()
	}
	begun := c.Now()
	c.Run(20 * time.Second)
	if took := c.Now() - begun; took > 15*time.Second {
		t.Errorf("Run ended after %v", took)
	}
	if p.gone != 1 {
		t.Errorf("disconnected %d times", p.gone)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := c.Dial("client", "b1", nil); err == nil {
		t.Error("dialled a closed cluster")
	}
	c.Run(time.Hour)
	for _, part := range []string{"live.(*turn)", "live.(*lane)", "live.(*link)", "live.(*endpoint)", "live.(*node)"} {
		eventually(t, "the end of every "+part, func() bool { return goroutines(part) == 0 })
	}
}

func TestAPanicInACallbackIsTheCallersOfRun(t *testing.T) {
	c := newCluster(t, stubs{slow: time.Millisecond}, "b1")
	c.At(0, func() {
		if err := c.Kill("b1"); err != nil {
			t.Error(err)
		}
		panic("so")
	})
	func() {
		defer func() {
			if r := recover(); r != "so" {
				t.Errorf("recovered %v", r)
			}
		}()
		c.Run(time.Hour)
	}()
	if err := c.Start("b1"); err != nil {
		t.Error(err)
	}
	c.Run(0)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "the end of all goroutines", func() bool { return goroutines("live.(*turn)") == 0 })
}

// goroutines counts those that are in such a function.
func goroutines(of string) int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), of)
}
