package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nsqio/go-nsq"
	"github.com/nsqlab/nsqlab/broker"
)

func TestGoNSQEachChannelGetsEachMessage(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, nil)
	cfg := nsq.NewConfig()
	cfg.MaxInFlight = 50
	var channels []<-chan got
	for _, name := range []string{"a", "b", "c#ephemeral"} {
		_, deliveries := consume(t, d, name, cfg, accept)
		channels = append(channels, deliveries)
	}
	p := newProducer(t, d, nsq.NewConfig())
	var want []string
	publish := func(f func(body []byte) error, n int) {
		for i := range n {
			body := fmt.Sprint("m", len(want), "-", i)
			if err := f([]byte(body)); err != nil {
				t.Fatal(err)
			}
			want = append(want, body)
		}
	}
	publish(func(b []byte) error { return p.Publish("t", b) }, 100)
	publish(func(b []byte) error { return p.DeferredPublish("t", 0, b) }, 3)
	answers := make(chan *nsq.ProducerTransaction, 100)
	publish(func(b []byte) error { return p.PublishAsync("t", b, answers) }, 100)
	for range 100 {
		if a := <-answers; a.Error != nil {
			t.Fatal(a.Error)
		}
	}
	var many [][]byte
	for i := range 500 {
		many = append(many, fmt.Appendf(nil, "many%d", i))
		want = append(want, string(many[i]))
	}
	if err := p.MultiPublish("t", many); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	for i, deliveries := range channels {
		all := receive(t, deliveries, len(want))
		if !slices.Equal(bodies(all), want) {
			t.Errorf("channel %d got other messages than were published", i)
		}
		for _, g := range all {
			if g.attempts != 1 {
				t.Errorf("%s came with attempts %d", g.body, g.attempts)
			}
		}
	}
	eventually(t, d, "all finished", func(c broker.ChannelStats) bool { return c.Depth == 0 && c.InFlight == 0 })
}

func TestGoNSQDeferredPublish(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, nil)
	_, deliveries := consume(t, d, "c", nsq.NewConfig(), accept)
	p := newProducer(t, d, nsq.NewConfig())
	began := time.Now()
	if err := p.DeferredPublish("t", time.Second, []byte("late")); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish("t", []byte("now")); err != nil {
		t.Fatal(err)
	}
	all := receive(t, deliveries, 2)
	if all[0].body != "now" || all[1].body != "late" {
		t.Errorf("got %v", all)
	}
	if after := all[1].at.Sub(began); after < time.Second {
		t.Errorf("deferred by a second, it came after %v", after)
	}
}

func TestGoNSQRequeue(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			d := startNsqd(t, nil)
			_, deliveries := consume(t, d, "c", nsq.NewConfig(), func(m *nsq.Message) error {
				if m.Attempts < 3 {
					m.RequeueWithoutBackoff(delay)
				}
				return nil
			})
			p := newProducer(t, d, nsq.NewConfig())
			if err := p.Publish("t", []byte("again")); err != nil {
				t.Fatal(err)
			}
			all := receive(t, deliveries, 3)
			for i, g := range all {
				if g.attempts != uint16(i+1) {
					t.Errorf("delivery %d has attempts %d", i+1, g.attempts)
				}
			}
			if after := all[2].at.Sub(all[0].at); after < 2*delay {
				t.Errorf("requeued twice by %v, it came after %v", delay, after)
			}
			eventually(t, d, "finished after two requeues", func(c broker.ChannelStats) bool {
				return c.Requeues == 2 && c.Timeouts == 0 && c.InFlight == 0 && c.Depth == 0 && c.Deferred == 0
			})
		})
	}
}

func TestGoNSQTouch(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, nil)
	cfg := nsq.NewConfig()
	cfg.MsgTimeout = time.Second
	_, deliveries := consume(t, d, "c", cfg, func(m *nsq.Message) error {
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for range 8 {
			<-tick.C
			m.Touch()
		}
		return nil
	})
	p := newProducer(t, d, nsq.NewConfig())
	if err := p.Publish("t", []byte("long")); err != nil {
		t.Fatal(err)
	}
	receive(t, deliveries, 1)
	eventually(t, d, "finished without a timeout", func(c broker.ChannelStats) bool {
		return c.InFlight == 0 && c.Depth == 0 && c.Clients[0].Finished == 1
	})
	if n := d.broker.Stats().Topics[0].Channels[0].Timeouts; n != 0 {
		t.Errorf("%d timeouts in spite of TOUCH", n)
	}
}

func TestGoNSQMessageTimeout(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, nil)
	cfg := nsq.NewConfig()
	cfg.MsgTimeout = time.Second
	held := make(chan *nsq.Message, 1)
	_, deliveries := consume(t, d, "c", cfg, func(m *nsq.Message) error {
		if string(m.Body) == "slow" && m.Attempts == 1 {
			m.DisableAutoResponse()
			held <- m
		}
		return nil
	})
	p := newProducer(t, d, nsq.NewConfig())
	if err := p.Publish("t", []byte("slow")); err != nil {
		t.Fatal(err)
	}
	all := receive(t, deliveries, 2)
	if all[1].attempts != 2 || all[1].at.Sub(all[0].at) < 900*time.Millisecond {
		t.Errorf("got %v", all)
	}
	eventually(t, d, "finished after a timeout", func(c broker.ChannelStats) bool {
		return c.Timeouts == 1 && c.InFlight == 0 && c.Depth == 0
	})
	(<-held).Finish() // too late: refused, but the connection goes on
	if err := p.Publish("t", []byte("next")); err != nil {
		t.Fatal(err)
	}
	if next := receive(t, deliveries, 1)[0]; next.body != "next" {
		t.Errorf("got %v", next)
	}
}

func TestGoNSQPause(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, nil)
	_, deliveries := consume(t, d, "c", nsq.NewConfig(), accept)
	p := newProducer(t, d, nsq.NewConfig())
	if err := p.Publish("t", []byte("before")); err != nil {
		t.Fatal(err)
	}
	receive(t, deliveries, 1)
	for i, kind := range []string{"channel", "topic"} {
		eventually(t, d, "free for more", func(c broker.ChannelStats) bool { return c.Clients[0].Finished == uint64(i+1) })
		post(t, d, "/"+kind+"/pause?topic=t&channel=c", "")
		if err := p.Publish("t", []byte(kind)); err != nil {
			t.Fatal(err)
		}
		if st := d.broker.Stats().Topics[0]; st.Depth+st.Channels[0].Depth != 1 {
			t.Errorf("while the %s is paused: %+v", kind, st)
		}
		post(t, d, "/"+kind+"/unpause?topic=t&channel=c", "")
		if g := receive(t, deliveries, 1)[0]; g.body != kind || g.attempts != 1 {
			t.Errorf("got %v", g)
		}
	}
}

// A handler that fails has the client say RDY 0 for a while, then try with one, then go on in full.
func TestGoNSQBackoff(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, nil)
	cfg := nsq.NewConfig()
	cfg.MaxInFlight = 5
	cfg.BackoffMultiplier = 50 * time.Millisecond
	cfg.MaxBackoffDuration = 200 * time.Millisecond
	cfg.DefaultRequeueDelay = 0
	cfg.MaxAttempts = 0
	var fails atomic.Bool
	fails.Store(true)
	_, deliveries := consume(t, d, "c", cfg, func(*nsq.Message) error {
		if fails.Load() {
			return errors.New("not now")
		}
		return nil
	})
	p := newProducer(t, d, nsq.NewConfig())
	messages := 0
	publish := func() {
		if err := p.Publish("t", []byte("m")); err != nil {
			t.Fatal(err)
		}
		messages++
	}
	for range 20 {
		publish()
	}
	ready := func(n int64) func(broker.ChannelStats) bool {
		return func(c broker.ChannelStats) bool { return len(c.Clients) == 1 && c.Clients[0].Ready == n }
	}
	eventually(t, d, "RDY 0", ready(0))
	before := len(deliveries)
	eventually(t, d, "tried again", func(broker.ChannelStats) bool { return len(deliveries) >= before+3 })
	fails.Store(false)
	eventually(t, d, "RDY 5 again", func(c broker.ChannelStats) bool {
		if c.Depth == 0 {
			publish() // each that succeeds is a step out of it
		}
		return ready(5)(c)
	})
	eventually(t, d, "all finished", func(c broker.ChannelStats) bool {
		return c.InFlight == 0 && c.Depth == 0 && c.Deferred == 0 && c.Clients[0].Finished == uint64(messages)
	})
	if st := d.broker.Stats().Topics[0].Channels[0]; st.Requeues == 0 || len(deliveries) != messages+int(st.Requeues) {
		t.Errorf("%d deliveries, %+v", len(deliveries), st)
	}
}

// Stop has the client say CLS, finish what it holds, and close.
func TestGoNSQStop(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, nil)
	cfg := nsq.NewConfig()
	cfg.MaxInFlight = 3
	release := make(chan struct{})
	c, deliveries := consume(t, d, "c", cfg, func(*nsq.Message) error {
		<-release
		return nil
	})
	p := newProducer(t, d, nsq.NewConfig())
	for range 10 {
		if err := p.Publish("t", []byte("m")); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, deliveries, 3)
	c.Stop()
	eventually(t, d, "closing", func(c broker.ChannelStats) bool { return c.Clients[0].State == 4 })
	select {
	case <-c.StopChan:
		t.Fatal("stopped with messages in flight")
	default:
	}
	close(release)
	select {
	case <-c.StopChan:
	case <-time.After(patienceOfTests):
		t.Fatal("it does not stop")
	}
	eventually(t, d, "gone", func(c broker.ChannelStats) bool { return len(c.Clients) == 0 })
	if st := d.broker.Stats().Topics[0].Channels[0]; st.Depth != 7 || st.InFlight != 0 || st.Timeouts+st.Requeues != 0 {
		t.Errorf("%+v", st)
	}
}

// Clients that do nothing but answer heartbeats stay.
func TestGoNSQHeartbeats(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, nil)
	cfg := nsq.NewConfig()
	cfg.HeartbeatInterval = time.Second
	cfg.ReadTimeout = 1500 * time.Millisecond // the client gives up without heartbeats
	_, deliveries := consume(t, d, "c", cfg, accept)
	p := newProducer(t, d, cfg)
	if err := p.Ping(); err != nil {
		t.Fatal(err)
	}
	before := addresses(d)
	<-time.After(4500 * time.Millisecond)
	if err := p.Publish("t", []byte("still there")); err != nil {
		t.Fatal(err)
	}
	receive(t, deliveries, 1)
	if after := addresses(d); before == "" || after != before {
		t.Errorf("connected before: %s, after: %s", before, after)
	}
}

func TestGoNSQRefusals(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, nil)
	cfg := nsq.NewConfig()
	cfg.HeartbeatInterval = 100 * time.Millisecond
	want := "E_BAD_BODY IDENTIFY heartbeat interval (100) is invalid"
	if err := newProducer(t, d, cfg).Ping(); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	p := newProducer(t, d, nsq.NewConfig())
	big := make([]byte, 1<<20+1)
	want = "E_BAD_MESSAGE PUB message too big 1048577 > 1048576"
	if err := p.Publish("t", big); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := newProducer(t, d, nsq.NewConfig()).Publish("t", big[:1<<20]); err != nil {
		t.Error(err)
	}
}
