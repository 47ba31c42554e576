package sim

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDialTimeout(t *testing.T) {
	for _, way := range [][2]string{{"c", "b1"}, {"b1", "c"}, {"", ""}} {
		t.Run(fmt.Sprint(way), func(t *testing.T) {
			w := newWorld(t, plain, "b1")
			remove := addRule(t, w, way[0], way[1], hold)
			client := dial(t, w, "c", "b1")
			client.say("hello")
			w.Run(5*time.Second - 1)
			client.want(t)
			w.Run(1)
			client.want(t, "5s gone")
			remove()
			w.Run(time.Second)
			client.want(t)
			if client.asked != 0 {
				t.Errorf("it was asked %d times what it has to send", client.asked)
			}
			if len(w.conns) != 0 {
				t.Errorf("%d connections are left", len(w.conns))
			}
		})
	}
}

// TestGivenUpBehindPartition: a broker that has accepted learns that the client gave up when that gets through, and not before.
func TestGivenUpBehindPartition(t *testing.T) {
	w := newWorld(t, plain, "b1")
	addRule(t, w, "b1", "c", hold)
	client := dial(t, w, "c", "b1")
	w.Run(ms)
	session := &fake{w: w, wake: func() {}}
	w.conns[0].server.endpoint = session
	remove := addRule(t, w, "c", "b1", hold)
	w.Run(time.Minute)
	if client.gone != 1 || session.gone != 0 {
		t.Errorf("disconnected %d and %d times", client.gone, session.gone)
	}
	remove()
	begin := w.now
	w.Run(time.Second)
	session.want(t, fmt.Sprintf("%v gone", begin+ms))
}

// TestDialThroughHold: a dial that is held for less than its timeout succeeds.
func TestDialThroughHold(t *testing.T) {
	w := newWorld(t, plain, "b1")
	remove := addRule(t, w, "", "", hold)
	client := dial(t, w, "c", "b1")
	w.Run(4 * time.Second)
	remove()
	w.Run(10 * time.Second)
	if client.gone != 0 || client.asked == 0 {
		t.Errorf("disconnected %d times, asked to send %d times", client.gone, client.asked)
	}
}

func TestDialToKilled(t *testing.T) {
	w := newWorld(t, plain, "b1")
	must(t, w.Kill("b1"))
	client := dial(t, w, "c", "b1")
	client.say("hello")
	w.Run(time.Minute)
	client.want(t, "2ms gone")
	if client.asked != 0 || len(w.conns) != 0 {
		t.Errorf("asked %d times what it has to send; %d connections are left", client.asked, len(w.conns))
	}
}

// TestDialAcrossRestart: an opening that arrives after the restart finds the new broker.
func TestDialAcrossRestart(t *testing.T) {
	w := newWorld(t, plain, "b1")
	remove := addRule(t, w, "", "", hold)
	client := dial(t, w, "c", "b1")
	w.Run(time.Second)
	must(t, w.Kill("b1"))
	must(t, w.Start("b1"))
	remove()
	w.Run(time.Second)
	if client.gone != 0 || client.asked == 0 {
		t.Errorf("disconnected %d times, asked to send %d times", client.gone, client.asked)
	}
}

// TestKill: connections break, the client learns it, and the broker's end is told nothing.
func TestKill(t *testing.T) {
	w := newWorld(t, plain, "b1", "b2")
	client, session := connect(t, w, "c", "b1")
	other, _ := connect(t, w, "c", "b2")
	session.say("last words")
	w.Run(0)
	session.say("never said")
	must(t, w.Kill("b1"))
	client.say("in vain")
	begin := w.now
	w.Run(time.Second)
	client.want(t, fmt.Sprintf("%v last words", begin+ms), fmt.Sprintf("%v gone", begin+ms))
	session.want(t)
	other.want(t)
	must(t, w.Start("b1"))
	w.Run(time.Second)
	client.want(t)
	session.want(t)
	if again, _ := connect(t, w, "c", "b1"); again.gone != 0 {
		t.Error("a new connection does not stand")
	}
}

// TestKillBehindPartition: the client learns of it when the link is mended, with what was said before; or by its own means.
func TestKillBehindPartition(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	patient, _ := connect(t, w, "d", "b1")
	remove := addRule(t, w, "b1", "", hold)
	session.say("last words")
	w.Run(ms)
	must(t, w.Kill("b1"))
	must(t, w.Start("b1"))
	must(t, w.Kill("b1"))
	client.say("in vain")
	w.Run(time.Minute)
	client.want(t)
	patient.hangUp()
	w.Run(time.Minute)
	if patient.gone != 1 {
		t.Errorf("the one that gave up was disconnected %d times", patient.gone)
	}
	begin := w.now
	remove()
	w.Run(time.Second)
	client.want(t, fmt.Sprintf("%v last words", begin+ms), fmt.Sprintf("%v gone", begin+ms))
	if patient.gone != 1 || session.gone != 0 || len(w.conns) != 0 {
		t.Errorf("disconnected %d and %d times, %d connections are left", patient.gone, session.gone, len(w.conns))
	}
}

// TestHangUp: the other end gets all that was said, then hears that no more comes, once, and then that it is over.
func TestHangUp(t *testing.T) {
	for _, byClient := range []bool{true, false} {
		t.Run(fmt.Sprintf("client %v", byClient), func(t *testing.T) {
			w := newWorld(t, plain, "b1")
			a, b := connect(t, w, "c", "b1")
			if !byClient {
				a, b = b, a
			}
			var ends int
			b.onReceive = func(p []byte) (int, error) {
				if len(p) == 0 {
					ends++
				}
				b.got = append(b.got, p...)
				return len(p), nil
			}
			a.say(strings.Repeat("x", 400_000))
			a.hangUp()
			begin := w.now
			w.Run(0)
			a.want(t, fmt.Sprintf("%v timeout", begin), fmt.Sprintf("%v gone", begin))
			b.say("too late")
			w.Run(time.Second)
			a.want(t)
			b.want(t, fmt.Sprintf("%v gone", begin+ms))
			if len(b.got) != 400_000 || ends != 1 || len(w.conns) != 0 {
				t.Errorf("got %d bytes, heard of the end %d times; %d connections are left", len(b.got), ends, len(w.conns))
			}
		})
	}
}

// TestHangUpHeld: bytes that are held when their end hangs up come later, and the end behind them.
func TestHangUpHeld(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	remove := addRule(t, w, "c", "b1", hold)
	client.say("a")
	w.Run(ms)
	client.say("b")
	client.hangUp()
	w.Run(time.Minute)
	if client.gone != 1 {
		t.Errorf("disconnected %d times", client.gone)
	}
	session.want(t)
	remove()
	begin := w.now + ms
	w.Run(time.Second)
	session.want(t, fmt.Sprintf("%v a", begin), fmt.Sprintf("%v b", begin), fmt.Sprintf("%v end", begin), fmt.Sprintf("%v gone", begin))
}

// TestErrorInReceive: an endpoint that fails says its last words before it goes.
func TestErrorInReceive(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	session.onReceive = func([]byte) (int, error) {
		session.out = append(session.out, "no"...)
		return 0, errors.New("no")
	}
	client.say("x")
	w.Run(time.Second)
	client.want(t, "12ms no", "12ms end", "12ms gone")
	session.want(t, "11ms gone")
}

// TestBothHangUp: when both do at a time each is disconnected once, and neither hears of the other's end.
func TestBothHangUp(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	client.hangUp()
	session.hangUp()
	w.Run(time.Second)
	client.want(t, "10ms timeout", "10ms gone")
	session.want(t, "10ms timeout", "10ms gone")
	if len(w.conns) != 0 {
		t.Errorf("%d connections are left", len(w.conns))
	}
}

// TestHangUpWhileDialling: nobody is called by somebody who has given up.
func TestHangUpWhileDialling(t *testing.T) {
	for _, wait := range []time.Duration{0, ms / 2, ms, ms + ms/2} {
		t.Run(wait.String(), func(t *testing.T) {
			w := newWorld(t, plain, "b1")
			client := dial(t, w, "c", "b1")
			c := w.conns[0]
			w.Run(wait)
			client.hangUp()
			w.Run(time.Minute)
			if c.server.endpoint != nil {
				t.Error("the broker still serves it")
			}
			if client.gone != 1 || client.asked != 0 {
				t.Errorf("disconnected %d times, asked to send %d times", client.gone, client.asked)
			}
			if len(w.conns) != 0 {
				t.Errorf("%d connections are left", len(w.conns))
			}
		})
	}
	w := newWorld(t, plain, "b1")
	remove := addRule(t, w, "", "", hold)
	client := dial(t, w, "c", "b1")
	client.hangUp()
	w.Run(time.Minute)
	called := false
	addRule(t, w, "b1", "c", func(Chunk) Fate { called = true; return Fate{} })
	remove()
	w.Run(time.Minute)
	if called || client.gone != 1 || len(w.conns) != 0 {
		t.Errorf("the broker answered: %v; disconnected %d times, %d connections are left", called, client.gone, len(w.conns))
	}
}

// TestTimers: an endpoint's timer fires when it last asked for, once, whatever it asked before.
func TestTimers(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, _ := connect(t, w, "c", "b1")
	ask := func(d time.Duration) { client.next = d; client.wake(); w.Run(0) }
	ask(50 * ms)
	ask(20 * ms)
	ask(30 * ms)
	w.Run(100 * ms)
	client.want(t, "30ms timeout")
	ask(200 * ms)
	ask(0)
	w.Run(time.Second)
	client.want(t)
	ask(ms) // gone by
	w.Run(0)
	client.want(t, fmt.Sprintf("%v timeout", w.now))
}

// TestTimerAtTheBeginning: the time 0 is a time like others.
func TestTimerAtTheBeginning(t *testing.T) {
	w := newWorld(t, plain, "b1")
	calls := 0
	client := dial(t, w, "c", "b1")
	client.next = -1 // gone by
	client.onTimeout = func() error { calls++; return nil }
	client.wake()
	client.wake()
	w.Run(0)
	if calls != 1 {
		t.Errorf("the timer rang %d times", calls)
	}
	if pending := len(w.queue); pending != 2 { // the opening on its way, and the dial's timeout
		t.Errorf("%d events are left", pending)
	}
}

// TestTimersDoNotPile: a timer that is set to an early time again and again leaves nothing behind.
func TestTimersDoNotPile(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, _ := connect(t, w, "c", "b1")
	w.Run(10 * time.Second)
	before := len(w.queue)
	client.onTimeout = func() error { client.next = time.Hour; return nil }
	for range 1000 {
		client.next = w.now + ms
		client.wake()
		w.Run(2 * ms)
	}
	if after := len(w.queue); after > before+2 {
		t.Errorf("%d events wait, %d did before", after, before)
	}
}

// TestWakeInReceive: an endpoint that wakes its driver from within a call has what it says sent, once.
func TestWakeInReceive(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	session.onReceive = func(p []byte) (int, error) {
		session.say("echo")
		session.say("!")
		return len(p), nil
	}
	client.say("x")
	w.Run(time.Second)
	client.want(t, "12ms echo!")
}

// TestManyWakes: an endpoint that wakes its driver over and over is attended to once.
func TestManyWakes(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, _ := connect(t, w, "c", "b1")
	before := client.asked
	for range 1000 {
		client.wake()
	}
	w.Run(time.Second)
	if n := client.asked - before; n != 1 {
		t.Errorf("it was asked %d times what it has to send, want once", n)
	}
}
