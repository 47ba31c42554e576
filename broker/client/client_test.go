package client

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

func TestIdentify(t *testing.T) {
	p := newPair(t, Options{ClientID: "billing-1", MsgTimeout: 7 * time.Second})
	if p.conn.Sent() {
		t.Error("it says that something was sent before anything was")
	}
	p.send()
	p.want()
	if !p.conn.Sent() || p.conn.MsgTimeout() != 0 {
		t.Errorf("sent %v, message timeout %v before the answer", p.conn.Sent(), p.conn.MsgTimeout())
	}
	p.fetch()
	p.want("connected")
	if got := p.conn.MsgTimeout(); got != 7*time.Second {
		t.Errorf("message timeout %v, want 7s", got)
	}
	st := p.broker.Stats()
	if len(st.Producers) != 0 {
		t.Errorf("producers %+v before anything was published", st.Producers)
	}
	p.conn.Publish("orders", []byte("x"), nil)
	p.talk()
	if st = p.broker.Stats(); len(st.Producers) != 1 || st.Producers[0].ClientID != "billing-1" {
		t.Errorf("producers %+v, want billing-1", st.Producers)
	}
	p.want()
}

func TestIdentifyWithoutNegotiation(t *testing.T) {
	p := newPair(t, Options{})
	p.send()
	p.give(response("OK"))
	p.want("connected")
	if got := p.conn.MsgTimeout(); got != 0 {
		t.Errorf("message timeout %v, want 0: the broker did not say", got)
	}
}

func TestIdentifyRefused(t *testing.T) {
	p := newPair(t, Options{HeartbeatInterval: 2 * time.Minute})
	p.conn.Publish("orders", []byte("x"), p.done("PUB"))
	p.talk()
	p.want("the broker closes",
		"the client closes: E_BAD_BODY IDENTIFY heartbeat interval (120000) is invalid",
		"closed: E_BAD_BODY IDENTIFY heartbeat interval (120000) is invalid",
		"PUB unknown the connection ended")
}

func TestPublish(t *testing.T) {
	p := newPair(t, Options{})
	p.conn.Publish("orders", []byte("one"), p.done("PUB"))
	p.conn.PublishDeferred("orders", 1500*time.Millisecond, []byte("two"), p.done("DPUB"))
	p.conn.PublishMany("orders", [][]byte{[]byte("three"), []byte("four")}, p.done("MPUB"))
	p.send()
	p.want()
	p.fetch()
	p.want("connected", "PUB done OK", "DPUB done OK", "MPUB done OK")
	p.conn.Subscribe("orders", "billing", p.done("SUB"))
	p.conn.Ready(10)
	p.talk()
	p.want("SUB done OK", "message one attempt 1", "message three attempt 1", "message four attempt 1")
	p.now = p.now.Add(1499 * time.Millisecond)
	p.broker.HandleTimeout(p.now)
	p.talk()
	p.want()
	p.now = p.now.Add(time.Millisecond)
	p.broker.HandleTimeout(p.now)
	p.talk()
	p.want("message two attempt 1")
}

func TestPublishRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		publish func(*pair)
		text    string
	}{
		{"topic", func(p *pair) { p.conn.Publish("no!", []byte("x"), p.done("it")) }, `E_BAD_TOPIC PUB topic name "no!" is not valid`},
		{"empty", func(p *pair) { p.conn.Publish("orders", nil, p.done("it")) }, "E_BAD_MESSAGE PUB invalid message body size 0"},
		{"large", func(p *pair) { p.conn.Publish("orders", make([]byte, 1<<20+1), p.done("it")) }, "E_BAD_MESSAGE PUB message too big 1048577 > 1048576"},
		{"many", func(p *pair) { p.conn.PublishMany("orders", [][]byte{make([]byte, 6<<20)}, p.done("it")) }, "E_BAD_BODY MPUB body too big 6291464 > 5242880"},
		{"channel", func(p *pair) { p.conn.Subscribe("orders", "no!", p.done("it")) }, `E_BAD_CHANNEL SUB channel name "no!" is not valid`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, Options{})
			p.conn.Publish("orders", []byte("before"), p.done("before"))
			c.publish(p)
			p.conn.Publish("orders", []byte("after"), p.done("after"))
			p.talk()
			p.want("the broker closes", "connected", "before done OK", "it refused "+c.text, "the client closes: "+c.text,
				"closed: "+c.text, "after unknown the connection ended")
		})
	}
}

// TestErrorThatMayHaveHappened: an error that does not say that nothing happened leaves all fates unknown.
func TestErrorThatMayHaveHappened(t *testing.T) {
	for _, text := range []string{"E_PUB_FAILED PUB failed exiting", "E_INVALID invalid command X", "E_SOMETHING", ""} {
		p := newPair(t, Options{})
		p.talk()
		p.log = nil
		p.conn.Publish("orders", []byte("x"), p.done("PUB"))
		p.conn.Transmit(nil)
		p.give(refusal(text))
		p.want("the client closes: "+text, "closed: "+text, "PUB unknown the connection ended")
	}
}

func TestSubscribe(t *testing.T) {
	p := newPair(t, Options{})
	p.conn.Publish("orders", []byte("a"), nil)
	p.conn.Subscribe("orders", "billing", p.done("SUB"))
	p.talk()
	p.want("connected", "SUB done OK")
	p.conn.Ready(1)
	p.talk()
	p.want("message a attempt 1")
	p.conn.Requeue(p.ids[0], 2*time.Second, p.done("REQ"))
	p.talk()
	p.now = p.now.Add(2 * time.Second)
	p.broker.HandleTimeout(p.now)
	p.talk()
	p.want("message a attempt 2")
	p.conn.Prove()
	p.talk()
	p.want("REQ done")
}

func TestTouch(t *testing.T) {
	p := consumer(t, 1)
	p.now = p.now.Add(9 * time.Second)
	p.conn.Touch(p.ids[0], p.done("TOUCH"))
	p.talk()
	p.now = p.now.Add(9 * time.Second)
	p.broker.HandleTimeout(p.now)
	p.talk()
	p.want()
	p.now = p.now.Add(time.Second)
	p.broker.HandleTimeout(p.now)
	p.talk()
	p.want("message a attempt 2")
	p.conn.Publish("orders", []byte("x"), p.done("PUB"))
	p.talk()
	p.want("TOUCH done", "PUB done OK")
}

func TestHeartbeat(t *testing.T) {
	p := newPair(t, Options{HeartbeatInterval: time.Second})
	p.talk()
	p.log = nil
	for range 5 {
		p.now = p.now.Add(time.Second)
		if err := p.session.HandleTimeout(p.now); err != nil {
			t.Fatalf("the broker gives the client up: %v", err)
		}
		if err := p.conn.HandleTimeout(p.now); err != nil {
			t.Fatalf("the client gives the broker up: %v", err)
		}
		p.fetch()
		if out := p.conn.Transmit(nil); string(out) != "NOP\n" {
			t.Fatalf("the client answers %q", out)
		}
		p.forBroker = []byte("NOP\n")
		p.send()
	}
	p.want()
}

func TestSilentBroker(t *testing.T) {
	p := newPair(t, Options{HeartbeatInterval: time.Second})
	p.talk()
	p.conn.Publish("orders", []byte("x"), p.done("PUB"))
	p.send()
	p.log = nil
	last := p.now
	if got := p.conn.NextTimeout(); !got.Equal(last.Add(2 * time.Second)) {
		t.Errorf("it waits until %v", got.Sub(start))
	}
	p.now = last.Add(2*time.Second - 1)
	if err := p.conn.HandleTimeout(p.now); err != nil {
		t.Errorf("an early call: %v", err)
	}
	p.now = last.Add(2 * time.Second)
	if err := p.conn.HandleTimeout(p.now); err == nil {
		t.Error("a broker that says nothing is not given up")
	}
	p.disconnect()
	p.want("closed: client: nothing came for two heartbeat intervals", "PUB unknown the connection ended")
}

func TestAbort(t *testing.T) {
	p := newPair(t, Options{})
	p.talk()
	p.log = nil
	p.conn.Publish("orders", []byte("1"), p.done("sent"))
	p.send()
	p.conn.Publish("orders", []byte("2"), p.done("kept"))
	woken := p.woken
	p.conn.Abort()
	if p.woken != woken+1 {
		t.Errorf("it woke the driver %d times, want once", p.woken-woken)
	}
	p.conn.Publish("orders", []byte("3"), p.done("after"))
	if out := p.conn.Transmit(nil); len(out) > 0 {
		t.Errorf("it has %q to say", out)
	}
	if next := p.conn.NextTimeout(); next.IsZero() || next.After(p.now) {
		t.Errorf("it waits until %v", next)
	}
	if err := p.conn.HandleTimeout(p.now); err == nil {
		t.Error("it does not ask to be closed")
	}
	p.disconnect()
	p.want("closed: client: aborted", "sent unknown the connection ended", "kept refused never sent", "after refused never sent")
}

func TestClose(t *testing.T) {
	p := consumer(t, 2)
	p.conn.Finish(p.ids[0], p.done("FIN a"))
	p.conn.Close(p.done("CLS"))
	p.conn.Publish("orders", []byte("z"), p.done("PUB"))
	p.talk()
	p.want("FIN a done", "CLS done CLOSE_WAIT", "PUB done OK") // and no message z
	p.conn.Finish(p.ids[1], p.done("FIN b"))
	p.conn.Prove()
	p.talk()
	p.want("FIN b done")
}

func TestHostileFrames(t *testing.T) {
	for _, c := range []struct {
		name   string
		frames []byte
		told   []string
	}{
		{"oversize", []byte{0, 0, 4, 5, 0, 0, 0, 0}, []string{"frame of 1029 bytes"}},
		{"negative", []byte{0xff, 0xff, 0xff, 0xff}, []string{"frame of -1 bytes"}},
		{"too short", []byte{0, 0, 0, 3}, []string{"frame of 3 bytes"}},
		{"unknown type", []byte{0, 0, 0, 4, 0, 0, 0, 3}, []string{"frame type 3"}},
		{"short message", wire.AppendFrame(nil, wire.FrameMessage, make([]byte, 25)), []string{"message of 25 bytes"}},
		{"behind a good one", append(response("OK"), 0, 0, 0, 3), []string{"PUB done OK", "frame of 3 bytes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, Options{MaxFrame: 1024})
			p.talk()
			p.log = nil
			p.conn.Publish("orders", []byte("x"), p.done("PUB"))
			p.conn.Transmit(nil)
			p.give(c.frames)
			for i, told := range c.told {
				if i >= len(p.log) || !strings.Contains(p.log[i], told) {
					t.Fatalf("told %q, want %q", p.log, c.told)
				}
			}
			if !p.over || !strings.Contains(strings.Join(p.log, "\n"), "closed: wire: ") {
				t.Errorf("the connection goes on: %q", p.log)
			}
		})
	}
}

// TestLargestFrame: what is just not too large is taken.
func TestLargestFrame(t *testing.T) {
	p := newPair(t, Options{MaxFrame: 1024})
	p.talk()
	p.log = nil
	body := bytes.Repeat([]byte("x"), 1024-26)
	p.give(wire.AppendMessage(nil, wire.Message{Attempts: 1, Body: body}))
	p.want("message " + string(body) + " attempt 1")
}
