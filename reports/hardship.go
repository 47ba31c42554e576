package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A hardship is a fault as it was inflicted. It is over when To is not -1.
type hardship struct {
	Band
	node     string
	on       time.Duration // when it certainly was; -1: not yet
	ends     bool          // it ends the node, at some time between From and on
	mild     bool          // it is in what clients do, or in what a broker was asked to do, and holds nothing up
	waits    bool          // for its moment: it is not there, and was not
	licenses []license
	skew
	promised string   // by OK; empty: not known, or more than one thing
	states   []string // what the node was in the middle of
	sure     bool     // it was on, and not only perhaps
	failed   bool     // it shows nothing
	lingers  time.Duration
}

// String says what happened, for a sentence.
func (h *hardship) String() string {
	if h.promised == "" {
		return "a " + h.Kind
	}
	return fmt.Sprintf("a %s of a broker with durability %s", h.Kind, h.promised)
}

// A license is a promise that a fault may break: of a topic alone, or of all if that is empty, and for messages alone whose publication
// was invoked before a time.
type license struct {
	promise, topic string
	before         time.Duration
}

// readLicense reads one as a history has it. What is not understood permits nothing.
func readLicense(s string) license {
	l := license{before: math.MaxInt64}
	what, before, timed := strings.Cut(s, " before ")
	if timed {
		var err error
		if l.before, err = time.ParseDuration(before); err != nil {
			return license{}
		}
	}
	l.promise, l.topic, _ = strings.Cut(what, "/")
	return l
}

// may says whether a hardship may break a promise for a topic, at whatever time.
func (h *hardship) may(promise, topic string) bool {
	return slices.ContainsFunc(h.licenses, func(l license) bool { return l.promise == promise && (l.topic == "" || l.topic == topic) })
}

// permits says whether a hardship may have lost messages of a topic that its node had acknowledged, published at some time.
func (h *hardship) permits(topic string, invoked time.Duration) bool {
	return slices.ContainsFunc(h.licenses, func(l license) bool {
		return l.promise == noLoss && (l.topic == "" || l.topic == topic) && invoked < l.before
	})
}

// fault takes in what the nemesis does.
func (g *ledger) fault(op *history.Op) {
	key := op.F + " " + op.Note
	if op.Type == history.Invoke {
		g.open[key] = append(g.open[key], len(g.faults))
		g.faults = append(g.faults, hardship{
			Band: Band{Kind: op.F, Target: strings.TrimPrefix(op.Note, op.F+": "), From: op.Time, To: -1},
			node: op.Node, on: -1, ends: op.Ends, mild: op.Clients || op.Asked, waits: op.Waits, skew: skew{op.After, op.Count}, lingers: op.Lingers,
		})
		if !op.Waits {
			g.comes(&g.faults[len(g.faults)-1], op)
		}
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
	if h.waits && op.Type == history.Info {
		h.waits, h.From = false, op.Time
		g.comes(h, op)
	}
	if h.on < 0 && op.Type == history.Fail && !op.Ends { // it did nothing
		h.ends, h.licenses = false, nil
	}
	if h.on < 0 && !h.waits {
		h.on, h.sure = op.Time, op.Type == history.Info
		g.forget(h)
		if at, ok := g.ghosts[h.node]; ok && h.ends && h.sure && at < h.From {
			delete(g.ghosts, h.node)
		}
	}
	if h.ends && h.sure && op.Type != history.Fail {
		g.restarted(h)
	}
	if op.Type == history.Info {
		return
	}
	h.failed = op.Type == history.Fail || op.Error != ""
	g.open[key] = slices.Delete(open, i, i+1)
	h.To, h.Note = op.Time, op.Error
	if h.mild || h.waits {
		return
	}
	if h.lingers > 0 {
		g.lingers = max(g.lingers, op.Time+h.lingers)
	}
	if g.active--; g.active == 0 {
		g.calm = op.Time
	}
}

// springs says whether this is the moment that a fault has waited for.
func (g *ledger) springs(op *history.Op) bool {
	return op.Type == history.Info && slices.ContainsFunc(g.open[op.F+" "+op.Note], func(i int) bool { return g.faults[i].waits })
}

// comes takes in what there is to say of a fault when it comes.
func (g *ledger) comes(h *hardship, op *history.Op) {
	h.promised, h.states = op.Durability, op.States
	for _, s := range op.Licenses {
		h.licenses = append(h.licenses, readLicense(s))
	}
	if !h.mild {
		g.active++
		g.unsettle()
	}
}

// forget takes away the topics of a node that has ended, if they may be lost.
func (g *ledger) forget(h *hardship) {
	if !h.ends {
		return
	}
	for k := range g.topics { // a set: the order does not matter
		if k[0] == h.node && h.permits(k[1], 0) {
			delete(g.topics, k)
		}
	}
}

// ended says whether a node was ended, or may have been, from a to b: it began anew since.
func (g *ledger) ended(node string, a, b time.Duration) bool {
	return slices.ContainsFunc(g.faults, func(h hardship) bool {
		return h.ends && !h.waits && h.node == node && h.From <= b && (h.on < 0 || h.on >= a)
	})
}

// survived says whether a node has certainly ended since a time, so that nothing of then is there any more.
func (g *ledger) survived(node string, since time.Duration) bool {
	return slices.ContainsFunc(g.faults, func(h hardship) bool {
		return h.ends && h.node == node && h.sure && since < h.From
	})
}

// permitted finds the first fault that may have lost a message; nil: none.
func (g *ledger) permitted(m *message) *hardship {
	for i := range g.faults {
		if h := &g.faults[i]; h.node == m.node && !h.waits && h.permits(m.topic, m.begun) && (h.on < 0 || h.on >= m.begun) {
			return h
		}
	}
	return nil
}

// disturbed says whether a fault was on at some time from a to b that may hold up what is sent.
func (g *ledger) disturbed(a, b time.Duration) bool {
	return slices.ContainsFunc(g.faults, func(h hardship) bool { return !h.mild && !h.waits && h.From <= b && (h.To < 0 || h.To >= a) })
}
