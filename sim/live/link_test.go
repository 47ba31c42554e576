package live

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// ruleFunc makes a rule of a function.
type ruleFunc func(c sim.Chunk) sim.Fate

func (f ruleFunc) Judge(_ time.Duration, _ *rand.Rand, c sim.Chunk) sim.Fate { return f(c) }

func addRule(t *testing.T, c *Cluster, from, to string, f ruleFunc) (remove func()) {
	t.Helper()
	remove, err := c.AddRule(from, to, f)
	if err != nil {
		t.Fatal(err)
	}
	return remove
}

// connected is a caller whose connection has carried something.
func connected(t *testing.T, c *Cluster, from, node string) *caller {
	t.Helper()
	p := dial(t, c, from, node)
	p.say("hello ")
	runUntil(t, c, "an echo", func() bool { return len(p.in) == len("hello ") })
	p.in = nil
	return p
}

func TestALinkCarriesBytesBothWays(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	p := dial(t, c, "client", "b1")
	text := strings.Repeat("all work and no play ", 1<<16)
	p.say(text)
	runUntil(t, c, "the echo", func() bool { return len(p.in) == len(text) })
	if string(p.in) != text {
		t.Error("other bytes came back")
	}
}

func TestDelay(t *testing.T) {
	const delay = 150 * time.Millisecond
	c := newCluster(t, stubs{}, "b1")
	p, other := connected(t, c, "slow", "b1"), connected(t, c, "fast", "b1")
	for range 2 { // delays add up
		addRule(t, c, "slow", "b1", func(sim.Chunk) sim.Fate { return sim.Fate{Delay: delay / 2} })
	}
	begun := c.Now()
	p.say("a")
	other.say("b")
	var at, otherAt time.Duration
	p.hear = func() { at = c.Now() - begun }
	other.hear = func() { otherAt = c.Now() - begun }
	runUntil(t, c, "both echoes", func() bool { return at > 0 && otherAt > 0 })
	if at < delay || otherAt >= delay {
		t.Errorf("the delayed echo took %v, the other %v; the delay is %v", at, otherAt, delay)
	}
}

func TestDelayedChunksAreOnTheWayTogether(t *testing.T) {
	const delay, chunks, pause = 200 * time.Millisecond, 10, 50 * time.Millisecond
	c := newCluster(t, stubs{}, "b1")
	p := connected(t, c, "client", "b1")
	judged := 0
	remove := addRule(t, c, "client", "b1", func(sim.Chunk) sim.Fate { judged++; return sim.Fate{Delay: delay} })
	for i := range chunks {
		c.At(c.Now()+time.Duration(i)*pause, func() { p.say("x") })
	}
	runUntil(t, c, "the echoes", func() bool { return len(p.in) == chunks })
	remove()
	if one := int(chunks * pause / delay); judged < 3*one {
		t.Errorf("%d chunks in %v: one after the other would be about %d", judged, chunks*pause, one)
	}
}

func TestOrderIsKeptWhateverTheDelays(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	p := connected(t, c, "client", "b1")
	next := time.Duration(0)
	addRule(t, c, "", "", func(sim.Chunk) sim.Fate {
		next = (next + 17) % 40
		return sim.Fate{Delay: next * time.Millisecond, Hold: next == 33}
	})
	stir := addRule(t, c, "nobody", "", nil)
	var want bytes.Buffer
	for i := range 200 {
		want.WriteByte(byte('a' + i%26))
		c.At(c.Now()+time.Duration(i)*time.Millisecond, func() { p.say(string(rune('a' + i%26))) })
	}
	for i := range 1000 {
		c.At(c.Now()+time.Duration(i*20)*time.Millisecond, func() {
			stir()
			stir = addRule(t, c, "nobody", "", nil)
		})
	}
	runUntil(t, c, "the echoes", func() bool { return len(p.in) == want.Len() })
	if !bytes.Equal(p.in, want.Bytes()) {
		t.Errorf("got %q", p.in)
	}
}

func TestHoldUntilTheRuleIsGone(t *testing.T) {
	for _, towards := range []string{"b1", "client"} {
		t.Run(towards, func(t *testing.T) {
			c := newCluster(t, stubs{}, "b1")
			p := connected(t, c, "client", "b1")
			remove := addRule(t, c, "", towards, func(sim.Chunk) sim.Fate { return sim.Fate{Hold: true} })
			p.say("one ")
			c.Run(50 * time.Millisecond)
			p.say("two")
			c.Run(100 * time.Millisecond)
			if len(p.in) != 0 {
				t.Errorf("heard %q through the rule", p.in)
			}
			remove()
			runUntil(t, c, "the echo", func() bool { return string(p.in) == "one two" })
		})
	}
}

func TestWhatIsHeldIsJudgedAnew(t *testing.T) {
	const delay = 150 * time.Millisecond
	c := newCluster(t, stubs{}, "b1")
	p := connected(t, c, "client", "b1")
	hold := addRule(t, c, "client", "b1", func(sim.Chunk) sim.Fate { return sim.Fate{Hold: true} })
	p.say("x")
	c.Run(50 * time.Millisecond)
	addRule(t, c, "client", "b1", func(sim.Chunk) sim.Fate { return sim.Fate{Delay: delay} })
	c.Run(50 * time.Millisecond)
	hold()
	begun := c.Now()
	runUntil(t, c, "the echo", func() bool { return len(p.in) > 0 })
	if took := c.Now() - begun; took < delay*9/10 {
		t.Errorf("the echo took %v: the new rule's delay is %v", took, delay)
	}
}

func TestTheEndIsHeldLikeBytes(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	p := connected(t, c, "client", "b1")
	remove := addRule(t, c, "b1", "client", func(sim.Chunk) sim.Fate { return sim.Fate{Hold: true} })
	if err := c.Kill("b1"); err != nil {
		t.Fatal(err)
	}
	c.Run(100 * time.Millisecond)
	if p.gone != 0 {
		t.Error("the client learnt through a cut link that the node is gone")
	}
	remove()
	runUntil(t, c, "a disconnection", func() bool { return p.gone == 1 })
}

func TestReset(t *testing.T) {
	ends := make(chan error, 1)
	talk := func(conn net.Conn) {
		_, err := io.Copy(conn, conn)
		ends <- err
	}
	c := newCluster(t, stubs{talk: talk}, "b1")
	p, other := connected(t, c, "client", "b1"), connected(t, c, "other", "b1")
	var asked sim.Chunk
	remove := addRule(t, c, "client", "", func(c sim.Chunk) sim.Fate {
		asked = c
		asked.Data = bytes.Clone(c.Data)
		return sim.Fate{Reset: true}
	})
	c.Run(20 * time.Millisecond)
	if p.gone != 0 {
		t.Error("reset before it carried anything")
	}
	p.say("x")
	runUntil(t, c, "a disconnection", func() bool { return p.gone == 1 })
	if p.ended {
		t.Error("the client heard a peer that has no more to say, and not a reset")
	}
	if err := <-ends; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the node's end: %v", err)
	}
	remove()
	if string(asked.Data) != "x" || asked.Conn != 1 || asked.From != "client" || asked.To != "b1" || asked.Opening {
		t.Errorf("the rule was asked about %+v", asked)
	}
	other.say("y")
	runUntil(t, c, "an echo on the other", func() bool { return string(other.in) == "y" })
}

func TestARuleIsAskedAboutOneChunkAtATime(t *testing.T) {
	c := newCluster(t, stubs{}, "b1", "b2")
	asked := 0 // without a lock: the race detector watches
	remove := addRule(t, c, "", "", func(sim.Chunk) sim.Fate { asked++; return sim.Fate{} })
	for _, n := range []string{"b1", "b2", "b1", "b2"} {
		p := dial(t, c, "client", n)
		p.hear = func() { p.say("again") }
		p.say("first")
	}
	c.Run(100 * time.Millisecond)
	remove()
	remove()
	before := asked
	c.Run(50 * time.Millisecond)
	if before < 20 || asked != before {
		t.Errorf("asked %d times, and %d after it was removed", before, asked-before)
	}
}

func TestTheRulesRandomnessIsTheSeeds(t *testing.T) {
	draw := func(seed uint64) (drawn uint64) {
		c, err := New(stubs{}, []sim.Node{{Name: "b1"}}, seed)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.AddRule("client", "b1", drawer{&drawn}); err != nil {
			t.Fatal(err)
		}
		connected(t, c, "client", "b1")
		return drawn
	}
	if a, b, other := draw(1), draw(1), draw(2); a != b || a == other {
		t.Errorf("drew %d, %d with one seed and %d with another", a, b, other)
	}
}

// drawer keeps what it draws for an opening.
type drawer struct{ drawn *uint64 }

func (d drawer) Judge(_ time.Duration, rng *rand.Rand, c sim.Chunk) sim.Fate {
	if c.Opening {
		*d.drawn = rng.Uint64()
	}
	return sim.Fate{}
}

func TestBackpressure(t *testing.T) {
	release := make(chan struct{})
	var got atomic.Int64
	talk := func(conn net.Conn) {
		conn.(*net.TCPConn).SetReadBuffer(4096)
		<-release
		n, _ := io.Copy(io.Discard, conn)
		got.Add(n)
	}
	c := newCluster(t, stubs{talk: talk}, "b1")
	p := dial(t, c, "client", "b1")
	const total = 64 << 20
	sent := 0
	more := func() {
		if len(p.out) == 0 && sent < total && p.asked > 0 {
			sent += 1 << 16
			p.say(strings.Repeat("x", 1<<16))
		}
	}
	var tick func()
	tick = func() { more(); c.At(c.Now()+time.Millisecond, tick) }
	c.At(0, tick)
	addRule(t, c, "client", "b1", func(c sim.Chunk) sim.Fate { return sim.Fate{Hold: !c.Opening} })
	c.Run(300 * time.Millisecond)
	if sent < maxWaiting || sent > maxWaiting+1<<20 {
		t.Errorf("a held link took %d bytes; its bound is %d", sent, maxWaiting)
	}
	close(release)
}

func TestAPartnerThatDoesNotRead(t *testing.T) {
	c := newCluster(t, stubs{talk: func(net.Conn) {}}, "b1")
	p := dial(t, c, "client", "b1")
	const total = 256 << 20
	sent := 0
	var tick func()
	tick = func() {
		if len(p.out) == 0 && sent < total && p.asked > 0 {
			sent += 1 << 20
			p.say(strings.Repeat("x", 1<<20))
		}
		c.At(c.Now()+time.Millisecond, tick)
	}
	c.At(0, tick)
	c.Run(500 * time.Millisecond)
	if sent < 1<<20 || sent > 64<<20 {
		t.Errorf("a node that does not read was sent %d bytes", sent)
	}
}
