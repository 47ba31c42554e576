package server

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nsqio/go-nsq"
	"github.com/nsqlab/nsqlab/broker"
)

// A consumer whose connection breaks with messages in flight: with RequeueOnDisconnect another gets them at once, long before their timeout.
func TestGoNSQRequeueOnDisconnect(t *testing.T) {
	t.Parallel()
	d := startNsqd(t, func(c *Config) {
		c.Broker.RequeueOnDisconnect = true
		c.Broker.MsgTimeout = time.Hour
		c.Broker.MaxMsgTimeout = time.Hour
	})
	conn, err := net.Dial("tcp", d.TCPAddr())
	if err != nil {
		t.Fatal(err)
	}
	dying := newPeer(t, conn)
	dying.say("  V2SUB t c\nRDY 3\n")
	dying.want("OK")
	p := newProducer(t, d, nsq.NewConfig())
	for i := range 3 {
		if err := p.Publish("t", fmt.Appendf(nil, "m%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	dying.want("message 1 m0", "message 1 m1", "message 1 m2")
	_, deliveries := consume(t, d, "c", nsq.NewConfig(), accept)
	_ = conn.Close()
	for _, g := range receive(t, deliveries, 3) {
		if g.attempts != 2 {
			t.Errorf("%s came with attempts %d", g.body, g.attempts)
		}
	}
	eventually(t, d, "all finished, after a requeue each", func(c broker.ChannelStats) bool {
		return c.Requeues == 3 && c.Timeouts == 0 && c.InFlight == 0 && c.Depth == 0
	})
}
