package reports

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mathext"
)

// A Rate is how many of some runs, each under a seed of its own, violated a promise. A run is one trial, whatever the number of its
// messages, which share its brokers and its faults. What it says of the chance of a violation holds for the scenario's faults.
type Rate struct{ Violated, Runs int }

// Confidence of the bounds and the intervals that are told.
const Confidence = 0.95

// Bound is the exact one-sided upper bound, in [0, 1], of a run's chance to violate, when none of them did: 1 - α^(1/N), with
// α = 1 - Confidence (Jovanovic and Levy, 1997).
func (r Rate) Bound() float64 {
	return 1 - math.Pow(1-Confidence, 1/float64(r.Runs))
}

// Exact is the two-sided interval of Clopper and Pearson (1934), in [0, 1], which covers that chance at least as often as Confidence says.
func (r Rate) Exact() (low, high float64) {
	x, n, tail := float64(r.Violated), float64(r.Runs), (1-Confidence)/2
	high = 1
	if r.Violated > 0 {
		low = mathext.InvRegIncBeta(x, n-x+1, tail)
	}
	if r.Violated < r.Runs {
		high = mathext.InvRegIncBeta(x+1, n-x, 1-tail)
	}
	return low, high
}

// normalQuantile is the standard normal distribution's at 1 - (1-Confidence)/2.
var normalQuantile = math.Sqrt2 * math.Erfinv(Confidence)

// Wilson is the interval of Wilson's score (1927), in [0, 1]: narrower than Exact, right on average.
func (r Rate) Wilson() (low, high float64) {
	n := float64(r.Runs)
	p, z := float64(r.Violated)/n, normalQuantile
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max((middle-half)/(1+z*z/n), 0), min((middle+half)/(1+z*z/n), 1)
}

// String tells the rate and what it says, in one sentence.
func (r Rate) String() string {
	switch {
	case r.Runs == 0:
		return "no run was judged"
	case r.Violated == 0:
		return fmt.Sprintf("with this scenario's faults, under %s of runs violate a promise (%.0f %% confidence, one-sided)", percentage(r.Bound()), 100*Confidence)
	}
	low, high := r.Exact()
	about, below := r.Wilson()
	return fmt.Sprintf("%d of %d runs violated a promise; with this scenario's faults, %s to %s of runs do (%.0f %% confidence, Clopper-Pearson; Wilson %s to %s)",
		r.Violated, r.Runs, percentage(low), percentage(high), 100*Confidence, percentage(about), percentage(below))
}

// Short tells the same in a table's cell: "< 0.3 %", or the interval "0.062 to 0.87 %".
func (r Rate) Short() string {
	switch {
	case r.Runs == 0:
		return nothing
	case r.Violated == 0:
		return "< " + percentage(r.Bound())
	}
	low, high := r.Exact()
	return fmt.Sprintf("%s to %s", strings.TrimSuffix(percentage(low), " %"), percentage(high))
}

// percentage writes a part of one, such as 0.05 as "5 %".
func percentage(p float64) string {
	if p >= 0.1 {
		return fmt.Sprintf("%.0f %%", 100*p)
	}
	return fmt.Sprintf("%.2g %%", 100*p)
}
