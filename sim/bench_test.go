package sim

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkWorld is a steady load of small messages: ten producers, ten consumers and two brokers. events/s is the figure to watch.
func BenchmarkWorld(b *testing.B) {
	w := newWorld(b, DefaultLinks, "b1", "b2")
	l := newLoad(b, w, 200)
	l.acked = nil
	for i := range 10 {
		node := fmt.Sprintf("b%d", 1+i%2)
		l.produce("shop", node, ms)
		l.consume("billing", node, 10)
	}
	w.Run(time.Second)
	begin := w.done
	b.ReportAllocs()
	for b.Loop() {
		w.Run(10 * ms)
	}
	b.ReportMetric(float64(w.done-begin)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(w.done-begin)/float64(b.N), "events/op")
}

// BenchmarkRules is the same under rules that do not concern it.
func BenchmarkRules(b *testing.B) {
	for _, n := range []int{0, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b, DefaultLinks, "b1")
			l := newLoad(b, w, 200)
			l.acked = nil
			l.produce("shop", "b1", ms)
			l.consume("billing", "b1", 10)
			for i := range n {
				addRule(b, w, fmt.Sprintf("end %d", i), "b1", hold)
			}
			w.Run(time.Second)
			begin := w.done
			for b.Loop() {
				w.Run(10 * ms)
			}
			b.ReportMetric(float64(w.done-begin)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkCrowd is a thousand clients that are connected to each of ten brokers: what it takes to connect them all, and to kill all the
// brokers under them.
func BenchmarkCrowd(b *testing.B) {
	var nodes []string
	for i := range 10 {
		nodes = append(nodes, fmt.Sprintf("b%d", i))
	}
	for b.Loop() {
		w := newWorld(b, DefaultLinks, nodes...)
		var clients []*fake
		for range 1000 {
			for _, n := range nodes {
				clients = append(clients, dial(b, w, "c", n))
			}
		}
		w.Run(time.Second)
		for _, n := range nodes {
			must(b, w.Kill(n))
		}
		w.Run(time.Second)
		for _, c := range clients {
			if c.gone != 1 {
				b.Fatalf("a client was disconnected %d times", c.gone)
			}
		}
	}
}
