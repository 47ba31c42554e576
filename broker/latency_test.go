package broker

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Every percentile of a sketch is within one part in a hundred of the true one, and several sketches merge to what one of all is.
func TestSketch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + rng.IntN(1000)
		spread := 1 + rng.Float64()*42
		all := make([]time.Duration, n)
		var whole sketch
		parts := make([]sketch, 1+rng.IntN(4))
		for i := range all {
			all[i] = time.Duration(math.Exp(rng.Float64() * spread))
			whole.add(all[i])
			parts[rng.IntN(len(parts))].add(all[i])
		}
		slices.Sort(all)
		var merged sketch
		for i := range parts {
			merged.merge(&parts[i])
		}
		for _, q := range []float64{1e-9, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
			got, want := whole.quantile(q), all[int(math.Ceil(q*float64(n)))-1]
			if (got - want).Abs() > want/100 {
				t.Fatalf("of %d the quantile %g is %v, want %v", n, q, got, want)
			}
			if m := merged.quantile(q); m != got || merged.count != uint64(n) {
				t.Fatalf("merged it is %v of %d, want %v", m, merged.count, got)
			}
		}
	}
	for _, d := range []time.Duration{0, 1, 63, 64, 127, 128, math.MaxInt64, -1} {
		var s sketch
		s.add(d)
		d = max(d, 0)
		if got := s.quantile(0.5); (got - d).Abs() > d/100 {
			t.Errorf("%d becomes %d", d, got)
		}
	}
}

func BenchmarkSketch(b *testing.B) {
	l := latency{half: int64(5 * time.Minute)}
	for i := range b.N {
		l.add(int64(i), time.Duration(i)*977)
	}
}

func BenchmarkHistogram(b *testing.B) {
	var h Histogram
	for i := range b.N {
		h.Add(time.Duration(i)*977, 1)
	}
}
