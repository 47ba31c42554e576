package server

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A deep endpoint takes much stack for the first that it receives, and none after.
type deep struct {
	talkless
	received bool
}

const depth = 64 << 10

func (d *deep) Receive(_ time.Time, p []byte) (int, error) {
	if !d.received {
		d.received = descend(depth) > 0
	}
	return len(p), nil
}

// descend takes n bytes of stack and more.
func descend(n int) int {
	var kilobyte [1 << 10]byte
	if n <= 0 {
		return 1
	}
	return int(kilobyte[n%len(kilobyte)]) + descend(n-len(kilobyte))
}

// A talkless endpoint says nothing.
type talkless struct{}

func (talkless) Receive(_ time.Time, p []byte) (int, error) { return len(p), nil }
func (talkless) Transmit(spare []byte) []byte               { return spare[:0] }
func (talkless) NextTimeout() time.Time                     { return time.Time{} }
func (talkless) HandleTimeout(time.Time) error              { return nil }
func (talkless) Disconnect(time.Time)                       {}

// What it takes to read the greetings of a peer is not kept for as long as it stays.
func TestGreetingsLeaveNoStack(t *testing.T) {
	const peers = 100
	stacks := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.StackInuse
	}
	before := stacks()
	for range peers {
		near, far := net.Pipe()
		d := startEndpoint(far, func(time.Time, func()) wire.Endpoint { return &deep{} })
		newPeer(t, near).say(wire.Magic, "NOP\n")
		defer func() {
			near.Close()
			_ = d.end()
		}()
	}
	if each := (stacks() - before) / peers; each > depth/4 {
		t.Errorf("an idle connection keeps %d bytes of stack", each)
	}
}

// A connection on which little happens gives its buffers back, also if it once was busy, and answers heartbeats.
func TestIdleConnectionGivesBuffersBack(t *testing.T) {
	now := time.Now()
	d := &driver{turn: make(chan struct{}, 1), in: inbox{buf: make([]byte, usualBuffer)}, spare: make([]byte, 0, usualBuffer)}
	for _, c := range []struct {
		after time.Duration
		read  int
		rests bool
	}{
		{time.Second, idleBuffer + 1, false},
		{restAfter, idleBuffer + 1, false},
		{time.Second, 0, false}, // too early to tell
		{restAfter, len("NOP\n"), true},
	} {
		now = now.Add(c.after)
		d.lately += c.read
		d.economize(now)
		if rests := len(d.in.buf) == idleBuffer && d.spare == nil; rests != c.rests {
			t.Errorf("after %v with %d bytes: %d bytes to read into, %d to write from", c.after, c.read, len(d.in.buf), cap(d.spare))
		}
	}
}
