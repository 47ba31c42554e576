package reports

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A Judge passes a history to the checkers, in one pass.
type Judge struct {
	ledger *ledger
	checks []*check
	series series
	ack    histogram
	total  histogram
	op     history.Op // the one at hand
}

// NewJudge begins to judge a run. It refuses an expectation that it does not know.
func NewJudge(h history.Header) (*Judge, error) {
	j := &Judge{ledger: newLedger(h), ack: newHistogram(), total: newHistogram()}
	for _, e := range h.Expect {
		if err := CheckExpectation(e); err != nil {
			return nil, fmt.Errorf("reports: %w", err)
		}
	}
	for _, c := range Checkers {
		i := slices.IndexFunc(h.Expect, func(e history.Expectation) bool { return e.Promise == c.Name })
		var expected history.Expectation
		switch {
		case i >= 0:
			expected = h.Expect[i]
		case len(h.Expect) > 0 && !c.Always:
			continue
		}
		k := c.Start(j.ledger, expected)
		k.Name, k.Promise.Promise, k.Validity, k.strict = c.Name, c.Promise, Valid, h.Strict
		j.checks = append(j.checks, k)
	}
	return j, nil
}

// Observe judges one operation. They come in order of time; one that does not counts as of the latest, and as out of place.
func (j *Judge) Observe(op history.Op) {
	g := j.ledger
	if op.Time < g.now {
		op.Time = g.now
		g.counts.Unjudged++
	}
	g.now, j.op = op.Time, op
	e := g.event(&j.op)
	for _, c := range j.checks {
		if c.observe != nil {
			c.observe(e)
		}
	}
	j.series.observe(e)
	if d, ok := endToEnd(e); ok {
		j.total.record(d)
	}
	if op.F == history.Publish && op.Type == history.OK && e.m != nil && !e.known() {
		j.ack.record(max(op.Time-e.m.due, 0))
	}
	g.apply(e)
}

// Report ends the run and says how every promise stood. again is the same history once more: the biographies of the
// examples are read from it.
func (j *Judge) Report(again iter.Seq2[history.Op, error]) (*Report, error) {
	g := j.ledger
	r := &Report{
		Scenario: g.head.Scenario, Shows: g.head.Shows, Backend: g.head.Backend, Seed: g.head.Seed, Run: g.head.Run, Nodes: g.head.Nodes,
		Validity: Valid, Took: g.now, Replay: g.head.Replay, Trace: g.trace,
	}
	for _, c := range j.checks {
		if c.finish != nil {
			c.finish()
		}
		j.close(c)
		r.Promises = append(r.Promises, c.Promise)
		r.Validity = r.Validity.Worse(c.Validity)
	}
	for _, m := range g.messages { // a sum: the order does not matter
		switch {
		case m.fate == history.Fail:
			g.counts.Failed++
		case m.fate != history.OK:
			g.counts.Uncertain++
		}
		if m.fate == history.Info && len(m.lives) > 0 {
			g.counts.Recovered++
		}
	}
	for _, h := range g.faults {
		if h.To < 0 {
			h.To, h.Note = g.now, "never healed"
		}
		r.Faults = append(r.Faults, h.Band)
	}
	r.Coverage = g.coverage()
	r.Counts, r.Slices = g.counts, j.series.report()
	r.Ack, r.EndToEnd = j.ack.quantiles(), j.total.quantiles()
	r.Reason = reason(r)
	if err := biographies(r, again); err != nil {
		return nil, err
	}
	return r, nil
}

// close gives a check its last word: a promise that was asked for and saw nothing is unknown.
func (j *Judge) close(c *check) {
	asked := slices.ContainsFunc(j.ledger.head.Expect, func(e history.Expectation) bool { return e.Promise == c.Name })
	if c.Events == 0 && c.Count == 0 {
		c.Summary = "nothing to judge"
		if asked {
			c.note(Unknown, "nothing happened that it judges")
			c.Summary = "asked for, but nothing happened that it judges"
		}
	}
}

// reason is the verdict in a sentence: the summary of what was worst.
func reason(r *Report) string {
	if r.Validity == Valid {
		judged := 0
		for _, p := range r.Promises {
			if p.Events > 0 {
				judged++
			}
		}
		return fmt.Sprintf("all %d promises that had something to judge held", judged)
	}
	var worst []string
	silent := 0 // promises that saw nothing
	for _, p := range r.Promises {
		switch {
		case p.Validity != r.Validity:
		case p.Events == 0 && p.Count == 0:
			silent++
		default:
			worst = append(worst, p.Name+": "+p.Summary)
		}
	}
	if silent > 0 {
		worst = append(worst, fmt.Sprintf("nothing happened that %d of the promises asked for judge", silent))
	}
	return strings.Join(worst, "; ")
}

// biographies reads the history again for what happened to the examples.
func biographies(r *Report, again iter.Seq2[history.Op, error]) error {
	lives := map[uint64]*[]Event{}
	for i := range r.Promises {
		for _, f := range r.Promises[i].Findings {
			if f.number != 0 {
				lives[f.number] = &[]Event{}
			}
		}
	}
	if len(lives) == 0 {
		return nil
	}
	nodes := map[string][]*[]Event{} // the examples that were published to a node
	tellTo := func(life *[]Event, op history.Op) {
		if len(*life) >= maxBiography {
			return
		}
		e := Event{At: op.Time, Process: op.Process, What: tell(op)}
		if op.Process != history.Nemesis {
			e.Broken = broken(r.Faults, op.Time)
		}
		*life = append(*life, e)
	}
	for op, err := range again {
		if err != nil {
			return err
		}
		life := lives[op.Msg]
		switch {
		case op.Process == history.Nemesis && op.Ends && op.Type != history.Invoke:
			for _, life := range nodes[op.Node] {
				tellTo(life, op)
			}
		case life != nil:
			if op.F == history.Publish && op.Type == history.Invoke && !slices.Contains(nodes[op.Node], life) {
				nodes[op.Node] = append(nodes[op.Node], life)
			}
			tellTo(life, op)
		}
	}
	for i := range r.Promises {
		for k := range r.Promises[i].Findings {
			if f := &r.Promises[i].Findings[k]; f.number != 0 {
				f.Biography = *lives[f.number]
			}
		}
	}
	return nil
}

// maxBiography bounds the events of one message that a report tells.
const maxBiography = 200

// broken lists the faults that were on.
func broken(faults []Band, at time.Duration) []string {
	var on []string
	for _, f := range faults {
		if f.From <= at && at <= f.To {
			on = append(on, f.Kind+" "+f.Target)
		}
	}
	return on
}

// tell is an operation in words.
func tell(op history.Op) string {
	where := op.Topic
	if op.Channel != "" {
		where += "/" + op.Channel
	}
	words := op.F
	if op.Process == history.Nemesis {
		return map[history.Type]string{
			history.Info: "has ended " + op.Node + " by a " + op.F, history.OK: "has started again " + op.Node, history.Fail: "has not ended or not started again " + op.Node + ": " + op.Error,
		}[op.Type]
	}
	switch op.F {
	case history.Publish:
		words = map[history.Type]string{
			history.Invoke: "publishes it to", history.OK: "has it acknowledged by", history.Fail: "fails to publish it to", history.Info: "does not learn its fate from",
		}[op.Type]
		words += " " + op.Node
	case history.Deliver:
		words = fmt.Sprintf("gets it from %s (attempt %d)", op.Node, op.Attempt)
		if op.Type == history.Fail {
			words = "gets it damaged from " + op.Node
		}
	case history.Finish, history.Requeue, history.Touch:
		words = strings.ToUpper(op.F) + map[history.Type]string{
			history.Info: " sent to ", history.OK: " proved by ", history.Fail: " refused by ",
		}[op.Type] + op.Node
	}
	words += ", " + where
	if op.After > 0 {
		words += fmt.Sprintf(", after %v", op.After)
	}
	if op.Error != "" {
		words += ": " + op.Error
	}
	return words
}
