package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	benchBatch = 64  // messages a read
	benchBody  = 100 // bytes a message
)

// A rig is a producer and its consumers, with all the buffers they need.
type rig struct {
	b         *Broker
	now       time.Time
	producer  *Session
	answers   []byte
	consumers []*rigConsumer
}

type rigConsumer struct {
	s             *Session
	frames, reply []byte
	got           int
}

// newRig makes one consumer for each channel of the topic.
func newRig(tb testing.TB, fs store.FS, topic string, channels int) *rig {
	b, err := Open(birth, DefaultOptions("bench"), fs, func() {})
	if err != nil {
		tb.Fatal(err)
	}
	r := &rig{b: b, now: birth, producer: b.Connect(birth, "p:1", func() {})}
	receive(r.producer, birth, wire.Magic)
	for i := range channels {
		c := &rigConsumer{s: b.Connect(birth, "c:1", func() {})}
		receive(c.s, birth, fmt.Sprintf("%sSUB %s c%d\nRDY 2500\n", wire.Magic, topic, i))
		c.s.Transmit(nil)
		r.consumers = append(r.consumers, c)
	}
	return r
}

// publish hands a batch to the producer's session.
func (r *rig) publish(tb testing.TB, batch []byte) {
	r.now = r.now.Add(time.Millisecond)
	if n, err := r.producer.Receive(r.now, batch); n != len(batch) || err != nil {
		tb.Fatal(n, err)
	}
	r.answers = r.producer.Transmit(r.answers)
}

// consume finishes all that the consumers got.
func (r *rig) consume(tb testing.TB) {
	for _, c := range r.consumers {
		c.frames = c.s.Transmit(c.frames)
		c.reply = c.reply[:0]
		for rest := c.frames; len(rest) > 0; {
			f, n, err := wire.ParseFrame(rest, 1<<20)
			if err != nil {
				tb.Fatal(err)
			}
			rest = rest[n:]
			if f.Type == wire.FrameMessage {
				c.got++
				c.reply = append(c.reply, "FIN "...)
				c.reply = append(c.reply, f.Data[10:26]...)
				c.reply = append(c.reply, '\n')
			}
		}
		if len(c.reply) > 0 {
			if _, err := c.s.Receive(r.now, c.reply); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// check fails if not every consumer got every message.
func (r *rig) check(tb testing.TB, published int) {
	for i, c := range r.consumers {
		if c.got != published {
			tb.Fatalf("consumer %d got %d of %d messages", i, c.got, published)
		}
	}
}

func pubs(topic string) (batch []byte) {
	for range benchBatch {
		batch = wire.AppendCommand(batch, "PUB", topic)
		batch = wire.AppendBody(batch, make([]byte, benchBody))
	}
	return batch
}

func mpub(topic string) []byte {
	bodies := make([][]byte, benchBatch)
	for i := range bodies {
		bodies[i] = make([]byte, benchBody)
	}
	return wire.AppendBodies(wire.AppendCommand(nil, "MPUB", topic), bodies)
}

// TestAllocations: publishing, delivering and finishing take memory that is there already.
func TestAllocations(t *testing.T) {
	long := strings.Repeat("a-topic-with-a-long-name.", 2)
	for _, c := range []struct {
		name, topic string
		batch       func(string) []byte
		channels    int
	}{
		{"PUB", "orders", pubs, 1},
		{"PUB to a topic with a long name", long, pubs, 1},
		{"PUB to 16 channels", "orders", pubs, 16},
		{"MPUB", "orders", mpub, 1},
		{"MPUB to 16 channels", "orders", mpub, 16},
	} {
		r, batch := newRig(t, store.OS{Dir: t.TempDir()}, c.topic, c.channels), c.batch(c.topic)
		runs := 0
		turn := func() {
			r.publish(t, batch)
			r.consume(t)
			runs++
		}
		for range 100 { // until every buffer has its size
			turn()
		}
		perMessage := testing.AllocsPerRun(50, turn) / benchBatch
		if perMessage > 0.1 {
			t.Errorf("%s: %.2f allocations a message", c.name, perMessage)
		}
		r.check(t, runs*benchBatch)
	}
}

// benchmark reports the time a message.
func benchmark(b *testing.B, channels int, batch []byte) {
	r := newRig(b, store.OS{Dir: b.TempDir()}, "orders", channels)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r.publish(b, batch)
		r.consume(b)
		if n += benchBatch; channels == 0 && n%(1<<12) == 0 {
			if err := r.b.EmptyTopic(r.now, "orders"); err != nil {
				b.Fatal(err)
			}
		}
	}
	r.check(b, n)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/msg")
}

func BenchmarkPub(b *testing.B)           { benchmark(b, 0, pubs("orders")) }
func BenchmarkMPub(b *testing.B)          { benchmark(b, 0, mpub("orders")) }
func BenchmarkPubDeliverFin(b *testing.B) { benchmark(b, 1, pubs("orders")) }
func BenchmarkFanOut16(b *testing.B)      { benchmark(b, 16, pubs("orders")) }
