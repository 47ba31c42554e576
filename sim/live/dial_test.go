package live

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

func TestDialANodeThatIsDown(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	if err := c.Kill("b1"); err != nil {
		t.Fatal(err)
	}
	p := dial(t, c, "client", "b1")
	p.say("hello")
	runUntil(t, c, "a disconnection", func() bool { return p.gone > 0 })
	if p.asked != 0 || p.gone != 1 {
		t.Errorf("asked %d times for bytes, disconnected %d times", p.asked, p.gone)
	}
}

func TestTheOpeningIsJudged(t *testing.T) {
	for _, from := range []string{"client", "b1"} {
		t.Run("held from "+from, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, stubs{}, "b1")
			addRule(t, c, from, "", func(sim.Chunk) sim.Fate { return sim.Fate{Hold: true} })
			p := dial(t, c, "client", "b1")
			p.say("hello")
			runUntil(t, c, "a disconnection", func() bool { return p.gone > 0 })
			if c.Now() < dialTimeout || p.asked != 0 {
				t.Errorf("disconnected after %v; asked %d times for bytes", c.Now(), p.asked)
			}
		})
	}
	t.Run("held for a while", func(t *testing.T) {
		c := newCluster(t, stubs{}, "b1")
		remove := addRule(t, c, "", "b1", func(sim.Chunk) sim.Fate { return sim.Fate{Hold: true} })
		p := dial(t, c, "client", "b1")
		p.say("hello")
		c.Run(50 * time.Millisecond)
		remove()
		runUntil(t, c, "an echo", func() bool { return string(p.in) == "hello" })
	})
	t.Run("reset", func(t *testing.T) {
		c := newCluster(t, stubs{}, "b1")
		addRule(t, c, "", "b1", func(sim.Chunk) sim.Fate { return sim.Fate{Reset: true} })
		p := dial(t, c, "client", "b1")
		runUntil(t, c, "a disconnection", func() bool { return p.gone > 0 })
		if p.asked != 0 {
			t.Errorf("asked %d times for bytes", p.asked)
		}
	})
}

func TestAKilledNodeDisconnectsItsClients(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	p := connected(t, c, "client", "b1")
	if err := c.Kill("b1"); err != nil {
		t.Fatal(err)
	}
	runUntil(t, c, "a disconnection", func() bool { return p.gone == 1 })
	if !p.ended {
		t.Error("the client did not hear that no more comes")
	}
	if err := c.Start("b1"); err != nil {
		t.Fatal(err)
	}
	connected(t, c, "client", "b1")
}

func TestANodeThatResets(t *testing.T) {
	talk := func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 1))
		_, _ = io.WriteString(conn, "so")
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	c := newCluster(t, stubs{talk: talk}, "b1")
	p := dial(t, c, "client", "b1")
	p.say("x")
	runUntil(t, c, "a disconnection", func() bool { return p.gone == 1 })
	if p.ended {
		t.Error("the client heard a peer that has no more to say, and not a reset")
	}
}

func TestTimeoutsOfEndpoints(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	p := connected(t, c, "client", "b1")
	p.due = time.Now().Add(30 * time.Millisecond)
	p.wake()
	runUntil(t, c, "the timeout", func() bool { return p.due.IsZero() })
}
