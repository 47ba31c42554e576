package scenarios

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// A swallower is a cluster that keeps answers from clients: its OKs from shop, and everything from mute.
type swallower struct{ sim.Cluster }

func (s swallower) Dial(from, node string, open func(now time.Time, wake func()) wire.Endpoint) error {
	return s.Cluster.Dial(from, node, func(now time.Time, wake func()) wire.Endpoint {
		return &swallowed{open(now, wake), from}
	})
}

type swallowed struct {
	wire.Endpoint
	from string
}

// Receive implements wire.Endpoint.
func (s *swallowed) Receive(now time.Time, p []byte) (int, error) {
	if s.from == "mute" || s.from == "shop" && bytes.Equal(p, wire.AppendFrame(nil, wire.FrameResponse, []byte("OK"))) {
		return len(p), nil
	}
	return s.Endpoint.Receive(now, p)
}

// TestWaits has a run that is not drained tell who waits for whom.
func TestWaits(t *testing.T) {
	var waits []history.Op
	for _, op := range played(t, `brokers: {b1: {msg_timeout: 30s}}
load:
  - {name: shop, produce: orders, rate: 2/s, for: 1500ms}
  - {name: later, produce: orders, rate: 1/s, for: 1s, defer: 40s}
  - {name: busy, consume: orders/billing, work: 20s, touch: 900ms}
  - {name: eager, consume: orders/audit, in_flight: 5}
  - {name: mute, consume: orders/audit}
drain: 3s
`, func(c sim.Cluster) sim.Cluster { return swallower{c} }) {
		if op.F == history.Wait {
			if op.Type != history.OK || op.Node != "b1" {
				t.Errorf("%+v", op)
			}
			waits = append(waits, op)
		}
	}
	ms := time.Millisecond
	for _, want := range []struct {
		note, process, channel string
		count                  int64
		due, slack             time.Duration // of Due
		after                  time.Duration // about
	}{
		{history.Queued, "lab", "billing", 2, 1600 * ms, 400 * ms, 0},
		{history.Deferred, "lab", "billing", 1, 1600 * ms, 400 * ms, 0},
		{history.InFlight, "busy.1", "billing", 1, 100 * ms, 10 * ms, 30 * time.Second},
		{history.Queued, "lab", "audit", 0, 1600 * ms, 400 * ms, 0},
		{history.Deferred, "lab", "audit", 1, 1600 * ms, 400 * ms, 0},
		{history.Free, "eager.1", "audit", 5, 1600 * ms, 400 * ms, 0},
		{history.Answer, "shop.1", "", 3, 100 * ms, 10 * ms, 0},
		{history.Connection, "mute.1", "", 0, 0, 0, 0},
	} {
		i := slices.IndexFunc(waits, func(op history.Op) bool {
			return op.Note == want.note && op.Process == want.process && op.Channel == want.channel
		})
		if i < 0 {
			t.Errorf("there is no %s of %s in %s", want.note, want.process, want.channel)
			continue
		}
		op := waits[i]
		if op.Count != want.count || (op.Due-want.due).Abs() > want.slack || op.After > want.after || op.After < want.after-time.Second || (want.process != "lab") != (op.Conn > 0) {
			t.Errorf("%+v, want %+v", op, want)
		}
		waits = slices.Delete(waits, i, i+1)
	}
	if len(waits) > 0 {
		t.Errorf("these wait as well: %+v", waits)
	}
}

// A hoarder is a cluster whose brokers say that they keep a message which a consumer could take.
type hoarder struct{ sim.Cluster }

func (h hoarder) Request(node, method, path string, done func(status int, body []byte, err error)) {
	h.Cluster.Request(node, method, path, func(status int, _ []byte, err error) {
		done(status, []byte(`{"topics": [{"topic_name": "orders", "channels": [{"channel_name": "billing", "depth": 1,
			"clients": [{"client_id": "billing.1", "remote_address": "billing:1", "ready_count": 1}]}]}]}`), err)
	})
}

// TestDrainIsLongEnough: with nothing said of times a drain lasts until what is stuck can be told from what is slow.
func TestDrainIsLongEnough(t *testing.T) {
	s, err := Parse("t.yaml", []byte("brokers: {b1: {}}\nload:\n  - {produce: orders, rate: 2/s, for: 1s}\n  - {name: billing, consume: orders/billing}\n"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := sim.NewWorld(1, s.Nodes(), s.Links)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Play(t.Context(), s, Stand{Cluster: hoarder{w}, Seed: 1, Slack: s.Links.Slack()})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.Promises, func(p reports.Promise) bool { return p.Name == "nothing-stuck" })
	if r.Promises[i].Validity != reports.Invalid {
		t.Errorf("it is %s: %s", r.Promises[i].Validity, r.Promises[i].Summary)
	}
}
