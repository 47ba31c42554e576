package scenarios_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nsqio/go-nsq"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
	"github.com/nsqlab/nsqlab/sim/live"
)

// An example for a module of your own: your consumer's logic, as an Endpoint, in a world whose broker is killed; and the verdict on what it got.
func TestYourConsumerInTheWorld(t *testing.T) {
	s := need(scenarios.Parse("mine.yaml", []byte(`
brokers: {nsqd: {msg_timeout: 1s}}
load: [{produce: orders, rate: 100/s, for: 5s}, {name: mine, consume: orders/billing}]
faults: [{at: 2s, kill: nsqd, for: 1s}]`)))
	w := need(sim.NewWorld(1, s.Nodes(), s.Links))
	mine := func(now time.Time, wake func()) wire.Endpoint {
		var c *client.Conn
		c = client.New(now, client.Options{}, client.Handler{Message: func(_ time.Time, m wire.Message) { c.Finish(m.ID, nil) }}, wake)
		c.Subscribe("orders", "billing", nil)
		c.Ready(10)
		return c
	}
	r := need(scenarios.Play(t.Context(), s, scenarios.Stand{Cluster: w, Seed: 1, Slack: s.Links.Slack(), Own: map[string]scenarios.Own{"mine": mine}}))
	if r.Validity != reports.Valid {
		t.Fatal(r.Reason)
	}
}

// An example for a module of your own: your real go-nsq consumer at a real nsqd in this process, which is killed and cut off under it.
func TestYourGoNSQConsumerOnLoopback(t *testing.T) {
	s := need(scenarios.Parse("mine.yaml", []byte(`
brokers: {nsqd: {msg_timeout: 1s}}
load: [{produce: orders, rate: 100/s, for: 2s}, {name: mine, consume: orders/billing}]
faults: [{at: 500ms, partition: mine, for: 300ms}, {at: 1s, kill: nsqd, for: 200ms}]`)))
	c := need(live.New(live.InProcess(), s.Nodes(), 1))
	defer c.Close()
	var acked, got atomic.Int64
	config := nsq.NewConfig()
	config.LookupdPollInterval = 100 * time.Millisecond // also how soon it connects again
	mine := need(nsq.NewConsumer("orders", "billing", config))
	mine.AddHandler(nsq.HandlerFunc(func(*nsq.Message) error { got.Add(1); return nil }))
	err := errors.Join(mine.ConnectToNSQD(need(c.Address("mine", "nsqd"))), scenarios.Run(t.Context(), s, c, scenarios.Options{Own: map[string]scenarios.Own{"mine": nil}, Record: func(op history.Op) {
		if op.F == history.Publish && op.Type == history.OK {
			acked.Add(1)
		}
	}}))
	if err != nil || got.Load() < acked.Load() {
		t.Fatalf("%d of %d acknowledged messages came, %v", got.Load(), acked.Load(), err)
	}
}

// need gives what has to be there.
func need[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
