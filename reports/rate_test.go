package reports

import (
	"math"
	"testing"
)

// TestRate holds the statistics to figures of the literature: the bound of no events, and tables of the two intervals.
func TestRate(t *testing.T) {
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.006*want+1e-9 {
			t.Errorf("%s: %g, want %g", what, got, want)
		}
	}
	for _, c := range []struct {
		runs int
		want float64
	}{{10, 0.259}, {59, 0.0495}, {299, 0.00997}, {1000, 0.00299}, {10_000, 3.0e-4}} {
		near("bound", Rate{0, c.runs}.Bound(), c.want)
	}
	for _, c := range []struct {
		rate      Rate
		low, high float64
	}{
		{Rate{0, 300}, 0, 0.01222}, {Rate{1, 300}, 0.0000844, 0.01843}, {Rate{3, 1000}, 0.000619, 0.00874},
		{Rate{5, 10}, 0.1871, 0.8129}, {Rate{10, 10}, 0.6915, 1}, {Rate{1, 1}, 0.025, 1},
	} {
		low, high := c.rate.Exact()
		near("exact low", low, c.low)
		near("exact high", high, c.high)
	}
	for _, c := range []struct {
		rate      Rate
		low, high float64
	}{{Rate{5, 10}, 0.2366, 0.7634}, {Rate{0, 10}, 0, 0.2775}, {Rate{10, 10}, 0.7225, 1}, {Rate{1, 300}, 0.00059, 0.01863}} {
		low, high := c.rate.Wilson()
		near("Wilson low", low, c.low)
		near("Wilson high", high, c.high)
	}
}

func TestRateInWords(t *testing.T) {
	for _, c := range []struct {
		rate        Rate
		short, long string
	}{
		{Rate{}, "–", "no run was judged"},
		{Rate{0, 59}, "< 5 %", "with this scenario's faults, under 5 % of runs violate a promise (95 % confidence, one-sided)"},
		{Rate{3, 1000}, "0.062 to 0.87 %", "3 of 1000 runs violated a promise; with this scenario's faults, 0.062 % to 0.87 % of runs do (95 % confidence, Clopper-Pearson; Wilson 0.1 % to 0.88 %)"},
		{Rate{1, 1}, "2.5 to 100 %", "1 of 1 runs violated a promise; with this scenario's faults, 2.5 % to 100 % of runs do (95 % confidence, Clopper-Pearson; Wilson 21 % to 100 %)"},
	} {
		if c.rate.Short() != c.short || c.rate.String() != c.long {
			t.Errorf("%v: %q, %q", [2]int{c.rate.Violated, c.rate.Runs}, c.rate.Short(), c.rate.String())
		}
	}
}
