package bench

import (
	"testing"
	"time"
)

// TestPacer: at any time exactly those messages are due whose time has come.
func TestPacer(t *testing.T) {
	for _, rate := range []int{1, 3, 7, 1000, 50_000, 333_333} {
		p := pacer{rate}
		for _, i := range []int{0, 1, 2, 99, 1000, 123_456, 180_000_000} {
			at := p.at(i)
			if got := p.due(at); got != i+1 {
				t.Errorf("rate %d: %d due at %s, want %d", rate, got, at, i+1)
			}
			if i == 0 {
				continue
			}
			if got := p.due(at - 1); got != i {
				t.Errorf("rate %d: %d due before %s, want %d", rate, got, at, i)
			}
		}
	}
	if got := (pacer{50_000}).total(3 * time.Second); got != 150_000 {
		t.Errorf("%d in all", got)
	}
	if got := (pacer{1}).total(time.Millisecond); got != 1 {
		t.Errorf("%d in all, want one at least", got)
	}
}

func TestLatency(t *testing.T) {
	a, b := new(latency), new(latency)
	for i := 1; i <= 990; i++ {
		a.add(time.Millisecond, 1) // equal ones are gathered
	}
	b.add(20*time.Millisecond, 9)
	b.add(time.Hour, 1)  // beyond what is told apart
	a.add(-time.Hour, 0) // none
	got := summary(ofAck, []*latency{a, b})
	near := func(got, want float64) bool { return got > want*0.999 && got < want*1.002 }
	if got.Of != ofAck || got.Count != 1000 || !near(got.P50, 0.001) || !near(got.P99, 0.001) || !near(got.P999, 0.020) || !near(got.Max, 600) {
		t.Errorf("%+v", got)
	}
	if got := summary(ofAck, []*latency{new(latency)}); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
}

// TestNothingIsAllocated holds the generator to its word: a message costs no memory.
func TestNothingIsAllocated(t *testing.T) {
	l := new(latency)
	at := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() {
		at += time.Microsecond
		l.add(at, 1)
	}); n > 0 {
		t.Errorf("a latency: %v allocations", n)
	}
	p := &producer{command: pub("t", 200, 100)}
	p.copies = p.command.bytes
	if n := testing.AllocsPerRun(100, func() { p.stamp(0, at) }); n > 0 {
		t.Errorf("a stamp: %v allocations", n)
	}
}
