package scenarios

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nsqlab/nsqlab/reports"
)

// A Shrinking is what it takes to shrink a scenario.
type Shrinking struct {
	// Play plays a scenario under a seed, in virtual time, and judges it. A run that cannot be played, or takes too long, is an error: it shows
	// nothing. If Search calls from several goroutines at a time, so does Play get called.
	Play func(ctx context.Context, s *Scenario, seed uint64) (*reports.Report, error)
	// Search gives the least i below n for which shows is true, and -1 if there is none. If it is nil, one after another is asked.
	Search func(n int, shows func(i int) bool) int
	// Compared says that Play compares each run with one that is as it should be: so no change can bring the anomaly about by itself.
	Compared bool
	// Promise is the one whose anomaly is to be shown; empty: that which stands worst.
	Promise string
	// Progress, if not nil, is told of each smaller scenario.
	Progress func(Shrunk)
}

// A Shrunk is a scenario made small.
type Shrunk struct {
	Scenario *Scenario // with the seed under which it shows the anomaly
	Anomaly  reports.Anomaly
	Finding  string // an example of the anomaly
	Runs     int    // that it took
	Whole    bool   // no change that is known makes it smaller; false: there was no time for more
}

// ErrHolds is what Shrink says of a scenario whose promises hold: there is nothing to show. They hold also if a fault permits what was found, unless
// the scenario is strict.
var ErrHolds = errors.New("every promise holds")

// Shrink makes a scenario small that shows an anomaly under its seed: with as few faults, load lines, messages, clients, nodes and settings as
// will do to show the same anomaly under that seed or another. When ctx is done it gives the smallest so far. The same
// scenario gives the same result, if ctx has time enough.
//
// It is greedy: each pass makes changes of one sort, bold ones first, and takes the first under which the anomaly still shows; the passes repeat
// until none makes a change. Lists are shortened by delta debugging (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing
// Input, IEEE Transactions on Software Engineering 28(2), 2002). A change counts only if the loader reads what comes of it and
// nothing is idle that was not idle in the first run: no client, and no fault.
func Shrink(ctx context.Context, s *Scenario, o Shrinking) (*Shrunk, error) {
	k := &shrinker{Shrinking: o, ctx: ctx, tried: map[string]int{}}
	if k.Search == nil {
		k.Search = firstOf
	}
	r, err := k.begin(s)
	if err != nil {
		return nil, err
	}
	k.take(k.best, s.Seed)
	for k.round() {
	}
	k.patient = true
	for k.round() {
	}
	return k.result(r)
}

// begin plays the scenario as it is, with what its seed draws, and finds the anomaly.
func (k *shrinker) begin(s *Scenario) (*reports.Report, error) {
	if k.best = s.Drawn(s.Seed).read(); k.best == nil {
		return nil, errors.New("a scenario is not read as it was written")
	}
	k.best.Seed = s.Seed
	r, err := k.Play(context.WithoutCancel(k.ctx), k.best.read(), s.Seed) // however little time there is
	if err != nil {
		return nil, err
	}
	k.runs = 1
	found := r.Anomalies()
	for len(found) > 0 && k.Promise != "" && found[0].Promise != k.Promise {
		found = found[1:]
	}
	if len(found) == 0 {
		return nil, ErrHolds
	}
	if found[0].Validity == reports.Licensed { // and so is all behind it
		return nil, fmt.Errorf("%w, as a fault permits what was found; it counts if the scenario is strict", ErrHolds)
	}
	k.anomaly, k.silent = found[0], silence(r)
	return r, nil
}

// firstOf is the search of a patient.
func firstOf(n int, shows func(i int) bool) int {
	for i := range n {
		if shows(i) {
			return i
		}
	}
	return -1
}

// A shrinker is Shrink at work.
type shrinker struct {
	Shrinking
	ctx     context.Context
	anomaly reports.Anomaly
	silent  []reports.Anomaly // what the first run did not test
	best    *Scenario
	patient bool
	tried   map[string]int // seeds that did not show it, by a scenario's text
	runs    int
}

// seeds is how many a scenario is given, for fewer messages draw fewer chances: few at first, to get far, and more to be sure.
func (k *shrinker) seeds(messages int) int {
	if k.patient {
		return max(2, min(40, 1000/(messages+1)))
	}
	return max(1, min(6, 200/(messages+1)))
}

// An edit makes a scenario smaller.
type edit func(*Scenario)

// round makes each pass once, and says whether any made a change.
func (k *shrinker) round() bool {
	before := k.best
	for _, pass := range []func(*shrinker){
		expectOnly, hardlyAny, fewerFaults, fewerLines, fewerNodes, fewerMessages, fewerClients, fewerSettings, fewerMessages, rounderTimes,
	} {
		if k.ctx.Err() == nil {
			pass(k)
		}
	}
	return k.best != before
}

// any takes the first of some changes under which the anomaly still shows, as long as there is one.
func (k *shrinker) any(changes func(*Scenario) []edit) {
	for k.ctx.Err() == nil && k.first(changes(k.best)) >= 0 {
	}
}

// never is how many seeds a scenario counts as tried under that was the best once: to come back to it would not end.
const never = 1 << 30

// A trial is a scenario under a seed.
type trial struct {
	scenario *Scenario
	seed     uint64
	edit     int
}

// first takes the first of some changes under which the anomaly still shows: it says which, or -1.
func (k *shrinker) first(edits []edit) int {
	var trials []trial
	seeds := map[string]int{}
	for i, e := range edits {
		c := k.candidate(e)
		if c == nil {
			continue
		}
		text := c.Text()
		n := k.seeds(c.Messages())
		if _, again := seeds[text]; again || k.tried[text] >= n {
			continue
		}
		seeds[text] = n
		for place := k.tried[text]; place < n; place++ {
			trials = append(trials, trial{c, k.seed(place), i})
		}
	}
	i := k.Search(len(trials), func(i int) bool { return k.shows(trials[i].scenario, trials[i].seed) })
	if k.ctx.Err() != nil && i < 0 {
		return -1
	}
	if i < 0 {
		k.runs += len(trials)
		for text, n := range seeds { // each for itself: the order does not matter
			k.tried[text] = n
		}
		return -1
	}
	k.runs += i + 1
	k.take(trials[i].scenario, trials[i].seed)
	return trials[i].edit
}

// seed is the one in a place: first that which shows the anomaly so far.
func (k *shrinker) seed(place int) uint64 {
	switch n := uint64(place); {
	case place == 0:
		return k.best.Seed
	case n < k.best.Seed:
		return n
	default:
		return n + 1
	}
}

// candidate is what a change makes of the best; nil if that is no scenario, or no other.
func (k *shrinker) candidate(e edit) *Scenario {
	c := k.best.clone()
	c.Seed = defaultSeed // else a scenario would be another with each
	e(c)
	c = c.mended()
	if c == nil || c.Messages() > k.best.Messages() {
		return nil
	}
	return c
}

// shows says whether a scenario has the anomaly under a seed.
func (k *shrinker) shows(s *Scenario, seed uint64) bool {
	if k.ctx.Err() != nil {
		return false
	}
	r, err := k.Play(k.ctx, s.read(), seed) // afresh: a scenario is played once
	if err != nil || !r.Has(k.anomaly) {
		return false
	}
	return !slices.ContainsFunc(silence(r), func(a reports.Anomaly) bool { return !slices.Contains(k.silent, a) })
}

// silence is what a run did not test.
func silence(r *reports.Report) []reports.Anomaly {
	return slices.DeleteFunc(r.Anomalies(), func(a reports.Anomaly) bool { return a.Promise != reports.Activity.Name })
}

// take makes a scenario the best.
func (k *shrinker) take(s *Scenario, seed uint64) {
	k.best = s
	k.best.Seed = defaultSeed
	k.tried[k.best.Text()] = never
	k.best.Seed = seed
	if k.Progress != nil {
		k.Progress(Shrunk{Scenario: k.best, Anomaly: k.anomaly, Runs: k.runs})
	}
}

// result is the best, with its finding.
func (k *shrinker) result(first *reports.Report) (*Shrunk, error) {
	out := &Shrunk{Scenario: k.best, Anomaly: k.anomaly, Finding: first.Example(k.anomaly), Runs: k.runs, Whole: k.ctx.Err() == nil}
	r, err := k.Play(context.WithoutCancel(k.ctx), k.best.read(), k.best.Seed)
	if err != nil {
		return nil, err
	}
	if !r.Has(k.anomaly) {
		return nil, fmt.Errorf("seed %d does not repeat: %s is gone", k.best.Seed, k.anomaly)
	}
	out.Finding = r.Example(k.anomaly)
	return out, nil
}

// delicate says that an anomaly is one of time, which a slower load, a narrower consumer or a shorter drain might bring about by itself.
func (k *shrinker) delicate() bool {
	late := k.anomaly.Promise == reports.Latency.Name || k.anomaly.Validity == reports.Unknown && k.anomaly.Promise != reports.Activity.Name
	return late && !k.Compared
}
