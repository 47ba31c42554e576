package reports

import (
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A ledger is what is known of a run at one moment: of every message, channel, connection and node. The checkers see it
// as it stood before the operation at hand.
type ledger struct {
	head     history.Header
	now      time.Duration
	messages map[uint64]*message
	topics   map[[2]string]*topicLife // by node and topic, of the node's present life
	queues   map[[3]string]*queueLife // by node, topic and channel
	conns    map[uint64]*connLife
	kills    map[string][]window // by node: each kill happened at some time in its window
	faults   []Band
	open     map[string]int // index of a fault in faults while it is on, by its process and words
	active   int            // faults that are on
	calm     time.Duration  // since when none is on
	counts   Counts
	end      history.Type // how the drain ended; empty if it did not
	endNote  string       // why it was not complete
}

// A message is what is known of one that was published, or said to be.
type message struct {
	id       uint64
	node     string
	topic    string
	invoked  time.Duration
	answered time.Duration
	fate     history.Type // Invoke: no answer yet
	after    time.Duration
	due      time.Duration // when it was meant to be sent
	waited   *topicLife    // where it was published
	owed     []string      // channels there before it was published
	lives    []life
}

// A topicLife is a topic on a node, from one start of the node to the next.
type topicLife struct {
	channels []string // that exist; replaced, never changed
	first    string   // the first of them: it gets all that waited at the topic
}

// A life is a message in a channel.
type life struct {
	channel    string
	deliveries int
	delivered  time.Duration // the last time
	conn       uint64        // that has or had it then
	deadline   time.Duration // of the last delivery's timeout, by proved touches
	finished   history.Type  // of the last delivery: empty, Info sent, OK proved
	requeued   history.Type
	requeuedAt time.Duration // when REQ was sent
	delay      time.Duration // that it asked for
}

// A connLife is a consumer's connection.
type connLife struct {
	queue    *queueLife
	timeout  time.Duration
	ready    int64
	inFlight int64
	closed   time.Duration // 0 while it stands
	counted  bool          // as one that can take a message
}

// A queueLife is a channel on a node as its consumers see it.
type queueLife struct {
	takers int           // connections that can take a message
	since  time.Duration // since when there has been one
}

func newLedger(h history.Header) *ledger {
	return &ledger{
		head: h, messages: map[uint64]*message{}, topics: map[[2]string]*topicLife{}, queues: map[[3]string]*queueLife{},
		conns: map[uint64]*connLife{}, kills: map[string][]window{}, open: map[string]int{},
	}
}

// An event is an operation with what it is about, as known before it.
type event struct {
	op   *history.Op
	m    *message   // nil: none, or not known
	l    *life      // of m in the operation's channel; nil before the first delivery
	conn *connLife  // nil: none, or not a consumer's
	q    *queueLife // of the operation's node, topic and channel; nil if it names none
}

func (g *ledger) event(op *history.Op) event {
	e := event{op: op, m: g.messages[op.Msg], conn: g.conns[op.Conn]}
	if e.m != nil && op.Channel != "" {
		e.l = e.m.life(op.Channel)
	}
	if op.Channel != "" {
		e.q = g.queue(op)
	}
	return e
}

func (m *message) life(channel string) *life {
	for i := range m.lives {
		if m.lives[i].channel == channel {
			return &m.lives[i]
		}
	}
	return nil
}

func (g *ledger) queue(op *history.Op) *queueLife {
	key := [3]string{op.Node, op.Topic, op.Channel}
	q := g.queues[key]
	if q == nil {
		q = &queueLife{}
		g.queues[key] = q
	}
	return q
}

func (g *ledger) topic(node, name string) *topicLife {
	key := [2]string{node, name}
	t := g.topics[key]
	if t == nil {
		t = &topicLife{}
		g.topics[key] = t
	}
	return t
}

// apply takes an operation into the ledger.
func (g *ledger) apply(e event) {
	op := e.op
	if op.Process == history.Nemesis {
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
	case history.Subscribe:
		g.subscribe(op)
	case history.Ready:
		if e.conn != nil {
			e.conn.ready = op.Count
			g.recount(e.conn)
		}
	case history.Disconnect:
		if e.conn != nil && e.conn.closed == 0 {
			e.conn.closed = max(op.Time, 1)
			g.recount(e.conn)
		}
	case history.Phase:
		if op.Note == "end" {
			g.end, g.endNote = op.Type, op.Error
		}
	case history.Connect, history.Probe:
	default:
		g.counts.Unjudged++
	}
}

func (g *ledger) publish(e event) {
	op := e.op
	if op.Type == history.Invoke {
		t := g.topic(op.Node, op.Topic)
		g.messages[op.Msg] = &message{
			id: op.Msg, node: op.Node, topic: op.Topic, invoked: op.Time, fate: history.Invoke, after: op.After, due: op.Due,
			waited: t, owed: t.channels,
		}
		g.counts.Published++
		return
	}
	if e.m == nil {
		g.counts.Unjudged++
		return
	}
	e.m.fate, e.m.answered = op.Type, op.Time
	switch op.Type {
	case history.OK:
		g.counts.Acknowledged++
	case history.Fail:
		g.counts.Failed++
	case history.Info:
		if len(e.m.lives) > 0 {
			g.counts.Recovered++
		}
	}
}

func (g *ledger) deliver(e event) {
	op := e.op
	g.counts.Delivered++
	if e.conn != nil {
		e.conn.inFlight++
		g.recount(e.conn)
	}
	if e.m == nil || op.Type != history.OK {
		return
	}
	l := e.l
	if l == nil {
		if e.m.fate == history.Info && len(e.m.lives) == 0 {
			g.counts.Recovered++
		}
		e.m.lives = append(e.m.lives, life{channel: op.Channel})
		l = &e.m.lives[len(e.m.lives)-1]
	} else {
		g.counts.Redelivered++
	}
	*l = life{channel: op.Channel, deliveries: l.deliveries + 1, delivered: op.Time, conn: op.Conn}
	if e.conn != nil {
		l.deadline = op.Time + e.conn.timeout
	}
}

// acknowledge takes in a FIN, a REQ or a TOUCH: sent, proved or refused.
func (g *ledger) acknowledge(e event) {
	op := e.op
	if op.F == history.Finish && op.Type == history.Info {
		g.counts.Finished++
	}
	if e.conn != nil && op.Type == history.Info && op.F != history.Touch {
		e.conn.inFlight--
		g.recount(e.conn)
	}
	if e.l == nil || e.l.conn != op.Conn {
		return // of a delivery before the last
	}
	switch {
	case op.F == history.Finish:
		e.l.finished = op.Type
	case op.F == history.Requeue:
		e.l.requeued = op.Type
		if op.Type == history.Info {
			e.l.requeuedAt, e.l.delay = op.Time, op.After
		}
	case op.Type == history.OK && e.conn != nil:
		e.l.deadline = max(e.l.deadline, op.Due+e.conn.timeout)
	}
}

func (g *ledger) subscribe(op *history.Op) {
	if op.Type != history.OK {
		return
	}
	t := g.topic(op.Node, op.Topic)
	if !slices.Contains(t.channels, op.Channel) {
		t.channels = append(slices.Clone(t.channels), op.Channel)
		if t.first == "" {
			t.first = op.Channel
		}
	}
	g.conns[op.Conn] = &connLife{queue: g.queue(op), timeout: op.After}
}

// recount keeps a queue's number of connections that can take a message.
func (g *ledger) recount(c *connLife) {
	can := c.closed == 0 && c.inFlight < c.ready
	if can == c.counted {
		return
	}
	c.counted = can
	if !can {
		c.queue.takers--
		return
	}
	if c.queue.takers++; c.queue.takers == 1 {
		c.queue.since = g.now
	}
}

// fault takes in what the nemesis does.
func (g *ledger) fault(op *history.Op) {
	key := op.F + " " + op.Note
	if op.Type == history.Invoke {
		g.open[key] = len(g.faults)
		g.faults = append(g.faults, Band{Kind: op.F, Target: strings.TrimPrefix(op.Note, op.F+": "), From: op.Time, To: -1})
		g.active++
		if op.F == "kill" {
			g.kills[op.Node] = append(g.kills[op.Node], window{op.Time, op.Time, slices.Contains(op.Licenses, NoLoss.Name)})
		}
		return
	}
	i, ok := g.open[key]
	if !ok {
		g.counts.Unjudged++
		return
	}
	if op.Type == history.Info {
		g.inflicted(op)
		return
	}
	delete(g.open, key)
	g.faults[i].To, g.faults[i].Note = op.Time, op.Error
	if g.active--; g.active == 0 {
		g.calm = op.Time
	}
}

// inflicted closes a kill's window: the node is down now. If it kept all in memory its topics are gone.
func (g *ledger) inflicted(op *history.Op) {
	kills := g.kills[op.Node]
	if op.F != "kill" || len(kills) == 0 {
		return
	}
	kill := &kills[len(kills)-1]
	kill.to = op.Time
	if !kill.permits {
		return
	}
	for k := range g.topics { // a set: the order does not matter
		if k[0] == op.Node {
			delete(g.topics, k)
		}
	}
}

// A window is when a node was killed, as exactly as the history knows.
type window struct {
	from, to time.Duration
	permits  bool // the loss of what was in memory
}

// killed says whether a node was, or may have been, killed from a to b.
func (g *ledger) killed(node string, a, b time.Duration) bool {
	return slices.ContainsFunc(g.kills[node], func(k window) bool { return k.from <= b && k.to >= a })
}

// free is since when the message at hand could have gone to a consumer: since one could take it, with no fault on. ok is false if
// that is not so now.
func (g *ledger) free(q *queueLife) (since time.Duration, ok bool) {
	if q == nil || q.takers == 0 || g.active > 0 {
		return 0, false
	}
	return max(q.since, g.calm), true
}

// disturbed says whether a fault was on at some time from a to b; b is not after now.
func (g *ledger) disturbed(a, b time.Duration) bool {
	return slices.ContainsFunc(g.faults, func(f Band) bool { return f.From <= b && (f.To < 0 || f.To >= a) })
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
