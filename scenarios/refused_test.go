package scenarios

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// A refuser is a cluster whose broker has each connection of shop end at its third OK: it answers E_PUB_FAILED in its place.
type refuser struct{ sim.Cluster }

func (r refuser) Dial(from, node string, open func(now time.Time, wake func()) wire.Endpoint) error {
	return r.Cluster.Dial(from, node, func(now time.Time, wake func()) wire.Endpoint {
		if from != "shop" {
			return open(now, wake)
		}
		return &refused{Endpoint: open(now, wake)}
	})
}

type refused struct {
	wire.Endpoint
	oks int
}

// Receive implements wire.Endpoint.
func (r *refused) Receive(now time.Time, p []byte) (int, error) {
	if bytes.Equal(p, wire.AppendFrame(nil, wire.FrameResponse, []byte("OK"))) {
		r.oks++
	}
	if r.oks < 3 {
		return r.Endpoint.Receive(now, p)
	}
	_, err := r.Endpoint.Receive(now, wire.AppendFrame(nil, wire.FrameError, []byte("E_PUB_FAILED PUB failed no space left on device")))
	return len(p), err
}

// TestRefusedPublication: a producer that is refused connects again and goes on; what was refused may have happened, and is no
// acknowledged message.
func TestRefusedPublication(t *testing.T) {
	count := map[history.Type]int{}
	var connects, disconnects int
	var lost time.Duration // when the last connection was
	for _, op := range played(t, `brokers: {b1: {}}
load:
  - {name: shop, produce: orders, rate: 10/s, for: 5s}
  - {consume: orders/billing}
`, func(c sim.Cluster) sim.Cluster { return refuser{c} }) {
		switch {
		case !strings.HasPrefix(op.Process, "shop"):
		case op.F == history.Publish:
			if count[op.Type]++; op.Type == history.Info && op.Time != lost {
				t.Errorf("a publication's fate is lost at %v, and its connection at %v", op.Time, lost)
			}
		case op.F == history.Connect && op.Type == history.OK:
			connects++
			if took := op.Time - lost; lost > 0 && (took < reconnectAfter || took > reconnectAfter+10*time.Millisecond) {
				t.Errorf("it connects again after %v", took)
			}
		case op.F == history.Disconnect:
			disconnects++
			lost = op.Time
			if !strings.Contains(op.Error, "E_PUB_FAILED PUB failed no space left on device") {
				t.Errorf("the connection ends with %q", op.Error)
			}
		}
	}
	if disconnects < 5 || connects < disconnects || count[history.Info] != disconnects || count[history.OK] != 50-disconnects || count[history.Fail] > 0 {
		t.Errorf("%d connections, %d of them refused; publications %v", connects, disconnects, count)
	}
}
