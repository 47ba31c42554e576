package broker_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// A crashTest is what is done to the brokers.
type crashTest struct {
	name       string
	durability broker.Durability
	cuts       bool // crashes are power cuts
	stops      bool // there are none
	faults     bool // operations of the disk fail
}

// A crasher publishes to and consumes from brokers that live one after the other on one disk, and knows what each must have kept.
type crasher struct {
	t    *testing.T
	rng  *rand.Rand
	disk *sim.Disk
	opts broker.Options
	now  time.Time
	crashTest
	fault    *sim.DiskFault
	b        *broker.Broker
	producer *broker.Session
	awaited  [][]*crashMessage // publications without an answer, in order
	readers  []*crashReader
	messages map[string]*crashMessage
	ids      map[wire.ID]string
	lives    int
	heard    int // OKs, of TestEveryState
	log      []string
}

// A crashMessage is one that was published.
type crashMessage struct {
	body  string
	due   time.Time
	acked bool
	early bool // some of its group were delivered before a power cut, which may have taken them
	group []*crashMessage
}

// A crashReader is a channel and its one consumer.
type crashReader struct {
	channel string
	s       *broker.Session
	held    map[string]crashHeld // in flight at it, by body
	seen    map[string]uint16    // attempts
	done    map[string]bool      // finished, and the broker knows
	maybe   map[string]bool      // finished, and a power cut may undo that
}

// A crashHeld is a message in flight.
type crashHeld struct {
	id wire.ID
	at time.Time
}

func newCrasher(t *testing.T, seed uint64, test crashTest) *crasher {
	opts := broker.DefaultOptions("test")
	opts.Durability, opts.MaxBytesPerFile, opts.MsgTimeout = test.durability, []int64{1, 300, 2000}[seed%3], 10*time.Second
	opts.SyncTimeout = time.Millisecond
	c := &crasher{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), disk: sim.NewDisk(), opts: opts, crashTest: test,
		now:      time.Unix(1767225600, 0),
		messages: map[string]*crashMessage{}, ids: map[wire.ID]string{},
	}
	for _, name := range []string{"a", "b"} {
		c.readers = append(c.readers, &crashReader{
			channel: name, seen: map[string]uint16{}, done: map[string]bool{}, maybe: map[string]bool{},
		})
	}
	c.open()
	return c
}

func (c *crasher) note(format string, args ...any) {
	c.log = append(c.log, fmt.Sprintf(format, args...))
}

func (c *crasher) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf(format+"\n%s\n%s", append(args, strings.Join(c.log[max(0, len(c.log)-80):], "\n"), c.disk.Dump())...)
}

// open begins a life.
func (c *crasher) open() {
	b, err := broker.Open(c.now, c.opts, c.disk, func() {})
	if err != nil {
		c.fail("open: %v", err)
	}
	c.b, c.awaited = b, nil
	c.lives++
	c.note("life %d: %v", c.lives, b.Warnings())
	c.connect()
	for _, r := range c.readers {
		r.s, r.held = b.Connect(c.now, "c:1", func() {}), map[string]crashHeld{}
		c.send(r.s, wire.Magic+fmt.Sprintf("SUB t %s\nRDY %d\n", r.channel, 1+c.rng.IntN(20)))
	}
	c.sync()
	c.listen()
}

// connect makes a producer.
func (c *crasher) connect() {
	c.producer, c.awaited = c.b.Connect(c.now, "p:1", func() {}), nil
	c.send(c.producer, wire.Magic)
}

func (c *crasher) send(s *broker.Session, p string) {
	if n, err := s.Receive(c.now, []byte(p)); err != nil || n != len(p) {
		c.fail("%q: %d, %v", p, n, err)
	}
}

func (c *crasher) sync() {
	err := c.b.Sync(c.now.Add(time.Second))
	c.note("sync: %v", err)
	if err != nil && !c.faults {
		c.fail("sync: %v", err)
	}
	for _, r := range c.readers {
		r.maybe = map[string]bool{}
	}
}

// publish sends some messages, by one command or more.
func (c *crasher) publish() {
	var commands strings.Builder
	for range 1 + c.rng.IntN(3) {
		n, deferral := 1, time.Duration(0)
		switch c.rng.IntN(3) {
		case 0:
			n = 2 + c.rng.IntN(5)
		case 1:
			deferral = time.Duration(1+c.rng.IntN(8000)) * time.Millisecond
		}
		group := make([]*crashMessage, n)
		body := ""
		for i := range group {
			m := &crashMessage{body: fmt.Sprintf("m%d%s", len(c.messages), strings.Repeat(".", c.rng.IntN(400))), due: c.now.Add(deferral), group: group}
			c.messages[m.body] = m
			group[i] = m
			body += sized(m.body)
		}
		switch {
		case n > 1:
			body = string(binary.BigEndian.AppendUint32(nil, uint32(n))) + body
			commands.WriteString("MPUB t\n" + sized(body))
		case deferral > 0:
			fmt.Fprintf(&commands, "DPUB t %d\n%s", deferral.Milliseconds(), body)
		default:
			commands.WriteString("PUB t\n" + body)
		}
		c.note("publish %d after %v: %.8s", n, deferral, group[0].body)
		c.awaited = append(c.awaited, group)
	}
	if _, err := c.producer.Receive(c.now, []byte(commands.String())); err != nil && !c.faults {
		c.fail("publishing: %v", err)
	}
	c.listen()
}

func sized(body string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + body
}

// listen takes what the broker sent.
func (c *crasher) listen() {
	c.frames(c.producer, func(t wire.FrameType, data []byte) {
		if t == wire.FrameError && c.faults && strings.Contains(string(data), "PUB_FAILED") {
			c.note("refused: %s", data)
			c.awaited = nil
			return
		}
		if t != wire.FrameResponse || string(data) != "OK" || len(c.awaited) == 0 {
			c.fail("the producer got %q", data)
		}
		for _, m := range c.awaited[0] {
			m.acked = true
		}
		c.awaited = c.awaited[1:]
	})
	if c.awaited == nil && c.faults {
		c.connect()
	}
	for _, r := range c.readers {
		c.frames(r.s, func(t wire.FrameType, data []byte) {
			if t == wire.FrameMessage {
				c.deliver(r, data)
			} else if t != wire.FrameResponse {
				c.fail("%s got %q", r.channel, data)
			}
		})
	}
}

func (c *crasher) frames(s *broker.Session, f func(wire.FrameType, []byte)) {
	if s.NextTimeout().Equal(time.Unix(0, 0)) { // it is to go on with deliveries
		_ = s.HandleTimeout(c.now)
	}
	for out := s.Transmit(nil); len(out) > 0; out = s.Transmit(nil) {
		for len(out) > 0 {
			size := 4 + binary.BigEndian.Uint32(out)
			if data := string(out[8:size]); data != wire.Heartbeat {
				f(wire.FrameType(binary.BigEndian.Uint32(out[4:])), out[8:size])
			}
			out = out[size:]
		}
	}
}

// deliver judges a delivery.
func (c *crasher) deliver(r *crashReader, p []byte) {
	attempts, body := binary.BigEndian.Uint16(p[8:]), string(p[26:])
	id := wire.ID(p[10:26])
	short := body[:min(len(body), 8)]
	c.note("%s gets %s, attempts %d", r.channel, short, attempts)
	m := c.messages[body]
	switch {
	case m == nil:
		c.fail("%s got %q, which was never published", r.channel, body)
	case c.ids[id] != "" && c.ids[id] != body:
		c.fail("%s has the id of %s", short, c.ids[id])
	case c.now.Before(m.due):
		c.fail("%s got %s, which is not due before %v", r.channel, short, m.due.Sub(c.now))
	case r.done[body]:
		c.fail("%s got %s, which it has finished", r.channel, short)
	case !c.cuts && !c.faults && c.durability != broker.Memory && attempts != r.seen[body]+1:
		c.fail("%s got %s as attempt %d, after %d", r.channel, short, attempts, r.seen[body])
	case c.now.Before(r.held[body].at.Add(c.opts.MsgTimeout)):
		c.fail("%s got %s twice", r.channel, short)
	}
	c.ids[id] = body
	r.seen[body] = attempts
	r.held[body] = crashHeld{id, c.now}
}

// answer finishes or requeues some of what a consumer holds.
func (c *crasher) answer(all bool) {
	for _, r := range c.readers {
		var bodies []string
		for body, h := range r.held {
			if c.now.Before(h.at.Add(c.opts.MsgTimeout)) {
				bodies = append(bodies, body)
			}
		}
		slices.Sort(bodies)
		commands := ""
		for _, body := range bodies {
			switch k := c.rng.IntN(10); {
			case k < 5 || all:
				commands += fmt.Sprintf("FIN %s\n", r.held[body].id)
				r.done[body], r.maybe[body] = true, true
				c.note("%s finishes %.8s", r.channel, body)
			case k < 7:
				delay := c.rng.IntN(5000)
				commands += fmt.Sprintf("REQ %s %d\n", r.held[body].id, delay)
				c.note("%s requeues %.8s by %d ms", r.channel, body, delay)
			default:
				continue
			}
			delete(r.held, body)
		}
		c.send(r.s, commands+"NOP\n")
	}
	c.listen()
}

// pass lets time go by.
func (c *crasher) pass(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(min(d, 100*time.Millisecond))
		c.b.HandleTimeout(c.now)
		c.listen()
	}
}

// finish drains everything, and judges what was lost.
func (c *crasher) finish() {
	c.heal()
	c.sync()
	for range 100 {
		c.pass(time.Second)
		c.answer(true)
	}
	if held := c.b.Held(); held != 0 {
		c.fail("%d messages are held in the end: %+v", held, c.b.Stats().Topics)
	}
	for _, r := range c.readers {
		for body, m := range c.messages {
			if got := r.seen[body] > 0; !got && m.acked {
				c.fail("%.8s was acknowledged, and %s never got it", body, r.channel)
			} else if !m.early && got != (r.seen[m.group[0].body] > 0) {
				c.fail("of those published with %.8s, %s got some", body, r.channel)
			}
		}
	}
}

func (c *crasher) run(steps int) {
	for range steps {
		switch k := c.rng.IntN(100); {
		case k < 30:
			c.publish()
		case k < 60:
			c.answer(false)
		case k < 75:
			c.pass(time.Duration(c.rng.IntN(3000)) * time.Millisecond)
		case k < 90:
			c.sync()
			c.listen()
		case k < 97 && !c.stops:
			if c.faults && c.rng.IntN(3) > 0 {
				c.harm()
			} else {
				c.crash()
			}
		default:
			c.stop()
		}
	}
	c.finish()
}

var crashSeeds = flag.Uint64("crash-seeds", 40, "runs of each of TestCrashes")

// TestCrashes: what was acknowledged outlives the end of the process with os, and that of the machine with fsync, also when the disk fails now and
// then.
func TestCrashes(t *testing.T) {
	for _, test := range []crashTest{
		{name: "memory, stopped", durability: broker.Memory, stops: true},
		{name: "os, killed", durability: broker.OS},
		{name: "os, killed, with faults", durability: broker.OS, faults: true},
		{name: "fsync, killed", durability: broker.Fsync},
		{name: "fsync, without power", durability: broker.Fsync, cuts: true},
		{name: "fsync, without power, with faults", durability: broker.Fsync, cuts: true, faults: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			lives := 0
			for seed := range *crashSeeds {
				c := newCrasher(t, seed, test)
				c.note("seed %d", seed)
				c.run(60)
				lives += c.lives
			}
			t.Logf("%d lives", lives)
		})
	}
}
