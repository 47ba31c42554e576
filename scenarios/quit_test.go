package scenarios

import (
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// TestQuit: consumers that leave in order finish what they hold, get nothing more, and come back when the fault is over.
func TestQuit(t *testing.T) {
	d := under(t, "quit: billing", "work: 200ms")
	var left, back time.Duration
	after := 0
	for _, op := range d.ops {
		switch {
		case op.Process != "billing.1":
		case op.F == history.Disconnect && left == 0:
			left = op.Time
		case op.F == history.Connect && op.Time > time.Second:
			back = op.Time
		case op.F == history.Deliver && left == 0 && op.Time > time.Second+50*time.Millisecond:
			t.Errorf("it gets a message at %v, and left at 1s", op.Time)
		case op.F == history.Finish && op.Type == history.Info && op.Time > time.Second && left == 0:
			after++
		case op.F == history.Deliver && op.Attempt > 1:
			t.Errorf("message %s comes again at %v", history.MsgString(op.Msg), op.Time)
		}
	}
	if after < 3 || left < 1100*time.Millisecond || left > 1400*time.Millisecond {
		t.Errorf("it finishes %d messages, and its connection ends at %v", after, left)
	}
	if back < 2*time.Second || back > 2100*time.Millisecond {
		t.Errorf("it is back at %v", back)
	}
}

// TestQuitOfNobody: a consumer whose connection is not made yet has nothing to leave.
func TestQuitOfNobody(t *testing.T) {
	said := ""
	for _, op := range played(t, "brokers: {b1: {}}\nload:\n  - {produce: orders, rate: 20/s, for: 3s}\n  - {name: billing, consume: orders/billing, from: 1s}\n"+
		"faults:\n  - {at: 1s, quit: billing, for: 500ms}\n", func(c sim.Cluster) sim.Cluster { return c }) {
		if op.Process == history.Nemesis {
			said = string(op.Type) + " " + op.Error
		}
	}
	if said != "fail hit nothing" {
		t.Errorf("it ends with %q", said)
	}
}
