package broker

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	racePublishers = 3
	raceBatches    = 300 // a publisher
	raceMessages   = 8   // a batch
	raceRounds     = 300 // of each that disturbs
)

// A race is a broker with goroutines at it from all sides. It ends when the channel "keep", which nobody deletes, has had
// every message.
type race struct {
	t     *testing.T
	b     *Broker
	clock atomic.Int64 // ns since birth
	done  chan struct{}

	mu   sync.Mutex
	seen map[string]bool
}

// TestRace drives sessions, timeouts, statistics and everything that upsets them at the same time: nothing is lost on the way.
func TestRace(t *testing.T) { testRace(t, DefaultOptions("race")) }

// TestRaceOfLeavers has what consumers leave behind requeued, and some preferred to others.
func TestRaceOfLeavers(t *testing.T) {
	opts := DefaultOptions("race")
	opts.RequeueOnDisconnect, opts.Experiments = true, Experiments{TopologyAware}
	testRace(t, opts)
}

func testRace(t *testing.T, opts Options) {
	opts.MsgTimeout, opts.MemQueueSize = time.Second, 50
	r := &race{t: t, done: make(chan struct{}), seen: map[string]bool{}}
	var err error
	if r.b, err = Open(birth, opts, nil, func() {}); err != nil {
		t.Fatal(err)
	}
	if err := r.b.CreateTopic(birth, "t"); err != nil {
		t.Fatal(err)
	}
	if err := r.b.CreateChannel(birth, "t", "keep"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range racePublishers {
		all.Go(func() { r.publish(i) })
	}
	for range 3 {
		all.Go(func() { r.consume("keep") })
	}
	all.Go(func() { r.consume("victim") })
	all.Go(func() { r.consume("tail#ephemeral") })
	all.Go(r.timers)
	all.Go(r.disturb)
	all.Go(r.comeAndGo)
	all.Go(r.look)
	all.Wait()

	if err := r.b.DeleteTopic(r.now(), "t"); err != nil {
		t.Fatal(err)
	}
	r.b.Close(r.now())
	if len(r.b.due.topics) > 0 || len(r.b.sessions) > 0 {
		t.Errorf("%d calls and %d sessions are left", len(r.b.due.topics), len(r.b.sessions))
	}
}

func (r *race) now() time.Time { return birth.Add(time.Duration(r.clock.Load())) }

func (r *race) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// publish sends batches of messages that are all different, one of them deferred.
func (r *race) publish(number int) {
	s := r.b.Connect(r.now(), "p:1", func() {})
	defer func() { s.Disconnect(r.now()) }()
	p := []byte(wire.Magic)
	for batch := range raceBatches {
		for i := range raceMessages {
			body := fmt.Appendf(nil, "%d-%d-%d", number, batch, i)
			if i == 0 {
				p = wire.AppendCommand(p, "DPUB", "t", "50")
			} else {
				p = wire.AppendCommand(p, "PUB", "t")
			}
			p = wire.AppendBody(p, body)
		}
		p = wire.AppendCommand(p, "PUB", "gone")
		p = wire.AppendBody(p, []byte("x"))
		if n, err := s.Receive(r.now(), p); n != len(p) || err != nil {
			r.t.Errorf("consumed %d of %d bytes, %v", n, len(p), err)
			return
		}
		p = s.Transmit(nil)[:0]
	}
}

// consume is a consumer of a channel, and one more whenever it ends.
func (r *race) consume(channel string) {
	for !r.over() {
		woken := make(chan struct{}, 1)
		s := r.b.Connect(r.now(), "c:1", func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
		receive(s, r.now(), wire.Magic+"SUB t "+channel+"\nRDY 20\n")
		r.attend(s, woken, channel == "keep")
		s.Disconnect(r.now())
	}
}

// attend reads what a session sends and answers it, until it has had 200 messages or its channel is gone.
func (r *race) attend(s *Session, woken <-chan struct{}, counts bool) {
	for got := 0; got < 200; {
		out := s.Transmit(nil)
		if next := s.NextTimeout(); next.Equal(time.Unix(0, 0)) && s.HandleTimeout(r.now()) != nil {
			return
		}
		if len(out) == 0 {
			select {
			case <-woken:
			case <-r.done:
				return
			}
			continue
		}
		var reply []byte
		for len(out) > 0 {
			f, n, err := wire.ParseFrame(out, 1<<20)
			if err != nil {
				r.t.Error(err)
				return
			}
			out = out[n:]
			if f.Type == wire.FrameMessage {
				got++
				reply = r.answer(reply, f.Data, got, counts)
			}
		}
		if _, err := s.Receive(r.now(), append(reply, "NOP\n"...)); err != nil {
			r.t.Error(err)
			return
		}
	}
}

// answer finishes most messages, touches and requeues some, and leaves some to their timeout.
func (r *race) answer(reply, data []byte, number int, counts bool) []byte {
	m, err := wire.ParseMessage(data)
	if err != nil {
		r.t.Error(err)
		return reply
	}
	if counts {
		r.see(string(m.Body))
	}
	switch number % 16 {
	case 0:
		return wire.AppendCommand(reply, "REQ", m.ID.String(), "0")
	case 5:
		return wire.AppendCommand(reply, "REQ", m.ID.String(), "20")
	case 10:
		return wire.AppendCommand(reply, "TOUCH", m.ID.String())
	}
	return wire.AppendCommand(reply, "FIN", m.ID.String())
}

// see notes a message, and ends the race with the last.
func (r *race) see(body string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[body] = true
	if len(r.seen) == racePublishers*raceBatches*raceMessages && !r.over() {
		close(r.done)
	}
}

// timers lets the time pass.
func (r *race) timers() {
	for !r.over() {
		r.clock.Add(int64(time.Millisecond))
		if next := r.b.NextTimeout(); !next.IsZero() && !next.After(r.now()) {
			r.b.HandleTimeout(r.now())
		}
		runtime.Gosched()
	}
}

// disturb pauses, empties and deletes.
func (r *race) disturb() {
	b := r.b
	for i := range raceRounds {
		if r.over() {
			break
		}
		now := r.now()
		_ = b.PauseTopic(now, "t", i%2 == 0)
		_ = b.PauseChannel(now, "t", "keep", i%2 == 0)
		_ = b.EmptyChannel(now, "t", "victim")
		_ = b.DeleteChannel(now, "t", "victim")
		_ = b.EmptyTopic(now, "gone")
		_ = b.DeleteTopic(now, "gone")
		_ = publish(b, now, "gone", time.Minute, []byte("x"))
		runtime.Gosched()
	}
	_ = b.PauseTopic(r.now(), "t", false)
	_ = b.PauseChannel(r.now(), "t", "keep", false)
}

// comeAndGo has consumers of ephemeral channels and topics, and of one that others delete.
func (r *race) comeAndGo() {
	for i := range raceRounds {
		s := r.b.Connect(r.now(), "e:1", func() {})
		topic := [...]string{"news#ephemeral", "gone", "t"}[i%3]
		receive(s, r.now(), wire.Magic+"SUB "+topic+" brief#ephemeral\nRDY 5\nPUB news#ephemeral\n\x00\x00\x00\x01x")
		s.Transmit(nil)
		s.Disconnect(r.now())
		runtime.Gosched()
	}
}

// look reads the statistics, which never make no sense.
func (r *race) look() {
	for !r.over() {
		for _, t := range r.b.Stats().Topics {
			for _, c := range t.Channels {
				held := int64(0)
				for _, client := range c.Clients {
					held += client.InFlight
				}
				if c.Depth < 0 || c.InFlight < 0 || c.Deferred < 0 || held > int64(c.InFlight) {
					r.t.Errorf("%+v", c)
				}
			}
		}
		runtime.Gosched()
	}
}
