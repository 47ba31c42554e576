package reports

import (
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A pause is what is known of whether a topic or a channel is paused, since it was asked for the first time.
type pause struct {
	state   pauseState
	since   time.Duration // when the state began
	pauses  int           // asked for, and not answered
	resumes int
}

// A pauseState is whether something is paused, by what was answered last.
type pauseState int

const (
	flowing pauseState = iota // it is not, unless it is asked to be
	holding                   // it certainly is
	unsure
)

// may says whether it may be paused.
func (p *pause) may() bool { return p.state != flowing || p.pauses > 0 }

func (p *pause) become(s pauseState, now time.Duration) {
	if p.state != s {
		p.state, p.since = s, now
	}
}

// administer takes in what a broker was asked to do.
func (g *ledger) administer(op *history.Op) {
	key := [3]string{op.Node, op.Topic, op.Channel}
	p := g.pauses[key]
	if p == nil {
		p = &pause{}
		g.pauses[key] = p
	}
	switch op.Note {
	case history.Pause:
		p.pause(op)
	case history.Unpause:
		p.resume(op)
	default:
		g.counts.Unjudged++
	}
}

// pause takes in a request to pause. One whose answer is not known may be carried out until the broker ends.
func (p *pause) pause(op *history.Op) {
	switch op.Type {
	case history.Invoke:
		p.pauses++
	case history.OK:
		p.pauses = max(p.pauses-1, 0)
		p.become(map[bool]pauseState{true: holding, false: unsure}[p.resumes == 0], op.Time)
	case history.Fail:
		p.pauses = max(p.pauses-1, 0)
	}
}

// resume takes in a request to end a pause. When it is refused there is nothing that could be paused.
func (p *pause) resume(op *history.Op) {
	switch op.Type {
	case history.Invoke:
		p.resumes++
		if p.state == holding {
			p.become(unsure, op.Time)
		}
	case history.OK, history.Fail:
		p.resumes = max(p.resumes-1, 0)
		if p.become(unsure, op.Time); p.pauses == 0 {
			p.become(flowing, op.Time)
		}
	}
}

// restarted takes in that a node has ended, or has begun anew: what it was asked and did not answer it does not do any more. It knows what is paused, unless
// a fault may take that.
func (g *ledger) restarted(h *hardship) {
	for key, p := range g.pauses { // each for itself: the order does not matter
		if key[0] != h.node {
			continue
		}
		if p.pauses > 0 && p.state != holding || g.mayResume(h, key[1]) {
			p.become(unsure, g.now)
		}
		p.pauses, p.resumes = 0, 0
	}
}

// mayResume says whether a node that was ended by a fault may have forgotten, for a topic, what is paused and what is not: for it takes that, or
// one before has kept it from being noted.
func (g *ledger) mayResume(end *hardship, topic string) bool {
	if end.may(noLeak, topic) {
		return true
	}
	for i := range g.faults {
		if h := &g.faults[i]; h.node == end.node && !h.ends && h.may(noLeak, topic) {
			return true
		}
	}
	return false
}

// flows says whether messages certainly pass through a topic to a channel and from that to its consumers, and since when, if that was in question.
func (g *ledger) flows(q *queue) (since time.Duration, ok bool) {
	if len(g.pauses) == 0 {
		return 0, true
	}
	for _, channel := range [2]string{q.channel, ""} {
		p := g.pauses[[3]string{q.node, q.topic, channel}]
		switch {
		case p == nil:
		case p.may():
			return 0, false
		default:
			since = max(since, p.since)
		}
	}
	return since, true
}

// held is the pause of a topic, or of a channel of its, on a node, that is certainly on; nil if there is none.
func (g *ledger) held(node, topic, channel string) *pause {
	if p := g.pauses[[3]string{node, topic, channel}]; p != nil && p.state == holding {
		return p
	}
	return nil
}
