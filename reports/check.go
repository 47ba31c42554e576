package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A Checker judges one promise, in one pass over the history. What it remembers is bounded by the number of messages.
type Checker struct {
	Name    string
	Promise string   // in a sentence
	Limits  []string // that an expectation may set, such as p99
	Always  bool     // it is judged also if the scenario expects others alone
	Start   func(*ledger, history.Expectation) *check
}

// A check is a checker at work.
type check struct {
	Promise
	strict  bool        // what a fault permits is a violation
	excused int         // what came as early, or as late, as a wrong clock permits
	observe func(event) // each operation, before the ledger takes it in; may be nil
	finish  func()      // after the last; may be nil
}

// Checkers are all the promises that can be judged.
var Checkers = []Checker{
	NoLoss, NoPhantoms, NoCorruption, NoDuplicates, CountsAttempts, NoEarlyRedelivery, NoLateRedelivery,
	NoEarlyDeferral, NoLateDeferral, NoLeakWhilePaused, NoOverrun, FindsProducers, NoMissedStart, Latency, NothingStuck, Activity,
}

const (
	maxFindings = 10               // of one promise, kept with a message to show
	precision   = time.Millisecond // of NSQ's durations on the wire
)

// find adds a finding. The first ones are kept as examples, and the first of the worst if there are many.
func (c *check) find(v Validity, at time.Duration, msg uint64, format string, args ...any) {
	if v == Licensed && c.strict {
		v = Invalid
	}
	a := c.note(v, format)
	if c.Count++; len(c.Findings) >= maxFindings {
		i := len(c.Findings) - 1
		for i >= 0 && c.Findings[i].Validity.rank() >= v.rank() {
			i--
		}
		if i < 0 {
			return
		}
		c.Findings = slices.Delete(c.Findings, i, i+1)
	}
	f := Finding{Validity: v, At: at, What: fmt.Sprintf(format, args...), number: msg, anomaly: a}
	if msg != 0 {
		f.Msg = history.MsgString(msg)
	}
	c.Findings = append(c.Findings, f)
}

// note makes the promise stand no better than that, and keeps in what way.
func (c *check) note(v Validity, format string) Anomaly {
	c.Validity = c.Validity.Worse(v)
	a := Anomaly{c.Name, v, verbs.ReplaceAllString(format, "…")}
	if !slices.Contains(c.anomalies, a) {
		c.anomalies = append(c.anomalies, a)
	}
	return a
}

// needDrain makes a promise about the end unknown, if the run was not drained.
func (c *check) needDrain(g *ledger) {
	if g.end != history.OK && c.Events > 0 {
		c.note(Unknown, "the drain was not complete")
		c.Summary += "; the drain was not complete"
	}
}

// CheckExpectation says what is wrong with an expectation: an unknown promise, or a limit it does not have.
func CheckExpectation(e history.Expectation) error {
	i := slices.IndexFunc(Checkers, func(c Checker) bool { return c.Name == e.Promise })
	if i < 0 {
		var names []string
		for _, c := range Checkers {
			names = append(names, c.Name)
		}
		return fmt.Errorf("no promise is called %q; there are %s", e.Promise, strings.Join(names, ", "))
	}
	for name := range e.Limits { // any wrong one will do
		if !slices.Contains(Checkers[i].Limits, name) {
			if len(Checkers[i].Limits) == 0 {
				return fmt.Errorf("%s has no limits", e.Promise)
			}
			return fmt.Errorf("%s has no limit %q; it has %s", e.Promise, name, strings.Join(Checkers[i].Limits, ", "))
		}
	}
	return nil
}

// within is the limit that an expectation sets on lateness, or the default one.
func within(e history.Expectation) time.Duration {
	if d, ok := e.Limits["within"]; ok {
		return d
	}
	return time.Second
}
