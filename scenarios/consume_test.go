package scenarios

import (
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// TestProof: what a consumer finished is proved soon, whether that is much or little, and with few questions.
func TestProof(t *testing.T) {
	for _, c := range []struct {
		load   string
		within time.Duration
		proofs int // at the most
	}{
		{"rate: 2000/s, for: 1s", proveEvery*time.Second/2000 + 10*time.Millisecond, 2000/proveEvery + int(time.Second/proveAfter) + 2},
		{"rate: 20/s, for: 1s", proveAfter + 10*time.Millisecond, int(time.Second/proveAfter) + 2},
	} {
		t.Run(c.load, func(t *testing.T) {
			ops := played(t, "brokers: {b1: {}}\nload:\n  - {produce: orders, "+c.load+"}\n  - {consume: orders/billing, in_flight: 100}\n",
				func(c sim.Cluster) sim.Cluster { return c })
			sent := map[uint64]time.Duration{}
			proved, proofs := 0, map[time.Duration]bool{} // by when they came
			for _, op := range ops {
				switch {
				case op.F == history.Finish && op.Type == history.Info:
					sent[op.Msg] = op.Time
				case op.F == history.Finish && op.Type == history.OK:
					proved++
					proofs[op.Time] = true
					if took := op.Time - sent[op.Msg]; took > c.within {
						t.Errorf("FIN of %d, sent at %v, was proved after %v, want %v", op.Msg, sent[op.Msg], took, c.within)
					}
				}
			}
			if proved != len(sent) || proved < 20 || len(proofs) > c.proofs {
				t.Errorf("%d of %d were proved, by %d answers, want all by %d at the most", proved, len(sent), len(proofs), c.proofs)
			}
		})
	}
}
