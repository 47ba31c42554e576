package live

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// A listener is a node that notes what it reads and says nothing.
type listener struct {
	got  chan string // each read
	ends chan error  // of each connection
}

func newListener() *listener {
	return &listener{got: make(chan string, 1000), ends: make(chan error, 10)}
}

func (l *listener) talk(conn net.Conn) {
	buf := make([]byte, 1<<16)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			l.got <- string(buf[:n])
		}
		if err != nil {
			l.ends <- err
			return
		}
	}
}

// heard waits until the node has read so many bytes, and gives what it has read.
func (l *listener) heard(t *testing.T, c *Cluster, n int) string {
	t.Helper()
	var all string
	runUntil(t, c, fmt.Sprint(n, " bytes"), func() bool {
		for len(l.got) > 0 {
			all += <-l.got
		}
		return len(all) >= n
	})
	return all
}

// data is a rule that gives a fate to the first chunk with bytes.
func data(f sim.Fate) ruleFunc {
	return func(c sim.Chunk) (fate sim.Fate) {
		if len(c.Data) > 0 {
			fate, f = f, sim.Fate{}
		}
		return fate
	}
}

func TestOffsets(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	p := connected(t, c, "client", "b1")
	var seen, anew []string
	remove := addRule(t, c, "", "", func(c sim.Chunk) sim.Fate {
		seen = append(seen, fmt.Sprintf("%s %d %q", c.From, c.At, c.Data))
		return sim.Fate{Hold: strings.HasSuffix(string(c.Data), "bc"), First: int(7 - c.At)}
	})
	p.say("abc")
	runUntil(t, c, "the first byte", func() bool { return string(p.in) == "a" })
	second := addRule(t, c, "", "", func(c sim.Chunk) sim.Fate {
		anew = append(anew, fmt.Sprintf("%s %d %q", c.From, c.At, c.Data))
		return sim.Fate{}
	})
	remove()
	runUntil(t, c, "the echo", func() bool { return string(p.in) == "abc" })
	second()
	if want := []string{`client 6 "abc"`, `b1 6 "a"`}; len(seen) < 2 || !slices.Equal(seen[:2], want) {
		t.Errorf("the rule saw %q, want %q", seen, want)
	}
	if want := []string{`client 7 "bc"`, `b1 7 "bc"`}; !slices.Equal(slices.Compact(anew), want) {
		t.Errorf("what was held is judged as %q, want %q", anew, want)
	}
}

func TestLose(t *testing.T) {
	l := newListener()
	c := newCluster(t, stubs{talk: l.talk}, "b1")
	p := dial(t, c, "client", "b1")
	p.say("before ")
	if got := l.heard(t, c, 7); got != "before " {
		t.Fatalf("got %q", got)
	}
	remove := addRule(t, c, "client", "b1", data(sim.Fate{Lose: true, First: 3, Delay: 2 * time.Second}))
	p.say("half of it")
	begun := c.Now()
	for range 100 {
		p.say(strings.Repeat("x", 1<<16))
		c.Run(time.Millisecond)
	}
	runUntil(t, c, "all to be taken", func() bool { return len(p.out) == 0 })
	if took := c.Now() - begun; took > 1900*time.Millisecond {
		t.Errorf("the sender had to wait for %v", took)
	}
	remove()
	if got := l.heard(t, c, 3); got != "hal" {
		t.Errorf("got %q", got)
	}
	p.hangUp()
	runUntil(t, c, "the client's end", func() bool { return p.gone == 1 })
	c.Run(50 * time.Millisecond)
	if len(l.got)+len(l.ends) > 0 {
		t.Errorf("the node heard %d more times, and of %d ends", len(l.got), len(l.ends))
	}
}

// TestLoseWhatWasHeld: it and all behind it is swallowed when the rules change.
func TestLoseWhatWasHeld(t *testing.T) {
	l := newListener()
	c := newCluster(t, stubs{talk: l.talk}, "b1")
	p := dial(t, c, "client", "b1")
	p.say("before")
	l.heard(t, c, 6)
	hold := addRule(t, c, "client", "b1", func(sim.Chunk) sim.Fate { return sim.Fate{Hold: true} })
	for range 100 {
		p.say(strings.Repeat("x", 10_000))
		c.Run(time.Millisecond)
	}
	if len(p.out) == 0 {
		t.Error("a held link took a megabyte")
	}
	lose := addRule(t, c, "client", "b1", func(c sim.Chunk) sim.Fate { return sim.Fate{Lose: len(c.Data) > 0, First: 3} }) // also when it is asked twice
	hold()
	runUntil(t, c, "all to be taken", func() bool { return len(p.out) == 0 })
	if got := l.heard(t, c, 3); got != "xxx" {
		t.Errorf("got %d bytes", len(got))
	}
	lose()
	c.Run(50 * time.Millisecond)
	if len(l.got)+len(l.ends) > 0 {
		t.Errorf("the node heard %d more times, and of %d ends", len(l.got), len(l.ends))
	}
}

func TestLoseOpening(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	remove := addRule(t, c, "b1", "client", func(sim.Chunk) sim.Fate { return sim.Fate{Lose: true} })
	p := dial(t, c, "client", "b1")
	c.Run(100 * time.Millisecond)
	remove()
	begun := c.Now()
	for p.gone == 0 && c.Now() < begun+2*dialTimeout {
		c.Run(10 * time.Millisecond)
	}
	if p.gone != 1 || p.asked > 0 || c.Now()-begun < dialTimeout/2 {
		t.Errorf("disconnected %d times after %v, asked for bytes %d times", p.gone, c.Now()-begun, p.asked)
	}
}

func TestFirstThenReset(t *testing.T) {
	const delay = 100 * time.Millisecond
	for _, fate := range []sim.Fate{{Reset: true, First: 3}, {Reset: true, First: 3, Delay: delay}, {Reset: true, Delay: delay}} {
		l := newListener()
		c := newCluster(t, stubs{talk: l.talk}, "b1")
		p := dial(t, c, "client", "b1")
		p.say("before")
		l.heard(t, c, 6)
		addRule(t, c, "client", "b1", data(fate))
		begun := c.Now()
		p.say("half of it")
		if got := l.heard(t, c, fate.First); got != "half"[:fate.First] {
			t.Errorf("%+v: got %q", fate, got)
		}
		runUntil(t, c, "a disconnection", func() bool { return p.gone == 1 })
		if took := c.Now() - begun; took < fate.Delay {
			t.Errorf("%+v: reset after %v", fate, took)
		}
		if err := <-l.ends; err == io.EOF {
			t.Errorf("%+v: the node heard the end of it", fate)
		}
	}
}

func TestSlice(t *testing.T) {
	const gap = 20 * time.Millisecond
	l := newListener()
	c := newCluster(t, stubs{talk: l.talk}, "b1")
	p := dial(t, c, "client", "b1")
	addRule(t, c, "client", "b1", data(sim.Fate{Slice: 3, Gap: gap}))
	begun := c.Now()
	p.say("abcdefghij")
	c.Run(time.Millisecond)
	p.say("later")
	if got := l.heard(t, c, 15); got != "abcdefghijlater" {
		t.Errorf("got %q", got)
	}
	if took := c.Now() - begun; took < 3*gap {
		t.Errorf("four pieces took %v, want %v or more", took, 3*gap)
	}
}

func TestSlowClose(t *testing.T) {
	const delay = 150 * time.Millisecond
	l := newListener()
	c := newCluster(t, stubs{talk: l.talk}, "b1")
	addRule(t, c, "client", "b1", func(c sim.Chunk) sim.Fate {
		if len(c.Data) == 0 && !c.Opening {
			return sim.Fate{Delay: delay}
		}
		return sim.Fate{}
	})
	p := dial(t, c, "client", "b1")
	p.say("bye")
	l.heard(t, c, 3)
	begun := c.Now()
	p.hangUp()
	runUntil(t, c, "the end", func() bool { return len(l.ends) > 0 })
	if took := c.Now() - begun; took < delay {
		t.Errorf("the node heard of the end after %v", took)
	}
}
