package reports

import (
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A ledger is what is known of a run at one moment: of every message, channel, connection and fault. The checkers see it
// as it stood before the operation at hand.
type ledger struct {
	head     history.Header
	now      time.Duration
	messages map[uint64]*message
	topics   map[[2]string]*topicLife // by node and topic, of the node's present life
	queues   map[[3]string]*queue     // by node, topic and channel
	pauses   map[[3]string]*pause     // by the same; of a topic with no channel
	conns    map[uint64]*connection
	partings map[string]time.Duration // by node: when a client's connection to it ended last
	ghosts   map[string]time.Duration // by node: when it last may have missed that
	faults   []hardship
	open     map[string][]int // faults that are on, by process and words: where they stand in faults
	active   int              // faults that are on, but for those that hold nothing up
	upset    bool             // there was such a fault
	calm     time.Duration    // when the last of them ended
	lingers  time.Duration    // when connections do not suffer any more by one that has ended
	counts   Counts
	end      history.Type // how the drain ended; empty if it did not
	endNote  string       // why it was not complete
	trace    string       // of a virtual run
}

func newLedger(h history.Header) *ledger {
	return &ledger{
		head: h, messages: map[uint64]*message{}, topics: map[[2]string]*topicLife{}, queues: map[[3]string]*queue{}, pauses: map[[3]string]*pause{},
		conns: map[uint64]*connection{}, partings: map[string]time.Duration{}, ghosts: map[string]time.Duration{}, open: map[string][]int{},
	}
}

// An event is an operation with what it is about, as known before it.
type event struct {
	op    *history.Op
	m     *message    // nil: none, not known, or not of this node and topic
	stray *message    // m, if it is not of this node and topic
	l     *life       // of m in the operation's channel; nil before the first delivery
	stale bool        // a delivery that was sent before the one in l, and was held up on its way
	conn  *connection // nil: none, or not a consumer's
	q     *queue      // of the operation's node, topic and channel; nil if it names none
}

func (g *ledger) event(op *history.Op) event {
	e := event{op: op}
	if op.Msg != 0 {
		if e.m = g.messages[op.Msg]; e.m != nil && (e.m.node != op.Node || e.m.topic != op.Topic) {
			e.m, e.stray = nil, e.m
		}
	}
	if op.Channel == "" {
		return e
	}
	if c := g.conns[op.Conn]; c != nil && c.queue != nil {
		e.conn, e.q = c, c.queue
	}
	if e.q == nil || e.q.channel != op.Channel || e.q.topic != op.Topic || e.q.node != op.Node {
		e.q = g.queue(op)
	}
	if e.m == nil {
		return e
	}
	if e.l = e.m.life(e.q); e.l != nil && op.F == history.Deliver {
		e.stale = g.overtaken(e)
	}
	return e
}

// isDelivery says whether a message of the run reached a consumer where it belongs, whole.
func (e *event) isDelivery() bool {
	return e.op.F == history.Deliver && e.op.Type == history.OK && e.m != nil
}

// known says whether the message was acknowledged before.
func (e *event) known() bool { return e.m != nil && e.m.fate == history.OK }

// apply takes an operation into the ledger.
func (g *ledger) apply(e event) {
	op := e.op
	switch {
	case op.Type != history.Invoke && op.Type != history.OK && op.Type != history.Fail && op.Type != history.Info:
		g.counts.Unjudged++
		return
	case op.Process == history.Nemesis:
		g.fault(op)
		return
	}
	switch op.F {
	case history.Publish:
		g.publish(e)
	case history.Deliver:
		g.deliver(e)
	case history.Finish, history.Requeue, history.Touch:
		g.acknowledge(e)
	case history.Connect:
		if op.Type == history.OK {
			g.conns[op.Conn] = &connection{stood: op.Time}
		}
	case history.Subscribe:
		g.subscribe(op)
	case history.Ready:
		if e.conn != nil {
			e.conn.catchUp(g.now, g.head.Slack)
			e.conn.ready = op.Count
			e.conn.recount(g.now)
		}
	case history.Disconnect:
		if c := g.conns[op.Conn]; c != nil && c.closed == 0 {
			g.close(c, op.Node)
		}
	case history.Probe:
		if e.q != nil {
			e.q.asked = op.Time
			e.q.since, e.q.idle = g.free(e.q)
		}
	case history.Phase:
		if op.Note == "end" {
			g.end, g.endNote = op.Type, op.Error
		}
	case history.Administer:
		g.administer(op)
	case history.Lookup, history.Wait: // the checkers' that want them
	case history.Trace:
		g.trace = op.Note
	default:
		g.counts.Unjudged++
	}
}

func (g *ledger) publish(e event) {
	op := e.op
	switch {
	case op.Type == history.Invoke && g.messages[op.Msg] == nil:
		m := &message{id: op.Msg, node: op.Node, topic: op.Topic, invoked: op.Time, after: op.After, due: op.Due}
		g.messages[op.Msg] = m
		g.counts.Published++
		g.try(m)
		return
	case op.Type == history.Invoke && e.m != nil:
		g.try(e.m)
		return
	case op.Type == history.Invoke || e.m == nil || e.m.open == 0:
		g.counts.Unjudged++
		return
	}
	before := e.m.fate
	if e.m.answer(op); e.m.fate == history.OK && before != history.OK {
		g.counts.Acknowledged++
	}
}

// try notes that a message is published, for the first time or once more. If the tries before are over an OK can only be of this one.
func (g *ledger) try(m *message) {
	if m.tries == 0 || m.fate != history.OK && m.open == 0 {
		t := g.topic(m.node, m.topic)
		m.begun, m.waited, m.owed = g.now, t, t.channels
	}
	m.tries++
	m.open++
	if m.fate != history.OK {
		m.fate = history.Invoke
	}
}

// answer takes in how a try ended. One that was acknowledged makes the message so; it has failed only if all have.
func (m *message) answer(op *history.Op) {
	m.open--
	if op.Type == history.Fail {
		m.failed++
	}
	switch {
	case m.fate == history.OK:
	case op.Type == history.OK:
		m.fate, m.answered = history.OK, op.Time
	case m.open > 0:
	case m.copies() == 0:
		m.fate, m.answered = history.Fail, op.Time
	default:
		m.fate, m.answered = history.Info, op.Time
	}
}

// sorted gives the messages in order of their numbers.
func (g *ledger) sorted() []*message {
	all := make([]*message, 0, len(g.messages))
	for _, m := range g.messages {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *message) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return all
}
