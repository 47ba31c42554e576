package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// newBroker makes a broker with a topic t, and a consumer of its channel c that may have n messages in flight.
func newBroker(t *testing.T, n int, identify string) (*Broker, *Session) {
	opts := DefaultOptions("test")
	opts.MaxRdyCount = 1 << 20
	b, err := Open(birth, opts, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	s := b.Connect(birth, "c:1", func() {})
	receive(s, birth, wire.Magic+identify+fmt.Sprintf("SUB t c\nRDY %d\n", n))
	return b, s
}

// TestSampleRate: a client with a sample rate of 42 gets 43 of 100 messages, and the others are done with.
func TestSampleRate(t *testing.T) {
	body := `{"sample_rate":42}`
	b, _ := newBroker(t, 10000, fmt.Sprintf("IDENTIFY\n\x00\x00\x00%c%s", len(body), body))
	for range 10000 {
		if err := publish(b, birth, "t", 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	c := b.Stats().Topics[0].Channels[0]
	if c.InFlight < 4100 || c.InFlight > 4500 || c.Depth != 0 || c.Deferred != 0 || c.Messages != 10000 {
		t.Errorf("%+v", c)
	}
	if owed := b.topics["t"].log.Owed(); owed != int64(c.InFlight) {
		t.Errorf("%d messages are kept for %d in flight", owed, c.InFlight)
	}
}

// TestLockIsGivenUp: a read of many commands lets others at the topic in between, and wakes a consumer once for each time.
func TestLockIsGivenUp(t *testing.T) {
	opts := DefaultOptions("test")
	opts.MaxRdyCount = 100 * maxBatch
	b, err := Open(birth, opts, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	wakes := 0
	consumer := b.Connect(birth, "c:1", func() { wakes++ })
	receive(consumer, birth, fmt.Sprintf("%sSUB t c\nRDY %d\n", wire.Magic, opts.MaxRdyCount))
	producer := b.Connect(birth, "p:1", func() {})
	for _, c := range []struct{ commands, wakes int }{{1, 1}, {maxBatch, 1}, {maxBatch + 1, 2}, {3*maxBatch - 1, 3}} {
		wakes = 0
		batch := strings.Repeat("PUB t\n\x00\x00\x00\x01x", c.commands)
		if !producer.greeted {
			receive(producer, birth, wire.Magic)
		}
		receive(producer, birth, batch)
		if wakes != c.wakes {
			t.Errorf("%d commands woke the consumer %d times, want %d", c.commands, wakes, c.wakes)
		}
	}
}

// TestMemoryIsGivenBack: what many messages needed is not kept when they are finished.
func TestMemoryIsGivenBack(t *testing.T) {
	const many = 10 * maxSpare
	b, s := newBroker(t, many, "")
	read := func(now time.Time) {
		for len(s.Transmit(nil)) > 0 {
			if err := s.HandleTimeout(now); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range many {
		if err := publish(b, birth, "t", time.Duration(i%2)*time.Second, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	now := birth.Add(time.Second)
	expire(b, now)
	read(now)
	topic := b.topics["t"]
	c := topic.channels[0]
	if c.inFlight != many || c.window.len() != many || topic.timers.count() != many {
		t.Fatalf("%d in flight, %d in the window, %d timers", c.inFlight, c.window.len(), topic.timers.count())
	}

	receive(s, now, "RDY 0\n")
	now = now.Add(time.Minute)
	expire(b, now)
	if c.again.len() != many {
		t.Fatalf("%d are queued again", c.again.len())
	}
	receive(s, now, fmt.Sprintf("RDY %d\n", many))
	read(now)
	for _, d := range c.window.all() {
		receive(s, now, "FIN "+b.messageID(d.offset).String()+"\n")
	}
	large := max(cap(c.again.items), cap(topic.timers.heap), len(c.free), cap(c.window.slots))
	if large > maxSpare || c.window.apart != nil || topic.log.Segments() > 1 || topic.log.Owed() != 0 {
		t.Errorf("kept: %d queued, %d timers, %d free, %d slots, %d segments",
			cap(c.again.items), cap(topic.timers.heap), len(c.free), cap(c.window.slots), topic.log.Segments())
	}

	// The session's own memory goes when it has nothing to say for a while.
	s.out = make([]byte, 0, 2*maxIdle)
	if err := s.HandleTimeout(now.Add(defaultHeartbeat)); err != nil || cap(s.out) > maxIdle {
		t.Errorf("an idle session keeps %d bytes, %v", cap(s.out), err)
	}
}

// publish publishes messages, with no wait for a Sync.
func publish(b *Broker, now time.Time, topic string, deferral time.Duration, bodies ...[]byte) error {
	var told error
	b.Publish(now, topic, deferral, bodies, func(err error) { told = err })
	return told
}

// expire ends all waits that are over, in as many calls as it takes.
func expire(b *Broker, now time.Time) (calls int) {
	for next := b.NextTimeout(); !next.IsZero() && !next.After(now); next = b.NextTimeout() {
		b.HandleTimeout(now)
		calls++
	}
	return calls
}

func (t *timers) count() int {
	n := len(t.heap)
	for _, l := range t.lanes {
		for d := l.head; d != nil; d = d.next {
			n++
		}
	}
	return n
}
