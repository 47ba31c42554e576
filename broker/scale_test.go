package broker

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A crowd is a consumer on each of many channels, in as many topics or in one.
type crowd struct {
	t       *testing.T
	b       *Broker
	now     time.Time
	woken   []*crowdConsumer
	spare   []byte
	answers []byte
}

type crowdConsumer struct {
	s       *Session
	timeout time.Duration
	awake   bool
}

// shapes are how 1,000 channels can lie.
var shapes = []struct {
	name   string
	topics int
	topic  func(i int) string
}{
	{"1,000 topics with a channel each", 1000, func(i int) string { return fmt.Sprintf("t%d", i) }},
	{"a topic with 1,000 channels", 1, func(int) string { return "t" }},
}

// newCrowd makes a broker without a disk, and the consumers, with a message timeout each.
func newCrowd(t *testing.T, channels int, topic func(i int) string, timeout func(i int) time.Duration) *crowd {
	b, err := Open(birth, DefaultOptions("test"), nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	w := &crowd{t: t, b: b, now: birth}
	for i := range channels {
		c := &crowdConsumer{timeout: timeout(i)}
		c.s = b.Connect(birth, "c:1", func() {
			if !c.awake {
				c.awake = true
				w.woken = append(w.woken, c)
			}
		})
		body := fmt.Appendf(nil, `{"msg_timeout":%d}`, c.timeout.Milliseconds())
		greeting := string(wire.AppendBody([]byte(wire.Magic+"IDENTIFY\n"), body))
		receive(c.s, birth, fmt.Sprintf("%sSUB %s c%d\nRDY 2500\n", greeting, topic(i), i))
		c.s.Transmit(nil)
	}
	return w
}

// publish publishes a message to a topic, whose body is a time.
func (w *crowd) publish(topic string, at time.Time, deferral time.Duration) {
	if err := publish(w.b, w.now, topic, deferral, binary.BigEndian.AppendUint64(nil, uint64(at.Sub(birth)))); err != nil {
		w.t.Fatal(err)
	}
}

// read hands each message that has come to see, which says whether it is finished, and tells how many there were.
func (w *crowd) read(see func(c *crowdConsumer, at time.Time, m wire.Message) (finished bool)) (n int) {
	for len(w.woken) > 0 {
		c := w.woken[len(w.woken)-1]
		w.woken = w.woken[:len(w.woken)-1]
		c.awake = false
		w.spare, w.answers = c.s.Transmit(w.spare), w.answers[:0]
		for rest := w.spare; len(rest) > 0; {
			frame, used, err := wire.ParseFrame(rest, 1<<20)
			if err != nil || used == 0 {
				w.t.Fatal(err)
			}
			rest = rest[used:]
			m, err := wire.ParseMessage(frame.Data)
			if err != nil {
				w.t.Fatal(err)
			}
			n++
			if see(c, birth.Add(time.Duration(binary.BigEndian.Uint64(m.Body))), m) {
				w.answers = append(append(append(w.answers, "FIN "...), m.ID[:]...), '\n')
			}
		}
		if len(w.answers) > 0 {
			receive(c.s, w.now, string(w.answers))
		}
	}
	return n
}

// play goes from timeout to timeout until nothing waits. It tells how many messages came, and how many timeouts had nothing to give.
func (w *crowd) play(see func(c *crowdConsumer, at time.Time, m wire.Message) (finished bool)) (came, idle int) {
	for next := w.b.NextTimeout(); !next.IsZero(); next = w.b.NextTimeout() {
		if next.After(w.now) {
			w.now = next
		}
		w.b.HandleTimeout(w.now)
		n := w.read(see)
		if came += n; n == 0 {
			idle++
		}
	}
	return came, idle
}

// perChannel is how many deliveries each of 1,000 channels has.
func perChannel() int {
	if testing.Short() {
		return 20
	}
	return 1000
}

// TestManyDeferrals: each of a million deferrals over 1,000 channels ends at its nanosecond, and nobody is called for nothing.
func TestManyDeferrals(t *testing.T) {
	each := perChannel()
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			w := newCrowd(t, 1000, shape.topic, func(int) time.Duration { return time.Minute })
			random := rand.New(rand.NewPCG(1, 2))
			for i := range each * shape.topics {
				deferral := time.Second + time.Duration(random.Int64N(int64(20*time.Second)))
				w.publish(shape.topic(i%shape.topics), w.now.Add(deferral), deferral)
			}
			came, idle := w.play(func(_ *crowdConsumer, due time.Time, m wire.Message) bool {
				if !due.Equal(w.now) || m.Attempts != 1 {
					t.Fatalf("attempt %d of a message that was due at %s came at %s", m.Attempts, due.Sub(birth), w.now.Sub(birth))
				}
				return true
			})
			if came != 1000*each || idle > shape.topics {
				t.Errorf("%d of %d messages came, and %d calls had nothing to give", came, 1000*each, idle)
			}
		})
	}
}

// TestManyTimeouts is TestManyDeferrals for messages in flight, with a timeout of another length for each channel.
func TestManyTimeouts(t *testing.T) {
	each := perChannel()
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			w := newCrowd(t, 1000, shape.topic, func(i int) time.Duration { return 20*time.Second + 7*time.Duration(i)*time.Millisecond })
			random := rand.New(rand.NewPCG(1, 2))
			held := 0
			for i := range each * shape.topics {
				w.now = w.now.Add(time.Duration(random.Int64N(int64(10*time.Second) / int64(each*shape.topics))))
				w.publish(shape.topic(i%shape.topics), w.now, 0)
				held += w.read(func(*crowdConsumer, time.Time, wire.Message) bool { return false })
			}
			if held != 1000*each {
				t.Fatalf("%d of %d messages are in flight", held, 1000*each)
			}
			came, idle := w.play(func(c *crowdConsumer, sent time.Time, m wire.Message) bool {
				if due := sent.Add(c.timeout); !due.Equal(w.now) || m.Attempts != 2 {
					t.Fatalf("attempt %d of a message with a timeout at %s came at %s", m.Attempts, due.Sub(birth), w.now.Sub(birth))
				}
				return true
			})
			if came != held || idle > shape.topics {
				t.Errorf("%d of %d messages came, and %d calls had nothing to give", came, held, idle)
			}
		})
	}
}

// TestAllAtOnce: when very many waits are over at the same time, a call ends only a part of them, so that the topic can be used in between, the
// timeouts of what is delivered count from when it is, and a topic with little comes before what is left of one with much.
func TestAllAtOnce(t *testing.T) {
	const channels, each = 100, 500
	topic := func(i int) string { return []string{"many", "few"}[i/channels] }
	w := newCrowd(t, channels+1, topic, func(int) time.Duration { return time.Minute })
	for range each {
		w.publish("many", w.now.Add(time.Second), time.Second)
	}
	w.publish("few", w.now.Add(time.Second+1), time.Second+1)
	w.now = birth.Add(2 * time.Second)
	calls, came, few := 0, 0, 0
	for next := w.b.NextTimeout(); !next.After(w.now); next = w.b.NextTimeout() {
		w.b.HandleTimeout(w.now)
		calls++
		n := w.read(func(c *crowdConsumer, _ time.Time, _ wire.Message) bool {
			if c.s.channel.topic.name == "few" {
				few = calls
			}
			return false
		})
		if n == 0 || n > maxExpired {
			t.Fatalf("call %d gave %d messages", calls, n)
		}
		came += n
		w.now = w.now.Add(time.Millisecond)
	}
	if least := (channels*each + 1) / maxExpired; came != channels*each+1 || calls < least || calls > least+2 || few != 2 {
		t.Errorf("%d messages came in %d calls, that of the topic with little in call %d", came, calls, few)
	}
	if next := w.b.NextTimeout(); !next.Equal(birth.Add(2*time.Second + time.Minute)) {
		t.Errorf("the first timeout is at %s", next.Sub(birth))
	}
}
