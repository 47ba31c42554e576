package server

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

func TestA1Pausing(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		p := subscribed(t, d, "ch", `{}`)
		p.say("RDY 1\n")
		havePublished(t, d, "test body")
		p.want("message 1 test body")
		post(t, d, "/channel/pause?topic=t&channel=ch", "")
		p.say(p.fin())
		havePublished(t, d, "test body2")
		p.say("FIN 0123456789abcdef\n") // its answer comes, and no message before
		p.want("error E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight")
		if c := d.broker.Stats().Topics[0].Channels[0]; !c.Paused || c.Depth != 1 || c.InFlight != 0 {
			t.Errorf("%+v", c)
		}
		post(t, d, "/channel/unpause?topic=t&channel=ch", "")
		p.want("message 1 test body2")
		p.say(p.fin())
		havePublished(t, d, "test body3")
		p.want("message 1 test body3")
	})
}

func TestA1Touch(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		havePublished(t, d, "test body")
		p := subscribed(t, d, "ch", `{}`)
		p.say("RDY 1\n")
		p.want("message 1 test body")
		p.say("RDY 0\n", "TOUCH "+p.ids[0].String()+"\n", p.fin())
		eventually(t, d, "finished", func(c broker.ChannelStats) bool { return c.InFlight == 0 && c.Clients[0].Finished == 1 })
		if c := d.broker.Stats().Topics[0].Channels[0]; c.Timeouts != 0 {
			t.Errorf("%+v", c)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		const timeout = 150 * time.Millisecond
		b := punctualBroker(t, timeout)
		p, _ := drivePipe(t, b)
		p.say(wire.Magic, "SUB t ch\n")
		p.want("OK")
		p.say("RDY 1\n", pub("t", "touched"))
		p.want("OK", "message 1 touched")
		time.Sleep(timeout / 2)
		p.say("TOUCH " + p.ids[0].String() + "\n")
		time.Sleep(timeout - 1) // the timeout that began at the delivery is over
		p.say(p.fin())
		p.say(pub("t", "not touched"))
		p.want("OK", "message 1 not touched")
		if c := b.Stats().Topics[0].Channels[0]; c.Timeouts != 0 || c.Clients[0].Finished != 1 {
			t.Errorf("%+v", c)
		}
		began := time.Now()
		p.want("message 2 not touched")
		if after := time.Since(began); after != timeout {
			t.Errorf("it came again after %v", after)
		}
	})
}

// punctualBroker is a broker whose timeouts are served as in a daemon.
func punctualBroker(t *testing.T, timeout time.Duration) *broker.Broker {
	opts := broker.DefaultOptions("test")
	opts.MsgTimeout = timeout
	sooner, ended := make(chan struct{}, 1), make(chan struct{})
	b, err := broker.Open(time.Now(), opts, nil, func() {
		select {
		case sooner <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(ended) })
	go punctual(b.NextTimeout, b.HandleTimeout, sooner, ended)
	return b
}

func TestA1Sampling(t *testing.T) {
	const messages = 10000
	onBoth(t, func(c *Config) { c.Broker.MaxRdyCount = messages }, func(t *testing.T, d *Nsqd) {
		post(t, d, "/mpub?topic=t", strings.Repeat("x\n", messages))
		p := subscribed(t, d, "ch", `{"sample_rate":42}`)
		p.say("RDY 10000\n")
		eventually(t, d, "all given or left out", func(c broker.ChannelStats) bool { return c.Depth == 0 })
		if c := d.broker.Stats().Topics[0].Channels[0]; c.InFlight < messages*37/100 || c.InFlight > messages*47/100 {
			t.Errorf("%+v", c)
		}
	})
}

func TestA1ClientMsgTimeout(t *testing.T) {
	t.Parallel()
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		havePublished(t, d, "first", "second")
		p := subscribed(t, d, "ch", `{"msg_timeout":1000}`)
		p.say("RDY 1\n")
		p.want("message 1 first")
		p.say("RDY 0\n")
		eventually(t, d, "timed out", func(c broker.ChannelStats) bool { return c.Timeouts > 0 && c.InFlight == 0 })
		if c := d.broker.Stats().Topics[0].Channels[0]; c.Requeues != 0 || c.Depth != 2 {
			t.Errorf("%+v", c)
		}
		id := p.ids[0].String()
		p.say(p.fin())
		answer := p.next()
		for strings.HasPrefix(answer, "message ") { // it came again before RDY 0 was heard
			answer = p.next()
		}
		if answer != "error E_FIN_FAILED FIN "+id+" failed ID not in flight" {
			t.Error(answer)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := punctualBroker(t, time.Minute)
		p, _ := drivePipe(t, b)
		p.say(wire.Magic, identify(`{"msg_timeout":1000}`))
		p.want("OK")
		p.say("SUB t ch\n")
		p.want("OK")
		p.say("RDY 1\n", pub("t", "first"))
		p.want("OK", "message 1 first")
		p.say("RDY 0\n")
		time.Sleep(1150 * time.Millisecond)
		if c := b.Stats().Topics[0].Channels[0]; c.Timeouts != 1 || c.Requeues != 0 {
			t.Errorf("%+v", c)
		}
	})
}

func TestA1ReqTimeoutRange(t *testing.T) {
	const longest = time.Minute
	onBoth(t, func(c *Config) { c.Broker.MaxReqTimeout, c.Broker.MsgTimeout = longest, 2*longest }, func(t *testing.T, d *Nsqd) {
		havePublished(t, d, "test body")
		p := subscribed(t, d, "ch", `{}`)
		p.say("RDY 1\n")
		p.want("message 1 test body")
		p.say("REQ " + p.ids[0].String() + " 0\n")
		p.want("message 2 test body")
		from := time.Now()
		p.say("REQ " + p.ids[0].String() + " 120000\n")
		eventually(t, d, "deferred", func(c broker.ChannelStats) bool { return c.Deferred == 1 && c.InFlight == 0 })
		to := time.Now()
		if due := d.broker.NextTimeout(); due.Before(from.Add(longest)) || due.After(to.Add(longest)) {
			t.Errorf("it is due after %v", due.Sub(from))
		}
	})
}
