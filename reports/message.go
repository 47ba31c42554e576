package reports

import (
	"math"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A message is what is known of one that was published, or tried to be.
type message struct {
	id       uint64
	node     string
	topic    string
	invoked  time.Duration // first
	begun    time.Duration // when the try was invoked that was acknowledged, or before; else the last
	answered time.Duration
	fate     history.Type // of all tries together; Invoke: no answer yet
	tries    int          // to publish it
	open     int          // of them, without an answer yet
	failed   int          // that certainly did not arrive
	after    time.Duration
	due      time.Duration  // when it was meant to be sent
	waited   *topicLife     // where it was published
	owed     []*channelLife // that were there before it was published
	lives    []life
}

// A life is a message in a channel. What it says is of the delivery that the broker made last, as far as any was seen.
type life struct {
	queue     *queue
	attempt   uint16
	firsts    int    // deliveries with attempt 1: each copy has one in each life of its node
	conn      uint64 // that has or had it
	prompt    bool   // it came at once, so the broker's time for it began when its consumer got it
	vague     bool   // a TOUCH or a REQ may have been long on its way, so its time may end later than latest
	delivered time.Duration
	sentAfter time.Duration // the broker sent it then or later
	deadline  time.Duration // the earliest end of its timeout: by proved touches
	latest    time.Duration // the latest end of its timeout: by all touches
	finished  bool          // a FIN was proved, of this delivery or one before
	fins      int           // that were sent and not refused
	requeued  history.Type  // empty, Info sent, OK proved, Fail refused
	reqs      int           // of deliveries before, that may have met this one
	sent      time.Duration // when FIN or REQ was
	delay     time.Duration // that REQ asked for
	extended  time.Duration // when the last TOUCH or REQ was sent
}

// copies is how many there may be of it in each channel.
func (m *message) copies() int { return m.tries - m.failed }

func (m *message) life(q *queue) *life {
	for i := range m.lives {
		if m.lives[i].queue == q {
			return &m.lives[i]
		}
	}
	return nil
}

// unfinished says whether certainly nobody finished it.
func (l *life) unfinished() bool { return !l.finished && l.fins == 0 }

// returned says whether its consumer may have given it back.
func (l *life) returned() bool {
	return l.reqs > 0 || l.requeued == history.Info || l.requeued == history.OK
}

// postponed says whether its consumer asked for it to come again at sent + delay, and for nothing else.
func (l *life) postponed() bool { return l.returned() && l.reqs == 0 }

// overtaken says whether a delivery was sent before the last one that was seen, on another connection: the broker counts attempts,
// and one overtakes another by no more than the slack unless a link was held up.
func (g *ledger) overtaken(e event) bool {
	if g.outlived(e) {
		return true
	}
	held := e.conn == nil || !e.conn.settled || e.op.Time <= e.l.delivered+g.head.Slack
	if e.op.Attempt >= e.l.attempt || !held {
		return false
	}
	anew := e.conn != nil && e.conn.subscribed > e.l.delivered && g.ended(e.op.Node, e.l.sentAfter, e.op.Time)
	return !anew // a broker that ended may count anew
}

// outlived says whether a delivery comes from a life of the node that was over when the last one that was seen was sent: what was on its
// way arrives though its sender has ended.
func (g *ledger) outlived(e event) bool {
	holder := g.conns[e.l.conn]
	return e.conn != nil && holder != nil && slices.ContainsFunc(g.faults, func(h hardship) bool {
		return h.ends && h.node == e.op.Node && e.conn.stood < h.From && h.sure && h.on < holder.stood
	})
}

func (g *ledger) deliver(e event) {
	op := e.op
	if op.Type != history.OK && op.Type != history.Fail {
		g.counts.Unjudged++
		return
	}
	g.counts.Delivered++
	if e.conn != nil {
		e.conn.catchUp(g.now, g.head.Slack)
		e.conn.take(op)
		e.conn.recount(g.now)
	}
	if e.m == nil || op.Type != history.OK {
		return
	}
	l := e.l
	if l == nil {
		e.m.lives = append(e.m.lives, life{queue: e.q})
		l = &e.m.lives[len(e.m.lives)-1]
	} else {
		g.counts.Redelivered++
	}
	if !e.stale {
		g.hold(e, l)
	}
	if e.op.Attempt == 1 {
		l.firsts++
	}
	if e.conn != nil {
		g.confirm(e)
	}
}

// hold begins a life's last delivery.
func (g *ledger) hold(e event, l *life) {
	old := *l
	*l = life{queue: e.q, attempt: e.op.Attempt, delivered: e.op.Time, conn: e.op.Conn, fins: old.fins, reqs: old.reqs, firsts: old.firsts}
	l.sentAfter = e.m.invoked
	if c := e.conn; c != nil {
		l.prompt = c.settled
		l.deadline = e.op.Time + c.timeout
		l.latest = l.deadline
		l.sentAfter = max(l.sentAfter, c.stood)
	}
	if l.prompt {
		l.sentAfter = e.op.Time - g.head.Slack
	}
	l.finished = old.finished && !g.mayForget(noDuplicates, e, old.sentAfter)
	l.vague = !g.punctual(&old) // what is on its way still may meet this delivery
	if old.requeued == history.Info && !g.taken(&old) {
		l.reqs++
	}
}

// acknowledge takes in a FIN, a REQ or a TOUCH: sent, proved or refused.
func (g *ledger) acknowledge(e event) {
	op, l := e.op, e.l
	if op.F == history.Finish && op.Type == history.Info {
		g.counts.Finished++
	}
	if e.conn != nil && op.Type == history.Info && op.F != history.Touch {
		e.conn.give(op, g.now, g.head.Slack)
	}
	if e.conn != nil && op.Type == history.Info && op.F == history.Touch {
		e.conn.prolong(op)
	}
	if l == nil || e.conn == nil {
		return
	}
	exact := l.conn == op.Conn && l.attempt == op.Attempt // else of a delivery before
	if op.Type != history.Info && exact {
		sent := l.sent
		if op.F == history.Touch {
			sent = op.Due
		}
		g.answered(e.conn, sent)
	}
	switch op.F {
	case history.Finish:
		l.finish(op, exact)
	case history.Requeue:
		l.requeue(op, exact, e.conn)
	case history.Touch:
		if l.conn == op.Conn {
			l.touch(op, e.conn)
		}
	}
}

// finish takes in a FIN, of whichever delivery: the broker takes it if the connection has the message at that time.
func (l *life) finish(op *history.Op, exact bool) {
	switch op.Type {
	case history.Info:
		l.fins++
		if exact {
			l.sent = op.Time
		}
	case history.OK:
		l.finished = true
	case history.Fail:
		l.fins = max(l.fins-1, 0)
	}
}

func (l *life) requeue(op *history.Op, exact bool, c *connection) {
	switch {
	case op.Type == history.Info && exact:
		l.requeued, l.sent, l.delay, l.extended = history.Info, op.Time, op.After, op.Time
		l.vague = l.vague || !c.settled
	case op.Type == history.Info:
		l.reqs++
	case exact:
		l.requeued = op.Type
	case op.Type == history.Fail && l.requeued != history.Info: // else it may be about the other
		l.reqs = max(l.reqs-1, 0)
	}
}

func (l *life) touch(op *history.Op, c *connection) {
	limit := time.Duration(math.MaxInt64)
	if c.longest > 0 {
		limit = l.delivered + c.longest
	}
	switch {
	case op.Type == history.Info:
		l.latest = max(l.latest, min(op.Time+c.timeout, limit))
		l.deadline = min(l.deadline, limit) // which may be less than the timeout that it was delivered with
		l.extended = op.Time
		l.vague = l.vague || !c.settled
	case op.Type == history.OK && c.longest > 0:
		l.deadline = max(l.deadline, min(op.Due+c.timeout, limit))
	case op.Type == history.Fail: // it is not in flight any more, or this is about a TOUCH before
		l.prompt = false
	}
}

// punctual says whether all that the consumer said of a delivery got to the broker at once, if it got there.
func (g *ledger) punctual(l *life) bool {
	return !l.vague && (l.extended == 0 || !g.disturbed(l.extended, l.extended+g.head.Slack))
}

// taken says whether the broker took the REQ: it was proved, or nothing can have kept it from arriving in time.
func (g *ledger) taken(l *life) bool {
	if l.reqs > 0 || l.requeued == history.OK {
		return l.reqs == 0
	}
	holder := g.conns[l.conn]
	return l.requeued == history.Info && holder != nil && holder.closed == 0 && g.inTime(l) && !g.disturbed(l.sent, g.now)
}

// inTime says whether what the consumer said last of a delivery, and before, got to the broker before its timeout was over, if it got there: it cannot have met
// the next delivery.
func (g *ledger) inTime(l *life) bool {
	return l.reqs == 0 && l.prompt && !l.vague && l.sent+g.head.Slack+g.gained(l.queue.node, l.sentAfter, l.sent) < l.deadline
}
