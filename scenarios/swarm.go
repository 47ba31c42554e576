package scenarios

import (
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/nsqlab/nsqlab/chaos"
)

// A Swarm is faults that each seed draws for itself. A seed first draws which of the kinds there are in its run at all: a run that has some
// of the kinds and not the others finds what one that has all of them hides, as some keep others from doing harm (Groce, Zhang, Eide,
// Chen, Regehr: Swarm Testing, ISSTA 2012). Then spells of faults come one after another; each ends with a time without any.
type Swarm struct {
	Kinds   []string      // that may be drawn; empty: all
	Every   time.Duration // from the beginning of a spell to that of the next
	Quiet   time.Duration // how much of that is without faults, at its end
	Lasting time.Duration // of a fault, at the most
	AtOnce  int           // faults of a spell, at the most
	From    time.Duration // when the first spell begins
	Until   time.Duration // when no fault is on any more; 0: when the load is over
}

var swarmKeys = []key[Swarm]{
	{name: "faults", usage: "the kinds of which each seed draws some (all)", read: readKinds, shape: namesShape, get: func(w *Swarm) string { return kindsText(w.Kinds) }},
	{name: "every", usage: "how often a spell of faults begins (2s)", typ: &duration, set: func(w *Swarm, v any) { w.Every = v.(time.Duration) }, get: func(w *Swarm) string { return lasting(w.Every, swarmDefaults.Every) }},
	{name: "quiet", usage: "how much of that is without faults, at its end (500ms)", typ: &span, set: func(w *Swarm, v any) { w.Quiet = v.(time.Duration) }, get: func(w *Swarm) string { return lasting(w.Quiet, swarmDefaults.Quiet) }},
	{name: "lasting", usage: "how long a fault lasts at the most (1s)", typ: &duration, set: func(w *Swarm, v any) { w.Lasting = v.(time.Duration) }, get: func(w *Swarm) string { return lasting(w.Lasting, swarmDefaults.Lasting) }},
	{name: "at_once", usage: "how many faults a spell has at the most (3)", typ: &count, set: func(w *Swarm, v any) { w.AtOnce = v.(int) }, get: func(w *Swarm) string { return number(w.AtOnce, swarmDefaults.AtOnce) }},
	{name: "from", usage: "when the first spell begins (0s)", typ: &moment, set: func(w *Swarm, v any) { w.From = v.(time.Duration) }, get: func(w *Swarm) string { return lasting(w.From, 0) }},
	{name: "until", usage: "when the last fault is over (when the load is)", typ: &duration, set: func(w *Swarm, v any) { w.Until = v.(time.Duration) }, get: func(w *Swarm) string { return lasting(w.Until, 0) }},
}

var swarmDefaults = Swarm{Every: 2 * time.Second, Quiet: 500 * time.Millisecond, Lasting: time.Second, AtOnce: 3}

// readSwarm reads what a seed may draw.
func readSwarm(d *decoder, s *Scenario, n ast.Node) {
	w := swarmDefaults
	fields(d, "swarm", n, swarmKeys, &w)
	end := s.loadEnd()
	switch {
	case d.err != nil:
	case w.Every-w.Quiet < shortest:
		d.fail(n, "swarm: a spell begins every %v, and %v of that are quiet: want %v or more for faults", w.Every, w.Quiet, shortest)
	case w.Until > end:
		d.fail(n, "swarm: it lasts until %v, and the load is over at %v", w.Until, end)
	case w.From+shortest > w.end(s):
		d.fail(n, "swarm: it begins at %v and ends at %v: want %v or more for faults", w.From, w.end(s), shortest)
	}
	s.Swarm = &w
}

// readKinds reads the name of a kind, or a list of them.
func readKinds(d *decoder, w *Swarm, n ast.Node) {
	var all []string
	for _, k := range chaos.Kinds {
		all = append(all, k.Name)
	}
	w.Kinds = d.someOf("faults", "fault", all, n)
}

func kindsText(kinds []string) string {
	if len(kinds) == 0 {
		return ""
	}
	return namesText(kinds)
}

func (s *Scenario) swarmText() string {
	if s.Swarm == nil {
		return ""
	}
	return flow(swarmKeys, s.Swarm)
}

// end is when the last fault is over.
func (w *Swarm) end(s *Scenario) time.Duration {
	if w.Until > 0 {
		return w.Until
	}
	return s.loadEnd()
}

// Drawn is the scenario as a seed has it: the swarm's faults are drawn and stand among the others, each with its target, its parameters and
// its times, and there is no swarm any more. A scenario without a swarm is given back as it is.
func (s *Scenario) Drawn(seed uint64) *Scenario {
	if s.Swarm == nil {
		return s
	}
	c := *s
	c.Swarm, c.Faults = nil, slices.Clone(s.Faults)
	l := &lot{Rand: stream(seed, "swarm"), s: &c, w: s.Swarm}
	l.choose()
	for at, end := l.w.From, l.w.end(s); at+shortest <= end; at += l.w.Every {
		l.spell(at, min(at+l.w.Every-l.w.Quiet, end))
	}
	slices.SortStableFunc(c.Faults[len(s.Faults):], func(a, b *Fault) int { return int(a.At - b.At) })
	return &c
}

// choose draws the kinds of the run: each with an even chance, but one at least.
func (l *lot) choose() {
	var all []chaos.Kind
	for _, k := range chaos.Kinds {
		if len(l.w.Kinds) == 0 || slices.Contains(l.w.Kinds, k.Name) {
			all = append(all, k)
		}
	}
	for _, k := range all {
		if l.IntN(2) == 0 {
			l.kinds = append(l.kinds, k)
		}
	}
	if len(l.kinds) == 0 {
		l.kinds = append(l.kinds, all[l.IntN(len(all))])
	}
}

const (
	shortest = 10 * time.Millisecond // of a spell's faults, from the first one's beginning to the last one's end
	attempts = 10                    // at a fault of a spell that gets on with the others
)

// spell draws the faults from a time to another.
func (l *lot) spell(from, to time.Duration) {
	for range 1 + l.IntN(l.w.AtOnce) {
		for range attempts {
			length := min(l.lasting(l.w.Lasting/4, l.w.Lasting), to-from)
			at := from + time.Duration(l.Int64N(int64(to-from-length)+1)).Truncate(time.Millisecond)
			f, err := l.s.fault(l.line(l.kinds[l.IntN(len(l.kinds))], at, length))
			if err == nil && !slices.ContainsFunc(l.s.Faults, func(other *Fault) bool { return collide(f, other) }) {
				l.s.Faults = append(l.s.Faults, f)
				break
			}
		}
	}
}

// collide says whether one of two faults could do nothing for the other: both end or stop one node, or one comes to a node that does not run.
func collide(a, b *Fault) bool {
	if a.Target != b.Target {
		return false
	}
	during := func(a, b *Fault) bool { return a.At >= b.At && (b.For == 0 || a.At <= b.At+b.For) }
	still := func(f *Fault) bool { return f.Kind.Ends || f.Kind.Halts }
	switch {
	case (still(a) || a.Kind.Restarts) && (still(b) || b.Kind.Restarts):
		return during(a, b) || during(b, a)
	default:
		return still(b) && during(a, b) || still(a) && during(b, a)
	}
}
