package server

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker/lookup"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A gauged connection knows the size of the buffer that is being read into.
type gauged struct {
	net.Conn
	size atomic.Int64
}

func (g *gauged) Read(p []byte) (int, error) {
	g.size.Store(int64(len(p)))
	return g.Conn.Read(p)
}

// An nsqd that has registered much and says nothing but PING afterwards costs little.
func TestRegisteredNsqdsCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		g := &gauged{Conn: far}
		r := lookup.NewRegistry(lookup.DefaultOptions())
		d := startEndpoint(g, func(now time.Time, wake func()) wire.Endpoint { return r.Connect(now, "10.0.0.1:1", wake) })
		p := newRegistrant(t, near)
		p.introduce("a", 1, 2)
		many := strings.Repeat("REGISTER t c\n", 5000)
		go p.say(many)
		for range 5000 {
			p.want("OK")
		}
		synctest.Wait()
		if size := g.size.Load(); size < firstBuffer {
			t.Errorf("it reads into %d bytes: this test shows nothing", size)
		}
		for range 4 {
			time.Sleep(15 * time.Second)
			p.does("PING")
		}
		synctest.Wait()
		if size := g.size.Load(); size > idleBuffer {
			t.Errorf("after a minute it still reads into %d bytes", size)
		}
		near.Close()
		<-d.done
	})
}
