package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Coverage is what the nodes were in the middle of that the faults of a kind hit. Those that hit nothing do not count.
type Coverage struct {
	Kind   string      `json:"kind"`
	Hits   int         `json:"hits"`
	States []StateHits `json:"states"` // all that there are, in the cluster's order, those that were not hit included
}

// StateHits is how many hits met a state. One hit may meet some at a time.
type StateHits struct {
	State string `json:"state"`
	Hits  int    `json:"hits"`
}

// coverage is the ledger's, by kind. There is none where the cluster does not see its nodes' states.
func (g *ledger) coverage() []Coverage {
	var all []Coverage
	for i := range g.faults {
		h := &g.faults[i]
		if len(g.head.States) == 0 || h.node == "" {
			continue
		}
		c := Coverage{Kind: h.Kind}
		for _, s := range g.head.States {
			c.States = append(c.States, StateHits{State: s})
		}
		if !h.failed {
			c.Hits = 1
			for _, s := range h.states {
				c.add(StateHits{s, 1})
			}
		}
		all = Together(all, []Coverage{c})
	}
	return all
}

// add counts hits of a state, which is a new one if the cluster did not tell of it before.
func (c *Coverage) add(hits StateHits) {
	i := slices.IndexFunc(c.States, func(s StateHits) bool { return s.State == hits.State })
	if i < 0 {
		c.States = append(c.States, hits)
		return
	}
	c.States[i].Hits += hits.Hits
}

// Together is what two coverages come to together, a kind after another in the order of their names. It changes neither.
func Together(a, b []Coverage) []Coverage {
	var all []Coverage
	for _, c := range slices.Concat(a, b) {
		i, found := slices.BinarySearchFunc(all, c.Kind, func(c Coverage, kind string) int { return cmp.Compare(c.Kind, kind) })
		if !found {
			c.States = slices.Clone(c.States)
			all = slices.Insert(all, i, c)
			continue
		}
		all[i].Hits += c.Hits
		for _, s := range c.States {
			all[i].add(s)
		}
	}
	return all
}

// Met tells the states that were hit, those that were hit most first: "in-flight 390, syncing 41".
func (c Coverage) Met() string {
	met := slices.DeleteFunc(slices.Clone(c.States), func(s StateHits) bool { return s.Hits == 0 })
	slices.SortStableFunc(met, func(a, b StateHits) int { return cmp.Compare(b.Hits, a.Hits) })
	var words []string
	for _, s := range met {
		words = append(words, s.State+" "+grouped(s.Hits))
	}
	return strings.Join(words, ", ")
}

// Unmet are the states that were not hit: in those the kind is not tested.
func (c Coverage) Unmet() (states []string) {
	for _, s := range c.States {
		if s.Hits == 0 {
			states = append(states, s.State)
		}
	}
	return states
}

// coverageTable is what a run's faults met, a line a kind.
func coverageTable(r *Report) table {
	t := table{
		Title:   "Coverage",
		Means:   "What a node was in the middle of when a fault hit it; a hit may meet some of that at a time.",
		Columns: []column{{Name: "kind"}, {Name: "hits", Number: true}, {Name: "not tested"}, {Name: "in the middle of"}},
	}
	for _, c := range r.Coverage {
		t.Rows = append(t.Rows, []string{c.Kind, grouped(c.Hits), fmt.Sprintf("%d of %d states", len(c.Unmet()), len(c.States)), orNothing(c.Met())})
	}
	return t
}

func orNothing(s string) string {
	if s == "" {
		return nothing
	}
	return s
}

// coverageMatrix is the same with a line for each state, and a column for each kind.
func coverageMatrix(r *Report) table {
	t := table{Title: "Coverage by state", Columns: []column{{Name: "state"}}}
	lines := map[string]int{} // by the state
	for _, c := range r.Coverage {
		t.Columns = append(t.Columns, column{Name: c.Kind, Number: true})
		for _, s := range c.States {
			if _, ok := lines[s.State]; !ok {
				lines[s.State] = len(t.Rows)
				t.Rows = append(t.Rows, []string{s.State})
			}
		}
	}
	for _, c := range r.Coverage {
		hits := map[string]int{}
		for _, s := range c.States {
			hits[s.State] = s.Hits
		}
		for i, row := range t.Rows {
			t.Rows[i] = append(row, grouped(hits[row[0]]))
		}
	}
	return t
}
