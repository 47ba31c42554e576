package reports

import "testing"

// BenchmarkObserve judges a run of 100,000 messages in two channels by all checkers; an operation is one of the history's.
func BenchmarkObserve(b *testing.B) {
	ops := goodRun(1, 100_000)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		b.StopTimer()
		j, err := NewJudge(goodHeader)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		for i := 0; i < len(ops) && done < b.N; i++ {
			j.Observe(ops[i])
			done++
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}
