package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// TestNothingIsLostOrDamaged: under faults that kill nobody every message that was acknowledged comes, as it was.
func TestNothingIsLostOrDamaged(t *testing.T) {
	for seed := range uint64(3) {
		w, l := play(t, seed)
		if l.damaged > 0 || l.lost() > 0 || len(l.acked) < 2000 || l.came < len(l.acked) {
			t.Errorf("seed %d: %d damaged, %d lost", seed, l.damaged, l.lost())
		}
		t.Logf("seed %d: %d published, %d acknowledged, %d came; %d connections, %d events",
			seed, l.published, len(l.acked), l.came, w.dialed, w.done)
	}
}

// TestTrace: the same seed is the same run, on any number of processors, and another seed is another.
func TestTrace(t *testing.T) {
	trace := func(seed uint64, processors int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		w, l := play(t, seed)
		return fmt.Sprintf("%s, %d events, %d came", w.Trace(), w.Events(), l.came)
	}
	first := trace(7, 1)
	for _, processors := range []int{1, 2, 2} {
		if again := trace(7, processors); again != first {
			t.Errorf("on %d processors %s, before %s", processors, again, first)
		}
	}
	if trace(8, 1) == first {
		t.Errorf("another seed is the same run, %s", first)
	}
}

// TestTraceTells: a trace is another if one chunk comes at another time, on another connection, the other way, or is another.
func TestTraceTells(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(a, b, other *fake, w *World){
		"nothing":            func(a, b, other *fake, w *World) {},
		"one chunk":          func(a, b, other *fake, w *World) { a.say("x") },
		"another chunk":      func(a, b, other *fake, w *World) { a.say("y") },
		"the other way":      func(a, b, other *fake, w *World) { b.say("x") },
		"another connection": func(a, b, other *fake, w *World) { other.say("x") },
		"later":              func(a, b, other *fake, w *World) { w.Run(1); a.say("x") },
		"in two":             func(a, b, other *fake, w *World) { a.say("x"); w.Run(0); a.say("x") },
		"the end":            func(a, b, other *fake, w *World) { a.hangUp() },
		"the broker's end":   func(a, b, other *fake, w *World) { b.hangUp(); other.hangUp() },
		"a kill":             func(a, b, other *fake, w *World) { w.conns[0].server.bereave(); other.hangUp() },
	} {
		w := newWorld(t, plain, "b1")
		a, b := connect(t, w, "c", "b1")
		other, _ := connect(t, w, "c", "b1")
		change(a, b, other, w)
		w.Run(time.Second)
		if same, ok := seen[w.Trace()]; ok {
			t.Errorf("%s and %s have the same trace", name, same)
		}
		seen[w.Trace()] = name
	}
}

// A stream is an endpoint that sends bytes without end and checks those of its peer; it takes any number of them at a time.
type stream struct {
	t         *testing.T
	rng       *rand.Rand
	key       uint64
	out       []byte
	sent, got uint64
	wake      func()
}

// at is the byte at a place of a stream.
func (s *stream) at(i uint64) byte { return byte(i*131>>3 ^ i>>8 ^ s.key) }

// more adds some bytes to what is to be sent.
func (s *stream) more() {
	for range s.rng.IntN(3 * maxChunk) {
		s.out = append(s.out, s.at(s.sent))
		s.sent++
	}
	s.wake()
}

// Receive implements wire.Endpoint.
func (s *stream) Receive(_ time.Time, p []byte) (int, error) {
	n := s.rng.IntN(len(p) + 1)
	if s.rng.IntN(4) > 0 {
		n = len(p)
	}
	for i, b := range p {
		if b != s.at(s.got+uint64(i)) {
			s.t.Fatalf("byte %d of stream %d is %d, want %d", s.got+uint64(i), s.key, b, s.at(s.got+uint64(i)))
		}
	}
	s.got += uint64(n)
	return n, nil
}

// Transmit implements wire.Endpoint.
func (s *stream) Transmit(spare []byte) []byte {
	out := s.out
	s.out = spare[:0]
	return out
}

// NextTimeout implements wire.Endpoint.
func (s *stream) NextTimeout() time.Time { return time.Time{} }

// HandleTimeout implements wire.Endpoint.
func (s *stream) HandleTimeout(time.Time) error { return nil }

// Disconnect implements wire.Endpoint.
func (s *stream) Disconnect(time.Time) {}

// TestBuffers: connections that use the same spare buffers never see each other's bytes, whatever is held, late or left unconsumed.
func TestBuffers(t *testing.T) {
	w := newWorld(t, DefaultLinks, "b1")
	rng := w.Rand("test")
	var streams []*stream
	for i := range 10 {
		client, session := connect(t, w, "c", "b1")
		c := w.conns[len(w.conns)-1]
		a := &stream{t: t, rng: rng, key: uint64(i), wake: client.wake}
		b := &stream{t: t, rng: rng, key: uint64(i), wake: session.wake}
		c.client.endpoint, c.server.endpoint = a, b
		streams = append(streams, a, b)
	}
	for range 300 {
		at := w.now + time.Duration(rng.Int64N(int64(time.Second)))
		s := streams[rng.IntN(len(streams))]
		w.At(at, s.more)
	}
	for range 20 {
		at := w.now + time.Duration(rng.Int64N(int64(time.Second)))
		w.At(at, func() {
			w.At(w.now+20*ms, addRule(t, w, "", "", func(Chunk) Fate { return Fate{Hold: rng.IntN(2) == 0, Delay: ms} }))
		})
	}
	w.Run(10 * time.Second)
	var got, sent uint64
	for i, s := range streams {
		got += s.got
		sent += s.sent
		if left := streams[i^1].sent - s.got; left > 8*maxChunk { // what was not consumed when the last bytes came
			t.Errorf("stream %d got %d bytes of %d", i, s.got, streams[i^1].sent)
		}
	}
	if got < 5<<20 {
		t.Errorf("%d bytes came of %d", got, sent)
	}
}

// TestMemory: what a world needs, disks with small files included, does not grow with its time.
func TestMemory(t *testing.T) {
	small := []string{"--max-bytes-per-file=20000"}
	w, err := NewWorld(1, []Node{{Name: "b1", Args: small}, {Name: "b2", Args: small}}, DefaultLinks)
	must(t, err)
	l := newLoad(t, w, 200)
	l.acked = nil
	for _, node := range []string{"b1", "b2"} {
		l.produce("shop", node, 200*ms)
		l.consume("billing", node, 5)
	}
	// A client that is told something late and something soon, over and over: its timers must not pile up.
	var busy *client.Conn
	must(t, w.Dial("busy", "b1", func(now time.Time, wake func()) wire.Endpoint {
		busy = client.New(now, client.Options{}, client.Handler{}, wake)
		return busy
	}))
	var next func()
	next = func() {
		busy.PublishDeferred("orders", 20*ms, binary.BigEndian.AppendUint64(nil, 0), nil)
		w.At(w.now+150*ms, next)
	}
	next()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	w.Run(5 * time.Minute)
	before, waiting := heap(), len(w.queue)
	w.Run(time.Hour)
	after := heap()
	t.Logf("%d events; heap %d KiB before, %d KiB after; %d events wait", w.done, before>>10, after>>10, len(w.queue))
	if after > before+512<<10 {
		t.Errorf("the heap grew from %d to %d bytes in an hour", before, after)
	}
	if len(w.queue) > 2*waiting+10 {
		t.Errorf("%d events wait, %d did an hour ago", len(w.queue), waiting)
	}
	if l.came < 35_000 {
		t.Errorf("%d messages came", l.came)
	}
}
