package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestPause: the sockets stay and nothing moves; timers do not fire meanwhile.
func TestPause(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	session.next = w.now + 5*ms
	session.wake()
	session.say("sent before") // in the kernel's hands at the next look
	w.Run(0)
	must(t, w.Pause("b1"))
	session.say("not sent")
	client.say("one")
	w.Run(10 * ms)
	client.say("two")
	w.Run(time.Minute)
	session.want(t)
	client.want(t, "11ms sent before")
	must(t, w.Resume("b1"))
	begin := w.now
	w.Run(time.Second)
	at := func(d time.Duration, what string) string { return fmt.Sprintf("%v %s", begin+d, what) }
	session.want(t, at(0, "one"), at(0, "timeout"), at(0, "two"))
	client.want(t, at(ms, "not sent"))
}

// TestPauseKeepsOrder: bytes that arrive in the moment of the resumption come behind those that waited.
func TestPauseKeepsOrder(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	must(t, w.Pause("b1"))
	client.say("1")
	w.Run(5 * ms)
	client.say("2")
	w.Run(0)
	client.say("3")
	w.At(w.now+ms, func() { must(t, w.Resume("b1")) }) // "2" and "3" are due at this time
	w.Run(time.Second)
	if got := string(session.got); got != "123" {
		t.Errorf("got %q", got)
	}
	session.got = nil
	w.At(w.now+ms, func() { must(t, w.Pause("b1")) })
	w.At(w.now+5*ms, func() { must(t, w.Resume("b1")) })
	client.wake()
	w.At(w.now+4*ms, func() { client.say("5") })
	client.say("4")
	w.Run(time.Second)
	if got := string(session.got); got != "45" {
		t.Errorf("got %q", got)
	}
}

// TestPauseAgain: a pause that begins before the node has caught up with the one before holds too.
func TestPauseAgain(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	must(t, w.Pause("b1"))
	client.say("1")
	w.Run(10 * ms)
	must(t, w.Resume("b1"))
	must(t, w.Pause("b1"))
	client.say("2")
	w.Run(10 * ms)
	session.want(t)
	must(t, w.Resume("b1"))
	begin := w.now
	w.Run(10 * ms)
	session.want(t, fmt.Sprintf("%v 1", begin), fmt.Sprintf("%v 2", begin))
}

// TestPausedReadsNothing: who sends to a paused node fills its sockets, and then has to wait.
func TestPausedReadsNothing(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	must(t, w.Pause("b1"))
	for range 100 {
		client.say(strings.Repeat("x", 10_000))
		w.Run(2 * ms)
	}
	if n := w.conns[0].client.way.onWay; n < window || n >= window+maxChunk {
		t.Errorf("%d bytes were sent to a node that takes none, want about %d", n, window)
	}
	must(t, w.Resume("b1"))
	w.Run(time.Second)
	if len(session.got) != 1_000_000 || len(client.out) > 0 {
		t.Errorf("got %d bytes, %d wait", len(session.got), len(client.out))
	}
}

// TestDialToPaused: the node's kernel accepts, and the node does when it runs again.
func TestDialToPaused(t *testing.T) {
	w := newWorld(t, plain, "b1")
	must(t, w.Pause("b1"))
	client := dial(t, w, "c", "b1")
	client.say("  V2NOP\nX\n")
	w.Run(time.Minute)
	client.want(t)
	if client.taken != 1 {
		t.Errorf("it could send %d times, want once", client.taken)
	}
	must(t, w.Resume("b1"))
	begin := w.now + ms
	w.Run(time.Second)
	if len(client.log) != 3 || !strings.HasPrefix(client.log[0], begin.String()) || !strings.Contains(client.log[0], "bytes") {
		t.Errorf("told %q, want an error, the end and that it is gone", client.log)
	}
}

// TestResumeAsBytesArrive: bytes that arrive as the node resumes, and has yet to take their connection, are not lost.
func TestResumeAsBytesArrive(t *testing.T) {
	w := newWorld(t, plain, "b1")
	must(t, w.Pause("b1"))
	w.At(3*ms, func() { must(t, w.Resume("b1")) }) // when the client's first bytes arrive, and before them
	client := dial(t, w, "c", "b1")
	client.say("  V2X\n")
	w.Run(time.Second)
	if got := string(client.got); !strings.Contains(got, "E_INVALID") {
		t.Errorf("the broker answered %q to a wrong command", got)
	}
}

// TestKillPaused: what a paused node did not take is lost with it, and the client learns as of any kill.
func TestKillPaused(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	must(t, w.Pause("b1"))
	client.say("lost")
	late := dial(t, w, "d", "b1")
	w.Run(time.Second)
	must(t, w.Kill("b1"))
	begin := w.now
	must(t, w.Start("b1"))
	w.Run(time.Second)
	session.want(t)
	client.want(t, fmt.Sprintf("%v gone", begin+ms))
	late.want(t, fmt.Sprintf("%v gone", begin+ms))
	if again, _ := connect(t, w, "c", "b1"); again.gone != 0 {
		t.Error("the new broker is paused")
	}
}

// TestHangUpToPaused: the end of a connection waits for the node as bytes do.
func TestHangUpToPaused(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	must(t, w.Pause("b1"))
	client.say("bye")
	client.hangUp()
	w.Run(time.Second)
	session.want(t)
	must(t, w.Resume("b1"))
	begin := w.now
	w.Run(time.Second)
	session.want(t, fmt.Sprintf("%v bye", begin), fmt.Sprintf("%v end", begin), fmt.Sprintf("%v gone", begin))
}

// TestResetOfPaused: a paused node learns of a broken connection when it runs again.
func TestResetOfPaused(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	must(t, w.Pause("b1"))
	client.say("a")
	w.Run(10 * ms)
	addRule(t, w, "c", "b1", reset)
	client.say("b")
	w.Run(time.Second)
	if client.gone != 1 || session.gone != 0 {
		t.Errorf("disconnected %d and %d times", client.gone, session.gone)
	}
	must(t, w.Resume("b1"))
	begin := w.now
	w.Run(time.Second)
	session.want(t, fmt.Sprintf("%v gone", begin))
}

// TestResetBeforeAccept: a connection that breaks before a paused node could take it is none.
func TestResetBeforeAccept(t *testing.T) {
	w := newWorld(t, plain, "b1")
	must(t, w.Pause("b1"))
	client := dial(t, w, "c", "b1")
	c := w.conns[0]
	w.Run(time.Second)
	addRule(t, w, "c", "b1", reset)
	client.say("x")
	w.Run(time.Second)
	must(t, w.Resume("b1"))
	w.Run(time.Second)
	if client.gone != 1 || c.server.endpoint != nil {
		t.Errorf("disconnected %d times; the broker's end is %v", client.gone, c.server.endpoint)
	}
}

// TestBrokerTimerInPause: a message in flight does not time out while its broker is paused.
func TestBrokerTimerInPause(t *testing.T) {
	w, err := NewWorld(1, []Node{{Name: "b1", Args: []string{"--msg-timeout=1s"}}}, plain)
	must(t, err)
	client := dial(t, w, "c", "b1")
	client.say("  V2SUB orders billing\nRDY 1\nPUB orders\n\x00\x00\x00\x01x")
	w.Run(10 * ms)
	taken := len(client.got)
	timeouts := func() uint64 { return w.node("b1").life.broker.Stats().Topics[0].Channels[0].Timeouts }
	w.At(500*ms, func() { must(t, w.Pause("b1")) })
	w.Run(10 * time.Second)
	if timeouts() != 0 || len(client.got) != taken {
		t.Errorf("%d timeouts while paused, %d bytes", timeouts(), len(client.got)-taken)
	}
	must(t, w.Resume("b1"))
	w.Run(10 * ms)
	if timeouts() != 1 || len(client.got) == taken {
		t.Errorf("%d timeouts afterwards, %d bytes", timeouts(), len(client.got)-taken)
	}
}
