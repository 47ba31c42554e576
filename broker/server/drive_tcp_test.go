package server

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// Bodies of each size up to twice the read buffer, and around each size that it grows to, arrive as they were sent.
func TestEveryBodySize(t *testing.T) {
	b := newBroker(t, nil)
	consumer, _ := driveTCP(t, b)
	producer, _ := driveTCP(t, b)
	consumer.say(wire.Magic, "SUB t c\n")
	consumer.want("OK")
	consumer.say("RDY 2500\n")
	producer.say(wire.Magic)

	limit := int(b.Options().MaxMsgSize)
	var sizes []int
	for n := 1; n < firstBuffer+200; n++ {
		sizes = append(sizes, n)
	}
	for edge := 2 * firstBuffer; edge <= limit; edge *= 2 {
		for n := edge - 24; n < min(edge+24, limit+1); n++ {
			sizes = append(sizes, n)
		}
	}
	source := make([]byte, limit)
	rand.NewChaCha8([32]byte{}).Read(source)
	body := func(i int) []byte { return source[i%(limit-sizes[i]+1):][:sizes[i]] }

	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() {
		out := bufio.NewWriterSize(producer.conn, 100_000) // so that a read ends anywhere
		for i := range sizes {
			_, _ = out.Write(wire.AppendBody(wire.AppendCommand(nil, "PUB", "t"), body(i)))
		}
		if err := out.Flush(); err != nil {
			t.Error(err)
		}
	})
	others.Go(func() {
		for range sizes {
			producer.want("OK")
		}
	})
	for i, n := range sizes {
		if got := consumer.next(); strings.TrimPrefix(got, "message 1 ") != string(body(i)) {
			t.Fatalf("message %d, of %d bytes, came as %.50q", i, n, got)
		}
		if len(consumer.ids) == 500 {
			consumer.say(consumer.finAll())
		}
	}
}

func TestWhatWasMissingIsTold(t *testing.T) {
	p, d := driveTCP(t, newBroker(t, nil))
	whole := pub("t", "hello")
	p.say(wire.Magic, whole, whole[:len(whole)-1])
	if err := p.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.want("OK", "error E_BAD_MESSAGE PUB failed to read message body", "EOF")
	if err := d.end(); err == nil {
		t.Error("no reason told")
	}
}

// A client that goes on sending after its mistake gets the error all the same.
func TestTheErrorIsReadBeforeTheEnd(t *testing.T) {
	for range 20 {
		p, d := driveTCP(t, newBroker(t, nil))
		p.say(wire.Magic, "PUB t\n\x00\x20\x00\x00", strings.Repeat("x", 2<<20))
		p.want("error E_BAD_MESSAGE PUB message too big 2097152 > 1048576", "EOF")
		p.conn.Close()
		if err := d.end(); err == nil {
			t.Fatal("no reason told")
		}
	}
}

func TestALineThatDoesNotEndEndsTheConnection(t *testing.T) {
	p, d := driveTCP(t, newBroker(t, nil))
	p.say(wire.Magic, strings.Repeat("x", wire.MaxLine))
	p.want("EOF")
	p.conn.Close()
	if err := d.end(); !errors.Is(err, wire.ErrLineTooLong) {
		t.Error(err)
	}
}

func TestDriveLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	b := newBroker(t, nil)
	for range 50 {
		p, d := driveTCP(t, b)
		p.say(wire.Magic, "SUB t#ephemeral c#ephemeral\n")
		p.want("OK")
		p.conn.Close()
		_ = d.end()
	}
	if n := len(b.Stats().Topics); n != 0 {
		t.Errorf("%d ephemeral topics are left", n)
	}
	if after := runtime.NumGoroutine(); after > before+2 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}
