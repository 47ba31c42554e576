package server

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A raw is a client that counts what it gets without making anything of it.
type raw struct {
	conn  net.Conn
	buf   []byte
	used  int
	chunk []byte // PUBs
}

func newRaw(t testing.TB, b *broker.Broker) *raw {
	near, far := dialTCP(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = Drive(far, func(now time.Time, wake func()) wire.Endpoint { return b.Connect(now, "10.0.0.1:1234", wake) })
	}()
	t.Cleanup(func() {
		near.Close()
		<-done
	})
	r := &raw{conn: near, buf: make([]byte, 256<<10)}
	r.say(t, []byte(wire.Magic))
	return r
}

func (r *raw) say(t testing.TB, p []byte) {
	if _, err := r.conn.Write(p); err != nil {
		t.Error(err)
	}
}

// frames reads once and gives the whole frames that are there to f.
func (r *raw) frames(t testing.TB, f func(wire.Frame)) {
	n, err := r.conn.Read(r.buf[r.used:])
	if err != nil {
		t.Error(err)
	}
	r.used += n
	at := 0
	for {
		frame, n, err := wire.ParseFrame(r.buf[at:r.used], len(r.buf))
		if err != nil {
			t.Error(err)
		}
		if n == 0 {
			break
		}
		f(frame)
		at += n
	}
	r.used = copy(r.buf, r.buf[at:r.used])
}

// window is how many messages a pipelining client has on their way.
const window = 500

var hundred = strings.Repeat("x", 100)

// publish sends n messages, so many at a time, and waits for their answers; atATime is the same each time.
func (r *raw) publish(t testing.TB, n, atATime int) {
	if len(r.chunk) == 0 {
		r.chunk = bytes.Repeat([]byte(pub("t", hundred)), atATime)
	}
	size := len(r.chunk) / atATime
	for sent := 0; sent < n && !t.Failed(); {
		now := min(atATime, n-sent)
		r.say(t, r.chunk[:now*size])
		sent += now
		for answered := 0; answered < now && !t.Failed(); {
			r.frames(t, func(wire.Frame) { answered++ })
		}
	}
}

func BenchmarkPublishOneAtATime(b *testing.B) {
	r := newRaw(b, newBroker(b, nil))
	b.ReportAllocs()
	b.ResetTimer()
	r.publish(b, b.N, 1)
}

func BenchmarkPublishPipelined(b *testing.B) {
	r := newRaw(b, newBroker(b, nil))
	b.ReportAllocs()
	b.ResetTimer()
	r.publish(b, b.N, window)
}

func BenchmarkPublishAndConsume(b *testing.B) {
	br := newBroker(b, nil)
	consumer := newRaw(b, br)
	consumer.say(b, []byte("SUB t c\nRDY 2500\n"))
	done := make(chan struct{})
	n := b.N
	go func() {
		defer close(done)
		var fins []byte
		for got := 0; got < n && !b.Failed(); {
			fins = fins[:0]
			consumer.frames(b, func(f wire.Frame) {
				if f.Type != wire.FrameMessage {
					return
				}
				got++
				fins = append(append(append(fins, "FIN "...), f.Data[10:26]...), '\n')
			})
			consumer.say(b, fins)
		}
	}()
	producer := newRaw(b, br)
	b.ReportAllocs()
	b.ResetTimer()
	producer.publish(b, b.N, window)
	<-done
}

// One message at a time, from a producer to a consumer that was idle.
func BenchmarkWake(b *testing.B) {
	br := newBroker(b, nil)
	consumer, producer := newRaw(b, br), newRaw(b, br)
	consumer.say(b, []byte("SUB t c\nRDY 2500\n"))
	consumer.frames(b, func(wire.Frame) {})
	fin := make([]byte, 0, 100)
	b.ReportAllocs()
	for b.Loop() {
		producer.publish(b, 1, 1)
		for got := false; !got && !b.Failed(); {
			consumer.frames(b, func(f wire.Frame) {
				got = true
				fin = append(append(append(fin[:0], "FIN "...), f.Data[10:26]...), '\n')
			})
		}
		consumer.say(b, fin)
	}
}
