package server

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// mostHeld is how many bytes a driver may hold for a peer, under the limits that FuzzDriver sets.
const mostHeld = 3 << 20

// FuzzDriver: whatever a peer sends, in a layer that it was granted or as garbage for that, cut up in any way, and whether it reads the
// answers, reads them slowly or not at all: nothing panics or hangs, the endpoint is called as it is to be, and little is held.
func FuzzDriver(f *testing.F) {
	o := outsideOf(f)
	for i := range askFor {
		for how := range 6 {
			f.Add([]byte("SUB t c\nRDY 9\n"+pub("t", "hello")+"NOP\nFIN 0000000000000001\n"), []byte{3, 255, 40}, uint8(how*len(askFor)+i))
			f.Add([]byte(strings.Repeat(pub("t#ephemeral", "x"), 1500)), []byte{250}, uint8(how*len(askFor)+i))
		}
		f.Add([]byte(pub("t", "x")+identify(`{"feature_negotiation":true`+askFor[i].ask+`}`)+"NOP\n\xff"), []byte{}, uint8(i))
	}
	f.Add([]byte("\xff\x06\x00\x00sNaPpY\x01\x05\x00\x00\x00\x00\x00\x00N"), []byte{1}, uint8(len(askFor)+2))
	f.Fuzz(func(t *testing.T, stream, cuts []byte, how uint8) {
		if len(stream) > 32<<10 || len(cuts) > 100 {
			t.Skip("long")
		}
		synctest.Test(t, func(t *testing.T) { play(t, o, stream, cuts, how) })
	})
}

// play has a peer send a stream, and how says in which layer, whether as garbage for it, and how it reads.
func play(t *testing.T, o outside, stream, cuts []byte, how uint8) {
	layer, how := askFor[int(how)%len(askFor)], how/uint8(len(askFor))
	b := newBroker(t, func(o *broker.Options) { o.TLS, o.MaxMsgSize, o.MaxBodySize = true, 10_000, 50_000 })
	near, far := net.Pipe()
	var s strict
	d := o.begin(far, func(now time.Time, wake func()) wire.Endpoint {
		s.Endpoint = b.Connect(now, "10.0.0.1:1234", wake)
		return &s
	})
	done := make(chan error, 1)
	go func() { done <- d.run() }()

	p := newPeer(t, near)
	p.say(wire.Magic, identify(`{"feature_negotiation":true`+layer.ask+`}`))
	_ = p.next()
	if honest := how%2 == 0; honest {
		layer.enter(p)
	}
	in := p.in
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() {
		for reads := how / 2 % 3; reads > 0; {
			if _, err := io.CopyN(io.Discard, in, 100); err != nil {
				return
			}
			if reads == 2 {
				time.Sleep(time.Second)
			}
		}
	})
	least := 1 + len(stream)/200 // so that it does not take long
	for i := 0; len(stream) > 0; i++ {
		cut := least
		if len(cuts) > 0 {
			cut = max(least, int(cuts[i%len(cuts)]))
		}
		if cut >= 250 && i < 20 {
			cut *= 100
			time.Sleep(10 * time.Second)
		}
		cut = min(cut, len(stream))
		_ = near.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if _, err := p.conn.Write(stream[:cut]); err != nil {
			break
		}
		stream = stream[cut:]
		synctest.Wait()
		if held := d.held(); held > mostHeld {
			t.Fatalf("the driver holds %d bytes", held)
		}
	}
	if how/6%2 == 1 {
		time.Sleep(10 * time.Minute)
	}
	_ = near.Close()
	<-done
	if !s.gone.Load() {
		t.Error("Disconnect was not called")
	}
}

// held is how many bytes a driver that rests has room for. Only time brings it to move, which the race detector cannot know.
//
//go:norace
func (d *driver) held() int {
	n := len(d.in.buf) + cap(d.spare) + cap(d.out) + cap(d.stash) + len(d.hall)
	if l := d.layers; l != nil {
		n += cap(l.sent) + cap(l.sink.buf)
	}
	return n
}
