package reports

import (
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A hardship is a fault as it was inflicted. It is over when To is not -1.
type hardship struct {
	Band
	node    string
	on      time.Duration // when it certainly was; -1: not yet
	kills   bool          // it ends the node, at some time between From and on
	permits bool          // the loss of what that had in memory
}

// fault takes in what the nemesis does.
func (g *ledger) fault(op *history.Op) {
	key := op.F + " " + op.Note
	if op.Type == history.Invoke {
		g.open[key] = append(g.open[key], len(g.faults))
		g.faults = append(g.faults, hardship{
			Band: Band{Kind: op.F, Target: strings.TrimPrefix(op.Note, op.F+": "), From: op.Time, To: -1},
			node: op.Node, on: -1, kills: op.F == "kill", permits: slices.Contains(op.Licenses, "no-loss"),
		})
		g.active++
		g.unsettle()
		return
	}
	// Of two in the same words the one that is not on yet is meant, else the first.
	open := g.open[key]
	i := slices.IndexFunc(open, func(i int) bool { return g.faults[i].on < 0 })
	switch {
	case len(open) == 0 || (i < 0 && op.Type == history.Info):
		g.counts.Unjudged++
		return
	case i < 0:
		i = 0
	}
	h := &g.faults[open[i]]
	if h.on < 0 {
		h.on = op.Time
		g.forget(h)
	}
	if op.Type == history.Info {
		return
	}
	g.open[key] = slices.Delete(open, i, i+1)
	h.To, h.Note = op.Time, op.Error
	if g.active--; g.active == 0 {
		g.calm = op.Time
	}
}

// forget takes away the topics of a node that was killed, if it kept all in memory.
func (g *ledger) forget(h *hardship) {
	if !h.kills || !h.permits {
		return
	}
	for k := range g.topics { // a set: the order does not matter
		if k[0] == h.node {
			delete(g.topics, k)
		}
	}
}

// killed says whether a node was, or may have been, killed from a to b.
func (g *ledger) killed(node string, a, b time.Duration) bool {
	return slices.ContainsFunc(g.faults, func(h hardship) bool {
		return h.kills && h.node == node && h.From <= b && (h.on < 0 || h.on >= a)
	})
}

// permitted finds the first fault that may have lost a message which was published at some time; nil: none.
func (g *ledger) permitted(node string, published time.Duration) *hardship {
	for i := range g.faults {
		if h := &g.faults[i]; h.permits && h.node == node && (h.on < 0 || h.on >= published) {
			return h
		}
	}
	return nil
}

// disturbed says whether a fault was on at some time from a to b.
func (g *ledger) disturbed(a, b time.Duration) bool {
	return slices.ContainsFunc(g.faults, func(h hardship) bool { return h.From <= b && (h.To < 0 || h.To >= a) })
}
