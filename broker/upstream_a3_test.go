package broker

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// The tests of this file are named for nsqd's own that look inside; the table in server/upstream_map_test.go has all of them.

// TestA3InFlightWorker: 250 messages with a timeout of 100 ms are all out of flight after 400 ms, in every list that they were in.
func TestA3InFlightWorker(t *testing.T) {
	const messages = 250
	opts := DefaultOptions("test")
	opts.MsgTimeout = 100 * time.Millisecond
	b, err := Open(birth, opts, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	s := b.Connect(birth, "c:1", func() {})
	receive(s, birth, fmt.Sprintf("%sSUB t c\nRDY %d\n", wire.Magic, messages))
	for range messages {
		if err := publish(b, birth, "t", 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	topic := b.topics["t"]
	c := topic.channels[0]
	if c.inFlight != messages || topic.timers.count() != messages || s.inFlight != messages {
		t.Fatalf("%d in flight, %d timers, the client has %d", c.inFlight, topic.timers.count(), s.inFlight)
	}
	receive(s, birth, "RDY 0\n")
	b.HandleTimeout(birth.Add(400 * time.Millisecond))
	if c.inFlight != 0 || topic.timers.count() != 0 || s.inFlight != 0 || c.timeouts != messages || c.depth() != messages {
		t.Errorf("%d in flight, %d timers, the client has %d; %d timed out, %d wait", c.inFlight, topic.timers.count(), s.inFlight, c.timeouts, c.depth())
	}
	if slices.ContainsFunc(c.window.all(), func(d *delivery) bool { return d.holder != nil }) {
		t.Error("one has a holder still")
	}
}

// TestA3Heaps: waits end in their order, whichever are called off in between; a heap that was large gives its memory back.
func TestA3Heaps(t *testing.T) {
	const many = 3 * maxSpare
	rng := rand.New(rand.NewPCG(1, 2))
	var all timers
	var waiting []*delivery
	c := &channel{}
	for i := range many {
		d := &delivery{channel: c, offset: store.Offset(i), due: rng.Int64N(many / 4), index: -1}
		all.add(d, nil)
		waiting = append(waiting, d)
	}
	rng.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	for _, d := range waiting[:many/3] {
		if !all.remove(d) || all.remove(d) {
			t.Fatal("a wait can be called off once")
		}
	}
	waiting = waiting[many/3:]
	slices.SortFunc(waiting, func(a, b *delivery) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.offset, b.offset)) })
	for i, want := range waiting {
		got := all.first()
		if got != want || all.next() != want.due {
			t.Fatalf("wait %d of %d is due at %d, want %d", i, len(waiting), got.due, want.due)
		}
		all.remove(got)
	}
	if all.first() != nil || all.next() != never || cap(all.heap) > maxSpare {
		t.Errorf("%d are left, with room for %d", all.count(), cap(all.heap))
	}
}
