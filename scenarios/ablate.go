package scenarios

import (
	"context"
	"errors"
	"fmt"

	"github.com/nsqlab/nsqlab/reports"
)

// An Ablation says which of a scenario's faults matter to an anomaly.
type Ablation struct {
	Anomaly reports.Anomaly
	Finding string // an example of it
	All     Shown  // with all faults
	None    Shown  // without any
	Faults  []Ablated
}

// An Ablated is one fault, and what came of leaving it out and of leaving it alone.
type Ablated struct {
	Fault   *Fault
	Without Shown // with all the others
	Alone   Shown // with none of the others
}

// Shown is in how many of some runs the anomaly was there.
type Shown struct{ In, Of int }

// String is "in 3 of 10".
func (s Shown) String() string { return fmt.Sprintf("in %d of %d", s.In, s.Of) }

// Ablate plays a scenario that shows an anomaly under its seed with each of its faults left out, with each alone, with all and with none of them: each
// under so many seeds, its own the first. It asks all at once of Search, to which none is the one sought. ErrHolds says that there is no anomaly.
func Ablate(ctx context.Context, s *Scenario, o Shrinking, seeds int) (*Ablation, error) {
	k := &shrinker{Shrinking: o, ctx: ctx}
	if k.Search == nil {
		k.Search = firstOf
	}
	first, err := k.begin(s)
	if err != nil {
		return nil, err
	}
	out := &Ablation{Anomaly: k.anomaly, Finding: first.Example(k.anomaly), Faults: make([]Ablated, len(k.best.Faults))}
	var variants []*Scenario
	var counts []*Shown
	add := func(to *Shown, keep func(i int) bool) {
		c := k.best.clone()
		c.Faults = nil
		for i, f := range k.best.Faults {
			if keep(i) {
				c.Faults = append(c.Faults, f)
			}
		}
		variants, counts = append(variants, c), append(counts, to)
	}
	add(&out.All, func(int) bool { return true })
	add(&out.None, func(int) bool { return false })
	for i := range out.Faults {
		out.Faults[i].Fault = k.best.Faults[i]
		add(&out.Faults[i].Without, func(n int) bool { return n != i })
		add(&out.Faults[i].Alone, func(n int) bool { return n == i })
	}
	shown := make([]bool, len(variants)*seeds)
	k.Search(len(shown), func(n int) bool {
		r, err := k.Play(ctx, variants[n/seeds].read(), k.seed(n%seeds))
		shown[n] = err == nil && r.Has(k.anomaly)
		return false
	})
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(errors.New("ablation takes all of its runs"), err)
	}
	for n, is := range shown {
		c := counts[n/seeds]
		if c.Of++; is {
			c.In++
		}
	}
	return out, nil
}
