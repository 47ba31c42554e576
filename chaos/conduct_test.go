package chaos_test

import (
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
)

// TestConducts holds each kind of clients to the one thing that it changes.
func TestConducts(t *testing.T) {
	words := chaos.Args{
		Durations: map[string]time.Duration{"by": 20 * ms, "after": 30 * ms},
		Counts:    map[string]int64{"rdy": 7}, Shares: map[string]float64{"share": 0.25},
	}
	want := map[string]chaos.Conduct{
		"slowwork":    {Slower: 20 * ms, Share: 0.25},
		"die":         {Dies: true},
		"quit":        {Quits: true},
		"forget":      {Forgets: true, Share: 0.25},
		"finishtwice": {Twice: true, Share: 0.25},
		"finishlate":  {Late: 20 * ms, Share: 0.25},
		"requeue":     {Requeues: true, After: 30 * ms, Share: 0.25},
		"ready":       {HasReady: true, Ready: 7},
		"republish":   {Repeats: 30 * ms},
	}
	for _, k := range chaos.Kinds {
		if !k.OfClients() {
			continue
		}
		if got, err := k.Conduct(words); err != nil || got != want[k.Name] {
			t.Errorf("%s: %+v, %v, want %+v", k.Name, got, err, want[k.Name])
		}
		delete(want, k.Name)
	}
	if len(want) > 0 {
		t.Errorf("no such kinds: %v", want)
	}
}

func TestReadyIsBounded(t *testing.T) {
	for rdy, ok := range map[int64]bool{0: true, 2500: true, 2501: false} {
		if _, err := chaos.Ready.Conduct(chaos.Args{Counts: map[string]int64{"rdy": rdy}}); (err == nil) != ok {
			t.Errorf("RDY %d: %v", rdy, err)
		}
	}
}
