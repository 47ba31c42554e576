package reports

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A connection is a client's; of a producer's no more is known than when it stood.
type connection struct {
	queue      *queue       // nil before SUB
	channel    *channelLife // that its SUB showed
	timeout    time.Duration
	longest    time.Duration // that touches can hold a message; 0: not known
	stood      time.Duration
	subscribed time.Duration
	closed     time.Duration // 0 while it stands
	// settled says that nothing on it is held up by a fault: something that was sent since the last one ended was answered at once,
	// and an answer comes behind all that was sent before.
	settled  bool
	ready    int64
	inFlight int64           // as the broker has it at the most: what was finished counts until the broker must have heard it
	held     map[handle]hold // deliveries that were neither finished nor requeued, nor are certainly over
	lapse    time.Duration   // none of them is over by its timeout before
	given    []time.Duration // when FINs and REQs were sent that count still
	able     bool            // inFlight is less than ready
	since    time.Duration   // when it became able, or settled
	rtt      time.Duration   // the longest time for an answer
	sampled  time.Duration   // when the last answers came
	sample   time.Duration   // how long the quickest of them took
}

// A topicLife is a topic on a node, from one start of the node to the next.
type topicLife struct {
	channels []*channelLife // that exist; replaced, never changed
}

// A channelLife is a channel in such a life.
type channelLife struct {
	queue *queue
	// doubtful says that the SUB that showed it may have been answered in a life of the node that is over.
	doubtful bool
}

// A queue is a channel on a node as its consumers see it, over all the node's lives.
type queue struct {
	node, topic, channel string
	ephemeral            bool          // it may drop messages, by its name or its topic's
	consumers            []*connection // that stand
	timeout              time.Duration // the longest of theirs
	shortest             time.Duration // of their timeouts
	closed               time.Duration // when one of their connections ended last; 0: none has
	asked                time.Duration // when it held messages still as the drain was given up
	idle                 bool          // a consumer could have taken one then
	since                time.Duration // since when it could
}

const ephemeral = "#ephemeral"

func (g *ledger) queue(op *history.Op) *queue {
	key := [3]string{op.Node, op.Topic, op.Channel}
	q := g.queues[key]
	if q == nil {
		q = &queue{
			node: op.Node, topic: op.Topic, channel: op.Channel,
			ephemeral: strings.HasSuffix(op.Topic, ephemeral) || strings.HasSuffix(op.Channel, ephemeral),
		}
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

func (g *ledger) subscribe(op *history.Op) {
	if op.Type != history.OK {
		return
	}
	c := g.conns[op.Conn]
	if c == nil || c.queue != nil {
		c = &connection{}
		g.conns[op.Conn] = c
	}
	c.queue = g.queue(op)
	c.queue.consumers = append(c.queue.consumers, c)
	if c.queue.timeout == 0 || op.After < c.queue.shortest {
		c.queue.shortest = op.After
	}
	c.queue.timeout = max(c.queue.timeout, op.After)
	c.timeout, c.longest, c.subscribed = op.After, op.Due, op.Time
	g.show(g.topic(op.Node, op.Topic), c)
	g.answered(c, c.stood) // SUB was sent when it stood
}

// show notes that the topic has the channel that a connection subscribed to.
func (g *ledger) show(t *topicLife, c *connection) {
	i := slices.IndexFunc(t.channels, func(l *channelLife) bool { return l.queue == c.queue })
	if i >= 0 && !t.channels[i].doubtful {
		c.channel = t.channels[i]
		return
	}
	all := slices.Clone(t.channels)
	if i >= 0 {
		all = slices.Delete(all, i, i+1)
	}
	c.channel = &channelLife{queue: c.queue, doubtful: g.ended(c.queue.node, c.stood, g.now)}
	t.channels = append(all, c.channel)
}

// confirm takes the doubt from a channel: a message that was published after the node's last start came from its present life.
func (g *ledger) confirm(e event) {
	if c := e.conn.channel; c.doubtful && !g.ended(e.op.Node, e.m.invoked, e.op.Time) {
		c.doubtful = false
	}
}

// answered takes in that a command which was sent at some time has its answer. If it came at once the connection is settled. Of
// answers that come together the last was asked for, and tells how long one takes.
func (g *ledger) answered(c *connection, sent time.Duration) {
	took := g.now - sent
	if c.sampled != g.now {
		c.rtt = max(c.rtt, c.sample)
		c.sampled, c.sample = g.now, took
	}
	c.sample = min(c.sample, took)
	if !c.settled && g.active == 0 && (!g.upset || (sent > g.calm && took <= g.head.Slack)) {
		c.settled, c.since = true, g.now
	}
}

// unsettle notes that a fault may hold up what is on its way.
func (g *ledger) unsettle() {
	g.upset = true
	for node, at := range g.partings { // each for itself: the order does not matter
		if at+g.head.Slack >= g.now {
			g.ghosts[node] = g.now
		}
	}
	for _, c := range g.conns { // a set: the order does not matter
		c.settled = false
		for h, k := range c.held { // so is this
			k.until = never
			c.held[h] = k
		}
	}
}

// close ends a connection. If a fault may keep its broker from learning that, the broker sends messages to nobody for a while.
func (g *ledger) close(c *connection, node string) {
	c.closed = max(g.now, 1)
	g.partings[node] = g.now
	if (!c.settled || g.active > 0) && !g.survived(node, c.stood) {
		g.ghosts[node] = g.now
	}
	if c.queue != nil {
		c.queue.closed = c.closed
		c.queue.consumers = slices.DeleteFunc(c.queue.consumers, func(other *connection) bool { return other == c })
	}
}

// A handle is a delivery on a connection; those of a message that came as two copies may have the same.
type handle struct {
	msg     uint64
	attempt uint16
}

// A hold is what a connection has of such deliveries.
type hold struct {
	count int
	until time.Duration // when the broker has taken them back at the latest, by their timeouts
}

// never is when nothing is over that a fault may have held up.
const never = time.Duration(math.MaxInt64)

// take notes a delivery.
func (c *connection) take(op *history.Op) {
	c.inFlight++
	if c.held == nil {
		c.held = map[handle]hold{}
	}
	h := handle{op.Msg, op.Attempt}
	c.held[h] = hold{c.held[h].count + 1, c.expiry(op.Time)}
}

// expiry is when the timeout is over at the latest of what a connection had, or touched, at some time.
func (c *connection) expiry(from time.Duration) time.Duration {
	if !c.settled || c.timeout == 0 {
		return never
	}
	if len(c.held) == 0 || from+c.timeout < c.lapse {
		c.lapse = from + c.timeout
	}
	return from + c.timeout
}

// prolong notes that a TOUCH was sent.
func (c *connection) prolong(op *history.Op) {
	h := handle{op.Msg, op.Attempt}
	if k, ok := c.held[h]; ok && k.until != never {
		k.until = c.expiry(op.Time)
		c.held[h] = k
	}
}

// give notes that a FIN or a REQ was sent. A second one for the same delivery gives nothing back.
func (c *connection) give(op *history.Op, now, slack time.Duration) {
	h := handle{op.Msg, op.Attempt}
	k := c.held[h]
	switch k.count {
	case 0:
		return
	case 1:
		delete(c.held, h)
	default:
		k.count--
		c.held[h] = k
	}
	c.given = append(c.given, now)
	c.catchUp(now, slack)
}

// catchUp lets go what the broker must have heard by now, and what came for it been seen.
func (c *connection) catchUp(now, slack time.Duration) {
	lag := min(slack, 2*max(c.rtt, c.sample)+precision)
	for len(c.given) > 0 && c.given[0]+lag <= now {
		c.inFlight--
		c.recount(c.given[0] + lag)
		c.given = c.given[1:]
	}
	if c.lapse <= now+slack {
		c.expire(now + slack)
	}
}

// expire lets go what timeouts have ended by a time.
func (c *connection) expire(now time.Duration) {
	var over []time.Duration
	c.lapse = never
	for h, k := range c.held { // what is over is sorted
		if k.until > now {
			c.lapse = min(c.lapse, k.until)
			continue
		}
		delete(c.held, h)
		for range k.count {
			over = append(over, k.until)
		}
	}
	slices.Sort(over)
	for _, at := range over {
		c.inFlight--
		c.recount(at)
	}
}

// recount looks whether the connection can take a message.
func (c *connection) recount(now time.Duration) {
	able := c.inFlight < c.ready
	if able && !c.able {
		c.since = now
	}
	c.able = able
}

// free is since when a message of a queue can go to a consumer, at one stretch. It is not ok if none can take one, or if the channel or its topic may be
// paused.
func (g *ledger) free(q *queue) (since time.Duration, ok bool) {
	lifted, flows := g.flows(q)
	if !flows {
		return 0, false
	}
	for _, c := range q.consumers {
		c.catchUp(g.now, g.head.Slack)
		if c.settled && c.able && (!ok || c.since < since) {
			since, ok = c.since, true
		}
	}
	return max(since, lifted), ok
}

// late says how long after its time a delivery came, while it could have gone to a consumer. It is not ok if nobody could take
// it, or if it may have been long on its way.
func (g *ledger) late(e event, due time.Duration) (late time.Duration, ok bool) {
	if e.conn == nil || !e.conn.settled {
		return 0, false
	}
	since, ok := g.free(e.q)
	return e.op.Time - max(due, since), ok
}

// owing says how long a message was still owed after its time when the drain was given up, though it could have gone to a consumer. A
// delivery that nobody saw may have put it off by one timeout.
func (g *ledger) owing(q *queue, due time.Duration) (late time.Duration, ok bool) {
	if q.asked == 0 || !q.idle || q.ephemeral {
		return 0, false
	}
	late = q.asked - max(due, q.since) - q.timeout
	return late, late > 0
}
