package server

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A raw is a client that counts what it gets without making anything of it.
type raw struct {
	conn net.Conn
	buf  []byte
	used int
}

func newRaw(b *testing.B, br *broker.Broker) *raw {
	near, far := dialTCP(b)
	d := startDrive(far, br)
	b.Cleanup(func() {
		near.Close()
		_ = d.end()
	})
	r := &raw{conn: near, buf: make([]byte, 256<<10)}
	r.say(b, []byte(wire.Magic))
	return r
}

func (r *raw) say(b *testing.B, p []byte) {
	if _, err := r.conn.Write(p); err != nil {
		b.Error(err)
	}
}

// frames reads once and gives the whole frames that are there to f.
func (r *raw) frames(b *testing.B, f func(wire.Frame)) {
	n, err := r.conn.Read(r.buf[r.used:])
	if err != nil {
		b.Error(err)
	}
	r.used += n
	at := 0
	for {
		frame, n, err := wire.ParseFrame(r.buf[at:r.used], len(r.buf))
		if err != nil {
			b.Error(err)
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

// publish sends n messages, so many at a time, and waits for their answers.
func (r *raw) publish(b *testing.B, n, atATime int) {
	chunk := bytes.Repeat([]byte(pub("t", hundred)), atATime)
	size := len(chunk) / atATime
	for sent := 0; sent < n && !b.Failed(); {
		now := min(atATime, n-sent)
		r.say(b, chunk[:now*size])
		sent += now
		for answered := 0; answered < now && !b.Failed(); {
			r.frames(b, func(wire.Frame) { answered++ })
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

var _ = io.EOF
