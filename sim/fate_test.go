package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAnd: delays and gaps add up, the smallest slice counts, and what stops a chunk first does.
func TestAnd(t *testing.T) {
	holds, loses, resets := Fate{Hold: true}, Fate{Lose: true}, Fate{Reset: true}
	late := Fate{Reset: true, First: 9}
	for _, c := range []struct{ a, b, want Fate }{
		{Fate{}, Fate{}, Fate{}},
		{Fate{Delay: ms}, Fate{Delay: 2 * ms}, Fate{Delay: 3 * ms}},
		{Fate{Delay: ms}, Fate{Delay: -2 * ms}, Fate{Delay: ms}},
		{Fate{Slice: 7, Gap: ms}, Fate{Slice: 5, Gap: ms}, Fate{Slice: 5, Gap: 2 * ms}},
		{Fate{Slice: 7}, Fate{Delay: ms}, Fate{Slice: 7, Delay: ms}},
		{holds, loses, loses},
		{loses, resets, resets},
		{holds, resets, resets},
		{late, holds, holds},
		{late, loses, loses},
		{late, Fate{Lose: true, First: 10}, late},
		{late, Fate{Hold: true, First: 9}, late},
		{late, Fate{Delay: ms, Slice: 3}, Fate{Reset: true, First: 9, Delay: ms, Slice: 3}},
	} {
		for _, got := range []Fate{c.a.And(c.b), c.b.And(c.a)} {
			if got != c.want {
				t.Errorf("%+v and %+v are %+v, want %+v", c.a, c.b, got, c.want)
			}
		}
	}
}

// once is a rule that gives a fate to the first chunk with bytes, and nothing to any other.
func once(f Fate) ruleFunc {
	return func(c Chunk) (fate Fate) {
		if len(c.Data) > 0 {
			fate, f = f, Fate{}
		}
		return fate
	}
}

// TestOffsets: each direction has its offsets, each connection its own, and what is judged anew keeps its place.
func TestOffsets(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	client.say("12345")
	w.Run(5 * ms)
	var seen []string
	note := func(c Chunk) Fate {
		seen = append(seen, fmt.Sprintf("%s %d %q", c.From, c.At, c.Data))
		return Fate{}
	}
	remove := addRule(t, w, "", "", note)
	client.say("678")
	w.Run(5 * ms)
	session.say("abc")
	w.Run(5 * ms)
	block := addRule(t, w, "c", "", once(Fate{Hold: true, First: 2}))
	client.say("9012")
	w.Run(5 * ms)
	client.say("345")
	w.Run(5 * ms)
	session.say("de")
	w.Run(5 * ms)
	block()
	w.Run(5 * ms)
	remove()
	want := []string{`c 5 "678"`, `b1 0 "abc"`, `c 8 "9012"`, `b1 3 "de"`, `c 10 "12"`, `c 12 "345"`}
	if !slices.Equal(seen, want) {
		t.Errorf("the rule saw %q, want %q", seen, want)
	}
	if string(session.got) != "123456789012345" || string(client.got) != "abcde" {
		t.Errorf("got %q and %q", session.got, client.got)
	}
}

// TestLose: what is lost and all behind it never comes, whatever becomes of the rule; the other direction lives, and nobody learns of it.
func TestLose(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	client.say("before ")
	w.Run(5 * ms)
	remove := addRule(t, w, "c", "b1", once(Fate{Lose: true, First: 3}))
	client.say("half of it")
	w.Run(5 * ms)
	remove()
	client.say("behind")
	session.say("the other way")
	w.Run(5 * ms)
	client.hangUp()
	w.Run(time.Second)
	if got := string(session.got); got != "before hal" || session.gone != 0 {
		t.Errorf("the node got %q, and was disconnected %d times", got, session.gone)
	}
	if got := string(client.got); got != "the other way" || client.gone != 1 {
		t.Errorf("the client got %q, and was disconnected %d times", got, client.gone)
	}
	if len(w.conns) != 1 {
		t.Errorf("%d connections stand, want the node's half", len(w.conns))
	}
	session.hangUp()
	w.Run(5 * ms)
	if session.gone != 1 || len(w.conns) != 0 {
		t.Errorf("the node was disconnected %d times; %d connections stand", session.gone, len(w.conns))
	}
}

// TestLoseBothWays: a connection whose ends are gone is gone, though neither could tell the other.
func TestLoseBothWays(t *testing.T) {
	for _, kill := range []bool{false, true} {
		w := newWorld(t, plain, "b1")
		client, session := connect(t, w, "c", "b1")
		addRule(t, w, "", "", func(Chunk) Fate { return Fate{Lose: true} })
		client.say("x")
		session.say("x")
		w.Run(time.Minute)
		if client.gone+session.gone != 0 {
			t.Error("an end learnt of it")
		}
		if kill {
			must(t, w.Kill("b1"))
		} else {
			session.hangUp()
		}
		w.Run(time.Minute)
		if client.gone != 0 || len(w.conns) != 1 {
			t.Errorf("the client was disconnected %d times, and %d connections stand", client.gone, len(w.conns))
		}
		client.hangUp()
		w.Run(time.Minute)
		if client.gone != 1 || len(w.conns) != 0 {
			t.Errorf("the client was disconnected %d times, and %d connections stand", client.gone, len(w.conns))
		}
	}
}

// TestLoseTheNewsOfAKill: a client that was not told that its node is gone, and leaves, leaves nothing behind.
func TestLoseTheNewsOfAKill(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, _ := connect(t, w, "c", "b1")
	addRule(t, w, "b1", "c", func(Chunk) Fate { return Fate{Lose: true} })
	w.Run(ms)
	must(t, w.Kill("b1"))
	w.Run(time.Second)
	if client.gone != 0 {
		t.Error("the client was told")
	}
	client.hangUp()
	w.Run(time.Second)
	if client.gone != 1 || len(w.conns) != 0 {
		t.Errorf("the client was disconnected %d times, and %d connections stand", client.gone, len(w.conns))
	}
}

// TestLoseOpening: a client whose opening is lost, or whose node's answer is, gives up in time, and the node learns of it if it can.
func TestLoseOpening(t *testing.T) {
	for _, towards := range []string{"b1", "c"} {
		w := newWorld(t, plain, "b1")
		remove := addRule(t, w, "", towards, func(Chunk) Fate { return Fate{Lose: true} })
		client := dial(t, w, "c", "b1")
		client.say("hello")
		w.Run(dialTimeout - ms)
		remove()
		if client.gone != 0 {
			t.Error("the client gave up early")
		}
		w.Run(5 * ms)
		if client.gone != 1 || len(w.conns) != 0 {
			t.Errorf("towards %s: the client was disconnected %d times, and %d connections stand", towards, client.gone, len(w.conns))
		}
	}
}

// TestLostIsSwallowed: who sends into the void never has to wait, also who waited before, and nothing is kept of it.
func TestLostIsSwallowed(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	remove := addRule(t, w, "c", "b1", hold)
	client.say(strings.Repeat("x", 1<<20))
	w.Run(ms)
	client.say(strings.Repeat("x", 1<<20))
	w.Run(ms)
	addRule(t, w, "c", "b1", func(Chunk) Fate { return Fate{Lose: true} })
	remove()
	w.Run(ms)
	for range 10 {
		client.say(strings.Repeat("x", 1<<20))
		w.Run(ms)
		if way := &w.conns[0].client.way; len(client.out) > 0 || way.onWay != 0 || len(way.held)+len(way.rest) > 0 {
			t.Fatalf("%d bytes wait; %d are on the way, %d chunks are held", len(client.out), way.onWay, len(way.held))
		}
	}
	if len(session.got) > 0 {
		t.Errorf("%d bytes came", len(session.got))
	}
}

// TestLostEnd: an end that is lost leaves the other end alone, and one that is late comes late.
func TestLostEnd(t *testing.T) {
	w := newWorld(t, plain, "b1")
	slow, slowSession := connect(t, w, "slow", "b1")
	lost, lostSession := connect(t, w, "lost", "b1")
	ends := func(f Fate) ruleFunc {
		return func(c Chunk) Fate {
			if len(c.Data) == 0 && !c.Opening {
				return f
			}
			return Fate{}
		}
	}
	addRule(t, w, "slow", "", ends(Fate{Delay: time.Second}))
	addRule(t, w, "lost", "", ends(Fate{Lose: true}))
	begin := w.now
	slow.say("bye")
	lost.say("bye")
	slow.hangUp()
	lost.hangUp()
	w.Run(10 * time.Second)
	slowSession.want(t, fmt.Sprint(begin+ms, " bye"), fmt.Sprint(begin+time.Second+ms, " end"), fmt.Sprint(begin+time.Second+ms, " gone"))
	lostSession.want(t, fmt.Sprint(begin+ms, " bye"))
}

// TestFirst: so many bytes come, and then the connection breaks, or the rest waits.
func TestFirst(t *testing.T) {
	for _, c := range []struct {
		first int
		got   string
	}{{-1, ""}, {0, ""}, {1, "h"}, {4, "hell"}, {5, "hello"}, {9, "hello"}} {
		for _, fate := range []Fate{{Reset: true}, {Hold: true}, {Lose: true}, {Reset: true, Delay: 7 * ms}} {
			w := newWorld(t, plain, "b1")
			client, session := connect(t, w, "c", "b1")
			fate.First = c.first
			remove := addRule(t, w, "c", "b1", once(fate))
			client.say("hello")
			w.Run(5 * ms)
			if got := string(session.got); got != c.got && fate.Delay == 0 {
				t.Errorf("%+v: got %q, want %q", fate, got, c.got)
			}
			client.say(" world")
			w.Run(10 * ms)
			want, gone := c.got, 0
			switch {
			case fate.Reset:
				gone = 1
			case fate.Hold && c.first >= 5:
				want = "hello world"
			}
			if got := string(session.got); got != want || client.gone != gone || session.gone != gone {
				t.Errorf("%+v: got %q, want %q; disconnected %d and %d times, want %d", fate, got, want, client.gone, session.gone, gone)
			}
			remove()
			w.Run(10 * ms)
			if got := string(session.got); fate.Hold && got != "hello world" {
				t.Errorf("%+v: got %q in the end", fate, got)
			}
		}
	}
}

// TestResetLater: a connection that a rule resets after a while lives until then, and nothing behind gets through.
func TestResetLater(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	addRule(t, w, "c", "b1", once(Fate{Reset: true, Delay: 9 * ms}))
	begin := w.now
	client.say("x")
	w.Run(5 * ms)
	client.say("y")
	session.say("z")
	w.Run(time.Second)
	session.want(t, fmt.Sprint(begin+10*ms, " gone"))
	client.want(t, fmt.Sprint(begin+6*ms, " z"), fmt.Sprint(begin+10*ms, " gone"))
}

// TestSlice: bytes come in pieces, each after the one before and all before what was sent later.
func TestSlice(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	addRule(t, w, "c", "b1", once(Fate{Slice: 3, Gap: 2 * ms, Delay: 4 * ms}))
	begin := w.now
	client.say("abcdefgh")
	w.Run(ms)
	client.say("later")
	w.Run(time.Second)
	at := func(d time.Duration, text string) string { return fmt.Sprint(begin+d, " ", text) }
	session.want(t, at(5*ms, "abc"), at(7*ms, "def"), at(9*ms, "gh"), at(9*ms, "later"))
	if way := &w.conns[0].client.way; way.onWay != 0 {
		t.Errorf("%d bytes are still on their way", way.onWay)
	}
}

// TestSlicedWindow: many pieces are no more than the bytes they are of.
func TestSlicedWindow(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	addRule(t, w, "c", "b1", func(Chunk) Fate { return Fate{Slice: 10} })
	text := bytes.Repeat([]byte("all work and no play "), 1<<15)
	client.say(string(text))
	w.Run(time.Second)
	if !bytes.Equal(session.got, text) {
		t.Errorf("%d bytes came, want %d as they were", len(session.got), len(text))
	}
}

// TestHalfOpenSessions: of a half-open connection the broker's session and our client each learn by heartbeats that do not come, whichever
// direction is lost.
func TestHalfOpenSessions(t *testing.T) {
	for _, towards := range []string{"b1", "shop", ""} {
		w := newWorld(t, plain, "b1")
		l := newLoad(t, w, 10)
		l.produce("shop", "b1", 10*ms)
		w.Run(time.Second)
		remove := addRule(t, w, "", towards, func(c Chunk) Fate { return Fate{Lose: c.Conn == 1} })
		w.Run(time.Second)
		remove()
		c := w.conns[0]
		if !c.client.there || !c.server.there {
			t.Fatalf("towards %s: an end is gone after a second", towards)
		}
		w.Run(8 * time.Second) // two heartbeats of two seconds, for each end
		if c.client.there || c.server.there || !c.closed {
			t.Errorf("towards %s: the client lives: %v; the session lives: %v; closed: %v", towards, c.client.there, c.server.there, c.closed)
		}
		if n := len(w.conns); n != 1 {
			t.Errorf("towards %s: %d connections stand, want the new one", towards, n)
		}
	}
}
