package sim

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// crowd is a world of so many brokers under a load of so many clients, half of which publish and half consume.
func crowd(t testing.TB, brokers, clients int, every time.Duration) (*World, *load) {
	var names []string
	for i := range brokers {
		names = append(names, fmt.Sprintf("b%d", i))
	}
	w := newWorld(t, DefaultLinks, names...)
	l := newLoad(t, w, 200)
	l.acked = nil
	for i := range clients / 2 {
		l.produce("shop", names[i%brokers], every)
		l.consume("billing", names[i%brokers], 10)
	}
	return w, l
}

// BenchmarkHundredBrokers is a world of a hundred brokers and a thousand clients. events/s is the figure to watch: 300,000 are wanted on one
// processor; and x is how much faster than its own time it is.
func BenchmarkHundredBrokers(b *testing.B) {
	w, _ := crowd(b, 100, 1000, 20*ms)
	w.Run(time.Second)
	begin, from := w.done, w.now
	b.ReportAllocs()
	for b.Loop() {
		w.Run(10 * ms)
	}
	b.ReportMetric(float64(w.done-begin)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric((w.now-from).Seconds()/b.Elapsed().Seconds(), "x")
}

// BenchmarkWaiting is a world that mostly waits: three brokers, ten clients, a message of each producer every ten seconds, and heartbeats. x, how
// much faster than its own time it is, is the figure to watch: 1,000 are wanted.
func BenchmarkWaiting(b *testing.B) {
	w, _ := crowd(b, 3, 10, 10*time.Second)
	w.Run(time.Second)
	from := w.now
	b.ReportAllocs()
	for b.Loop() {
		w.Run(10 * time.Second)
	}
	b.ReportMetric((w.now-from).Seconds()/b.Elapsed().Seconds(), "x")
}

// TestMemoryIsFlat: what a world remembers does not grow with its time. A disk holds two files or three of each topic.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("it lives for an hour and more, which takes long under the race detector")
	}
	w, l := crowd(t, 3, 12, 100*ms)
	held := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	w.Run(10 * time.Minute) // until the first files have gone
	first, came := held(), l.came
	w.Run(time.Hour)
	if grown := held() - first; grown > 12*worldFile {
		t.Errorf("in an hour it grew by %d bytes, from %d", grown, first)
	}
	if l.came-came < 200_000 {
		t.Errorf("in an hour came only %d messages", l.came-came)
	}
}
