package server

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// Clients that come and go in every way, at once, while channels are deleted under them: the contract is kept, nothing hangs and
// nobody is left. Run with -race.
func TestManyEndings(t *testing.T) {
	b := newBroker(t, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	var all sync.WaitGroup
	for i := range 300 {
		near, far := dialTCP(t)
		d := startDrive(far, b)
		script := randomScript(rng)
		ending := rng.IntN(5)
		cut := rng.IntN(len(script) + 1)
		all.Go(func() {
			defer near.Close()
			go func() { _, _ = io.Copy(io.Discard, near) }()
			_, _ = io.WriteString(near, script[:cut])
			switch ending {
			case 0: // gone at once
			case 1:
				_ = near.(*net.TCPConn).SetLinger(0) // reset
			case 2:
				_ = near.(*net.TCPConn).CloseWrite()
				_ = d.end()
			case 3:
				_ = far.Close() // killed on this side
			case 4:
				_ = b.DeleteTopic(time.Now(), fmt.Sprint("t", i%3))
			}
			near.Close()
			_ = d.end()
		})
	}
	all.Wait()
	for _, topic := range b.Stats().Topics {
		for _, c := range topic.Channels {
			if len(c.Clients) > 0 {
				t.Errorf("%d clients are left", len(c.Clients))
			}
		}
	}
}

// randomScript is what a client may say.
func randomScript(rng *rand.Rand) string {
	topic := fmt.Sprint("t", rng.IntN(3))
	said := []string{wire.Magic, identify(`{"heartbeat_interval":1000}`), "SUB " + topic + " c\nRDY 10\n"}
	for range rng.IntN(20) {
		switch rng.IntN(4) {
		case 0:
			said = append(said, pub(topic, strings.Repeat("x", 1+rng.IntN(40000))))
		case 1:
			said = append(said, "NOP\n", "RDY 100\n")
		case 2:
			said = append(said, "FIN 0123456789abcdef\n")
		case 3:
			said = append(said, strings.Repeat(pub(topic, "x"), 100))
		}
	}
	if rng.IntN(3) == 0 {
		said = append(said, "OOPS\n", strings.Repeat("x", 10000))
	}
	return strings.Join(said, "")
}

// An endpoint that asks for attention all the time is asked for nothing after its end.
func TestNothingAfterDisconnect(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		near, far := dialTCP(t)
		wakes := make(chan func(), 1)
		d := startEndpoint(far, func(_ time.Time, wake func()) wire.Endpoint {
			wakes <- wake
			return talkative{}
		})
		var others sync.WaitGroup
		wake := <-wakes
		for range 2 {
			others.Go(func() {
				for {
					select {
					case <-d.done:
						wake()
						return
					default:
						wake()
						runtime.Gosched()
					}
				}
			})
		}
		_, _ = io.CopyN(io.Discard, near, rng.Int64N(100_000))
		near.Close()
		_ = d.end()
		others.Wait()
	}
}

// A talkative endpoint always has something to send.
type talkative struct{}

func (talkative) Receive(_ time.Time, p []byte) (int, error) { return len(p), nil }
func (talkative) Transmit(spare []byte) []byte               { return append(spare[:0], make([]byte, 1000)...) }
func (talkative) NextTimeout() time.Time                     { return time.Time{} }
func (talkative) HandleTimeout(time.Time) error              { return nil }
func (talkative) Disconnect(time.Time)                       {}

// The end waits for a call of the endpoint that the writing goroutine is in.
func TestDisconnectWaitsForTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		e := &slow{}
		d := startEndpoint(far, func(_ time.Time, wake func()) wire.Endpoint {
			e.wake = wake
			return e
		})
		synctest.Wait()
		e.wake()
		synctest.Wait()
		began := time.Now()
		near.Close()
		if _ = d.end(); time.Since(began) != slowness {
			t.Errorf("ended after %v, want %v", time.Since(began), slowness)
		}
	})
}

// slowness is more than the reading goroutine waits for its last turn.
const slowness = 5 * time.Second

// A slow endpoint takes long to give what it has to send, but for the first time.
type slow struct {
	talkative
	wake   func()
	called bool
}

func (s *slow) Transmit([]byte) []byte {
	if s.called {
		time.Sleep(slowness)
	}
	s.called = true
	return nil
}
