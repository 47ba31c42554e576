package reports

import (
	"fmt"
	"regexp"
	"slices"
)

// An Anomaly is a way in which a promise was broken: two runs that have it show the same thing, if with other messages at other times.
type Anomaly struct {
	Promise  string
	Validity Validity // that it is enough for
	Kind     string   // a finding's words, with … for what differs from run to run
}

// String says it in words.
func (a Anomaly) String() string { return fmt.Sprintf("%s is %s: %s", a.Promise, a.Validity, a.Kind) }

// verbs are the places in a finding's format where figures and names stand.
var verbs = regexp.MustCompile(`%[a-z]`)

// Anomalies are all that is not as promised, the worst first, in the order of the promises.
func (r *Report) Anomalies() []Anomaly {
	var all []Anomaly
	for _, p := range r.Promises {
		all = append(all, p.anomalies...)
	}
	slices.SortStableFunc(all, func(a, b Anomaly) int { return b.Validity.rank() - a.Validity.rank() })
	return all
}

// Has says whether the run has an anomaly.
func (r *Report) Has(a Anomaly) bool {
	return slices.ContainsFunc(r.Promises, func(p Promise) bool { return slices.Contains(p.anomalies, a) })
}

// Example is a finding of an anomaly, or what the promise's summary says, if none was kept.
func (r *Report) Example(a Anomaly) string {
	for _, p := range r.Promises {
		if p.Name != a.Promise {
			continue
		}
		for _, f := range p.Findings {
			if f.anomaly == a {
				return f.What
			}
		}
		return p.Summary
	}
	return ""
}
