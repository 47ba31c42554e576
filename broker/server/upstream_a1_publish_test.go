package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// subscribed is a client that has subscribed to a channel of topic t, after it said more of itself, as JSON.
func subscribed(t *testing.T, d *Nsqd, channel, says string) *peer {
	t.Helper()
	p := dial(t, d)
	p.say(identify(says), "SUB t "+channel+"\n")
	p.want("OK", "OK")
	return p
}

// havePublished publishes messages to topic t, and sees each acknowledged.
func havePublished(t *testing.T, d *Nsqd, bodies ...string) {
	t.Helper()
	p := dial(t, d)
	for _, body := range bodies {
		p.say(pub("t", body))
		p.want("OK")
	}
}

func TestA1BasicV2(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		havePublished(t, d, "test body")
		p := subscribed(t, d, "ch", `{}`)
		p.say("RDY 1\n")
		p.want("message 1 test body")
		if id := p.ids[0]; strings.Trim(id.String(), "0123456789abcdef") != "" {
			t.Errorf("the id is %q", id)
		}
		p.say(p.fin())
		eventually(t, d, "finished", func(c broker.ChannelStats) bool { return c.InFlight == 0 && c.Clients[0].Finished == 1 })
	})
}

func TestA1MultipleConsumerV2(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		first, second := subscribed(t, d, "ch1", `{}`), subscribed(t, d, "ch2", `{}`)
		havePublished(t, d, "test body")
		for _, p := range []*peer{first, second} {
			p.say("RDY 1\n")
			p.want("message 1 test body")
		}
		if first.ids[0] != second.ids[0] {
			t.Errorf("the message is %s and %s", first.ids[0], second.ids[0])
		}
	})
}

// manyPub makes the bytes of an MPUB of n messages of one size, and the last of another.
func manyPub(n, size, last int) string {
	bodies := slices.Repeat([][]byte{slices.Repeat([]byte("x"), size)}, n)
	bodies[n-1] = slices.Repeat([]byte("x"), last)
	return string(wire.AppendBodies(wire.AppendCommand(nil, "MPUB", "t"), bodies))
}

func TestA1SizeLimits(t *testing.T) {
	onBoth(t, func(c *Config) { c.Broker.MaxMsgSize, c.Broker.MaxBodySize = 100, 1000 }, func(t *testing.T, d *Nsqd) {
		for _, c := range []struct{ says, told string }{
			{pub("t", strings.Repeat("x", 95)), "OK"},
			{pub("t", strings.Repeat("x", 105)), "error E_BAD_MESSAGE PUB message too big 105 > 100"},
			{pub("t", ""), "error E_BAD_MESSAGE PUB invalid message body size 0"},
			{manyPub(5, 100, 100), "OK"},
			{manyPub(11, 100, 100), "error E_BAD_BODY MPUB body too big 1148 > 1000"},
			{manyPub(6, 100, 0), "error E_BAD_MESSAGE MPUB invalid message(5) body size 0"},
			{manyPub(5, 101, 101), "error E_BAD_MESSAGE MPUB message too big 101 > 100"},
		} {
			p := subscribed(t, d, "ch", `{}`) // who consumes may publish
			p.say(c.says)
			if p.want(c.told); c.told != "OK" {
				p.want("EOF")
			}
		}
		if st := d.broker.Stats().Topics[0]; st.Messages != 6 {
			t.Errorf("%d messages were published", st.Messages)
		}
	})
}

// deferredPub makes the bytes of a DPUB.
func deferredPub(topic string, ms int, body string) string {
	return string(wire.AppendBody(wire.AppendCommand(nil, "DPUB", topic, fmt.Sprint(ms)), []byte(body)))
}

func TestA1DPUB(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		p := subscribed(t, d, "ch", `{}`)
		p.say(deferredPub("t", 1000, "later"))
		p.want("OK")
		c := d.broker.Stats().Topics[0].Channels[0]
		if c.Deferred != 1 || c.Messages != 1 || c.Depth != 0 {
			t.Errorf("%+v", c)
		}
		p.say(deferredPub("t", 3600100, "too late"))
		p.want("error E_INVALID DPUB timeout 3600100 out of range 0-3600000", "EOF")
	})
}

func TestA1MaxRdyCount(t *testing.T) {
	onBoth(t, func(c *Config) { c.Broker.MaxRdyCount = 50 }, func(t *testing.T, d *Nsqd) {
		havePublished(t, d, "test body")
		p := dial(t, d)
		p.say(identify(`{"feature_negotiation":true}`), "SUB t ch\n")
		if answer := p.next(); !strings.Contains(answer, `"max_rdy_count":50,`) {
			t.Error(answer)
		}
		p.want("OK")
		p.say("RDY 50\n")
		p.want("message 1 test body")
		p.say("RDY 51\n")
		p.want("error E_INVALID RDY count 51 out of range 0-50", "EOF")
	})
}

func TestA1BadFin(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		p := subscribed(t, d, "ch", `{}`)
		p.say("FIN \n")
		p.want("error E_INVALID invalid message ID", "EOF")
	})
}
