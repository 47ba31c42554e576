package sim

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A load is clients on a world that publish and consume, and check each body they get.
type load struct {
	t     testing.TB
	w     *World
	rng   *rand.Rand
	sizes int // bodies have up to so many bytes more than they need, some twenty times that
	noise []byte
	over  bool

	published uint64
	acked     map[uint64]bool // nil: it keeps no account
	arrived   map[uint64]bool
	came      int
	damaged   int
}

func newLoad(t testing.TB, w *World, sizes int) *load {
	l := &load{t: t, w: w, rng: w.Rand("load"), sizes: sizes, acked: map[uint64]bool{}, arrived: map[uint64]bool{}}
	for len(l.noise) < 256+20*sizes {
		l.noise = binary.LittleEndian.AppendUint64(l.noise, l.rng.Uint64())
	}
	return l
}

func (l *load) body() (number uint64, p []byte) {
	l.published++
	size := l.rng.IntN(l.sizes + 1)
	if l.rng.IntN(50) == 0 {
		size *= 20
	}
	p = append(make([]byte, 12, 12+size), l.noise[l.rng.IntN(256):][:size]...)
	binary.BigEndian.PutUint64(p[4:], l.published)
	binary.BigEndian.PutUint32(p, crc32.ChecksumIEEE(p[4:]))
	return l.published, p
}

func (l *load) take(p []byte) {
	l.came++
	if len(p) < 12 || crc32.ChecksumIEEE(p[4:]) != binary.BigEndian.Uint32(p) {
		l.damaged++
		return
	}
	if l.acked != nil {
		l.arrived[binary.BigEndian.Uint64(p[4:])] = true
	}
}

// lost counts the messages that were acknowledged and did not come.
func (l *load) lost() (n int) {
	for number := range l.acked {
		if !l.arrived[number] {
			n++
		}
	}
	return n
}

// dial connects a client, and again whenever its connection is gone.
func (l *load) dial(from, node string, h client.Handler, began func(*client.Conn)) {
	h.Closed = func(time.Time, error) {
		l.w.At(l.w.now+100*ms, func() { l.dial(from, node, h, began) })
	}
	must(l.t, l.w.Dial(from, node, func(now time.Time, wake func()) wire.Endpoint {
		c := client.New(now, client.Options{ClientID: from, HeartbeatInterval: 2 * time.Second}, h, wake)
		began(c)
		return c
	}))
}

// produce publishes a message at each step of time.
func (l *load) produce(from, node string, every time.Duration) {
	var conn *client.Conn
	l.dial(from, node, client.Handler{}, func(c *client.Conn) { conn = c })
	var next func()
	next = func() {
		if l.over {
			return
		}
		number, body := l.body()
		conn.Publish("orders", body, func(_ time.Time, r client.Result) {
			if r.Fate == client.Done && l.acked != nil {
				l.acked[number] = true
			}
		})
		l.w.At(l.w.now+every, next)
	}
	next()
}

// consume finishes what comes, and has it proved now and then.
func (l *load) consume(from, node string, inFlight int) {
	var conn *client.Conn
	n := 0
	h := client.Handler{Message: func(_ time.Time, m wire.Message) {
		l.take(m.Body)
		conn.Finish(m.ID, func(time.Time, client.Result) {})
		if n++; n%20 == 0 {
			conn.Prove()
		}
	}}
	l.dial(from, node, h, func(c *client.Conn) {
		conn = c
		c.Subscribe("orders", "billing", nil)
		c.Ready(inFlight)
	})
}

// trouble inflicts faults at random for as long as the load lasts, and heals them.
func (l *load) trouble(rng *rand.Rand, ends ...string) {
	for range 20 {
		at := time.Duration(rng.Int64N(int64(8 * time.Second)))
		lasts := time.Duration(rng.Int64N(int64(time.Second)))
		from, to := ends[rng.IntN(len(ends))], ends[rng.IntN(len(ends))]
		node := l.w.Nodes()[rng.IntN(len(l.w.nodes))]
		rule := trouble(rng.IntN(troubles))
		l.w.At(at, func() {
			remove, err := l.w.AddRule(from, to, rule)
			must(l.t, err)
			l.w.At(l.w.now+lasts, remove)
		})
		l.w.At(at, func() {
			if l.w.Pause(node) == nil {
				l.w.At(l.w.now+lasts/2, func() { must(l.t, l.w.Resume(node)) })
			}
		})
	}
}

// A trouble is a rule that draws what it does.
type trouble int

// troubles are how many there are.
const troubles = 6

// Judge implements Rule.
func (r trouble) Judge(_ time.Duration, rng *rand.Rand, _ Chunk) Fate {
	switch r {
	case 0:
		return Fate{Hold: true}
	case 1:
		return Fate{Delay: time.Duration(rng.Int64N(int64(50 * ms)))}
	case 2:
		return Fate{Hold: rng.IntN(3) == 0, Delay: 2 * ms, First: rng.IntN(5)}
	case 4:
		return Fate{Lose: rng.IntN(20) == 0, First: rng.IntN(50)}
	case 5:
		return Fate{Slice: 1 + rng.IntN(30), Gap: time.Duration(rng.Int64N(int64(ms)))}
	}
	return Fate{Reset: rng.IntN(10) == 0}
}

// play lets a small load with faults run, and gives the world and the load after it.
func play(t testing.TB, seed uint64) (*World, *load) {
	w, err := NewWorld(seed, []Node{{Name: "b1", Args: []string{"--msg-timeout=1s"}}, {Name: "b2"}}, DefaultLinks)
	must(t, err)
	l := newLoad(t, w, 5_000)
	for i := range 4 {
		node := fmt.Sprintf("b%d", 1+i%2)
		l.produce("shop", node, 8*ms)
		l.consume("billing", node, 50)
	}
	l.trouble(w.Rand("trouble"), "shop", "billing", "b1", "b2", "")
	w.Run(10 * time.Second)
	l.over = true
	w.Run(2 * time.Minute)
	return w, l
}
