package client

import (
	"fmt"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

func TestLost(t *testing.T) {
	p := newPair(t, Options{})
	p.talk()
	p.log = nil
	p.conn.Publish("orders", []byte("1"), p.done("sent"))
	p.conn.Finish(wire.ID{1}, p.done("FIN"))
	p.conn.Transmit(nil)
	p.conn.Publish("orders", []byte("2"), p.done("kept"))
	p.conn.Ready(1)
	p.disconnect()
	p.want("closed: <nil>", "sent unknown the connection ended", "FIN unknown the connection ended", "kept refused never sent")
}

func TestLostBeforeAnythingWasSent(t *testing.T) {
	p := newPair(t, Options{})
	p.conn.Publish("orders", []byte("1"), p.done("PUB"))
	p.disconnect()
	p.want("closed: <nil>", "PUB refused never sent")
	if p.conn.Sent() {
		t.Error("it says that something was sent")
	}
}

// TestAfterTheEnd: a command that is given to a connection that is gone has a fate too, also one that is given while it goes.
func TestAfterTheEnd(t *testing.T) {
	p := newPair(t, Options{})
	p.talk()
	p.log = nil
	h := &p.conn.handler
	h.Closed = func(time.Time, error) {
		p.note("closed")
		p.conn.Publish("orders", []byte("x"), p.done("from closed"))
	}
	p.conn.Publish("orders", []byte("x"), func(now time.Time, r Result) {
		p.done("open")(now, r)
		p.conn.Publish("orders", []byte("x"), p.done("from done"))
	})
	p.send()
	p.disconnect()
	p.want("closed", "from closed refused never sent", "open unknown the connection ended", "from done refused never sent")
	woken := p.woken
	p.conn.Publish("orders", []byte("x"), p.done("late"))
	p.conn.Finish(wire.ID{}, nil)
	p.conn.Prove()
	p.want("late refused never sent")
	if out := p.conn.Transmit(nil); len(out) > 0 || p.woken != woken {
		t.Errorf("it has %q to send, and woke the driver %d times", out, p.woken-woken)
	}
}

// TestFinishProved: FIN has no answer; it is done when what came after it was answered, and not before.
func TestFinishProved(t *testing.T) {
	p := consumer(t, 4)
	p.conn.Finish(p.ids[0], p.done("FIN a"))
	p.talk()
	p.want()
	p.conn.Publish("other", []byte("x"), p.done("PUB"))
	p.conn.Finish(p.ids[1], p.done("FIN b"))
	p.talk()
	p.want("FIN a done", "PUB done OK")
	p.conn.Prove()
	p.conn.Finish(p.ids[2], p.done("FIN c"))
	p.talk()
	p.want("FIN b done")
	p.conn.Close(p.done("CLS"))
	p.conn.Finish(p.ids[3], p.done("FIN d"))
	p.talk()
	p.want("FIN c done", "CLS done CLOSE_WAIT")
	p.disconnect()
	p.want("closed: <nil>", "FIN d unknown the connection ended")
	if st := p.broker.Stats(); st.Topics[0].Channels[0].Depth+int64(st.Topics[0].Channels[0].InFlight) != 0 {
		t.Errorf("the channel holds something: %+v", st.Topics[0].Channels[0])
	}
}

// TestFinishRefused: the error settles its own command, proves those before and says nothing of those behind.
func TestFinishRefused(t *testing.T) {
	p := consumer(t, 3)
	p.now = p.now.Add(11 * time.Second) // all time out, and come again
	p.broker.HandleTimeout(p.now)
	p.talk()
	p.log = nil
	strange := wire.ID([]byte("00000000000000ff"))
	p.conn.Finish(p.ids[0], p.done("FIN a"))
	p.conn.Touch(strange, p.done("TOUCH ff"))
	p.conn.Finish(p.ids[1], p.done("FIN b"))
	p.conn.Finish(strange, p.done("FIN ff"))
	p.conn.Requeue(strange, 0, p.done("REQ ff"))
	p.conn.Finish(p.ids[2], p.done("FIN c"))
	p.talk()
	p.want("FIN a done",
		"TOUCH ff refused E_TOUCH_FAILED TOUCH 00000000000000ff failed ID not in flight",
		"FIN b done",
		"FIN ff refused E_FIN_FAILED FIN 00000000000000ff failed ID not in flight",
		"REQ ff refused E_REQ_FAILED REQ 00000000000000ff failed ID not in flight")
	p.conn.Prove()
	p.talk()
	p.want("FIN c done")
}

// TestFinishTwice: of two equal commands the broker does not say which it refused. The first is taken, so that "done" is never
// told before it is so.
func TestFinishTwice(t *testing.T) {
	p := consumer(t, 1)
	p.conn.Finish(p.ids[0], p.done("first"))
	p.conn.Finish(p.ids[0], p.done("second"))
	p.talk()
	p.want("first refused E_FIN_FAILED FIN " + p.ids[0].String() + " failed ID not in flight")
	p.conn.Prove()
	p.talk()
	p.want("second done")
}

// TestRefusedBeforeAnAnswer: an error to a FIN does not answer a publish that waits.
func TestRefusedBeforeAnAnswer(t *testing.T) {
	p := consumer(t, 1)
	other := wire.ID([]byte("00000000000000ff"))
	p.conn.Publish("orders", []byte("x"), p.done("PUB"))
	p.conn.Finish(p.ids[0], p.done("FIN a"))
	p.conn.PublishMany("orders", [][]byte{{'x'}}, p.done("MPUB"))
	p.conn.Finish(other, p.done("FIN ff"))
	p.conn.Transmit(nil)
	p.give(refusal("E_FIN_FAILED FIN " + other.String() + " failed ID not in flight"))
	p.want("FIN a done", "FIN ff refused E_FIN_FAILED FIN 00000000000000ff failed ID not in flight")
	p.give(response("OK"))
	p.want("PUB done OK")
	p.disconnect()
	p.want("closed: <nil>", "MPUB unknown the connection ended")
}

func TestSubscribeRefused(t *testing.T) {
	p := consumer(t, 1)
	p.conn.Finish(p.ids[0], p.done("FIN"))
	p.conn.Subscribe("orders", "billing", p.done("SUB"))
	p.conn.Transmit(nil)
	text := "E_SUB_FAILED SUB failed consumers for orders:billing exceeds limit of 1"
	p.give(refusal(text))
	p.want("FIN done", "SUB refused "+text, "the client closes: "+text, "closed: "+text)
}

// TestStrangeErrors: errors that name nothing the client has open change nothing.
func TestStrangeErrors(t *testing.T) {
	p := consumer(t, 1)
	p.conn.Finish(p.ids[0], p.done("FIN"))
	p.conn.Transmit(nil)
	for _, text := range []string{"E_FIN_FAILED", "E_FIN_FAILED FIN", "E_FIN_FAILED FIN 00000000000000ff failed", "E_FIN_FAILED REQ " + p.ids[0].String()} {
		p.give(refusal(text))
	}
	p.give(response("OK")) // nobody asked
	p.want()
}

// TestOpenIsBounded: what is settled takes no memory, also when something is always open.
func TestOpenIsBounded(t *testing.T) {
	p := consumer(t, 1)
	for i := range 10_000 {
		p.conn.Publish("orders", []byte("x"), p.done(fmt.Sprint(i)))
		p.conn.Finish(wire.ID{}, p.done("FIN"))
		p.conn.Transmit(nil)
		if i > 0 {
			p.give(response("OK"))
		}
	}
	if open, kept := len(p.conn.open.entries)-p.conn.open.head, len(p.conn.open.entries); open != 3 || kept > 100 {
		t.Errorf("%d commands are open, %d are kept", open, kept)
	}
	for i, line := range p.log {
		want := fmt.Sprintf("%d done OK", i/2)
		if i%2 == 1 {
			want = "FIN done"
		}
		if line != want {
			t.Fatalf("told %q as number %d, want %q", line, i, want)
		}
	}
	if want := 2*10_000 - 3; len(p.log) != want { // the last three are open
		t.Errorf("told %d fates, want %d", len(p.log), want)
	}
}

// TestNothingIsKeptOfTheSilent: a command that has neither an answer nor a function to call is not kept.
func TestNothingIsKeptOfTheSilent(t *testing.T) {
	p := consumer(t, 1)
	for range 100 {
		p.conn.Finish(p.ids[0], nil)
		p.conn.Touch(p.ids[0], nil)
		p.conn.Requeue(p.ids[0], 0, nil)
		p.conn.Ready(1)
	}
	if n := len(p.conn.open.entries); n > 0 {
		t.Errorf("%d are kept", n)
	}
}

// TestMethodsInCallbacks: every handler and every done function may call any method, and what that says is sent.
func TestMethodsInCallbacks(t *testing.T) {
	p := newPair(t, Options{})
	calls := 0
	all := func() {
		calls++
		p.conn.Publish("calls", []byte("x"), nil)
		p.conn.PublishMany("calls", [][]byte{{'y'}}, nil)
		p.conn.PublishDeferred("calls", time.Hour, []byte("z"), nil)
		p.conn.Ready(10)
		p.conn.Prove()
		_, _ = p.conn.MsgTimeout(), p.conn.Sent()
	}
	p.conn.handler.Connected = func(time.Time) {
		p.conn.Subscribe("orders", "billing", func(time.Time, Result) { all() })
		p.conn.Publish("orders", []byte("a"), func(time.Time, Result) { all() })
	}
	p.conn.handler.Message = func(_ time.Time, m wire.Message) {
		p.conn.Touch(m.ID, func(time.Time, Result) { all() })
		p.conn.Finish(m.ID, func(time.Time, Result) { all(); p.conn.Abort() })
		all()
	}
	p.conn.handler.Closed = func(time.Time, error) { all() }
	woken := p.woken
	p.talk()
	p.talk()
	if p.woken != woken {
		t.Errorf("the driver was woken %d times from within its own calls", p.woken-woken)
	}
	if err := p.conn.HandleTimeout(p.now); err == nil {
		t.Error("Abort in a done function did not end the connection")
	}
	p.disconnect()
	if calls != 6 {
		t.Errorf("%d callbacks, want 6", calls)
	}
	for _, topic := range p.broker.Stats().Topics {
		if topic.Name == "calls" && topic.Messages < 9 {
			t.Errorf("%d messages of three or more callbacks were published, want 9 or more", topic.Messages)
		}
	}
}
