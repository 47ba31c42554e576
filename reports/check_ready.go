package reports

import (
	"fmt"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// NoOverrun: a broker has no more messages in flight to a consumer than its RDY. A consumer holds what it was given and has neither finished nor requeued,
// as long as that cannot have timed out, and no FIN or REQ of the same message, that was sent before, can have met it; the broker counts all of it, and perhaps more. By which RDY it has sent a message is not known if one was on its way then: any that may
// have been suffices.
var NoOverrun = Checker{
	Name:    "no-overrun",
	Promise: "A consumer is never sent more messages than its RDY lets it hold.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &overruns{check: &check{}, ledger: g, rooms: map[uint64]*room{}}
		c.observe = c.see
		c.finish = func() {
			c.Summary = fmt.Sprintf("%d deliveries, the consumer with most held %d, %d were too many", c.Events, c.most, c.Count)
		}
		return c.check
	},
}

// overruns are what no-overrun finds.
type overruns struct {
	*check
	*ledger
	rooms map[uint64]*room // by connection
	most  int
}

// A room is what a connection may hold, and what it holds.
type room struct {
	readies []ready // that were said, the last one at the end, and none that is certainly over
	most    int64   // of all that were said since it stood
	holds   []stay
	said    map[uint64]time.Duration // when a FIN or a REQ of a message was sent last
}

// A ready is an RDY that was said.
type ready struct {
	count int64
	at    time.Duration
}

// A stay is a delivery that the consumer has neither finished nor requeued.
type stay struct {
	msg   uint64
	began time.Duration // the broker sent it then or later
	until time.Duration // when it may be over, by a clock that is right
}

// see takes in what a consumer says and gets.
func (c *overruns) see(e event) {
	op := e.op
	switch {
	case op.F == history.Disconnect:
		delete(c.rooms, op.Conn)
	case op.F == history.Ready: // perhaps before SUB is answered
		r := c.room(op.Conn)
		r.readies = append(r.readies, ready{op.Count, op.Time})
		r.most = max(r.most, op.Count)
	case e.conn == nil:
	case op.F == history.Deliver && op.Type == history.OK && op.Msg != 0:
		c.deliver(e, c.room(op.Conn))
	case (op.F == history.Finish || op.F == history.Requeue) && op.Type == history.Info:
		r := c.room(op.Conn)
		r.said[op.Msg] = op.Time
		r.holds = slices.DeleteFunc(r.holds, func(s stay) bool { return s.msg == op.Msg })
	}
}

func (c *overruns) room(conn uint64) *room {
	r := c.rooms[conn]
	if r == nil {
		r = &room{said: map[uint64]time.Duration{}}
		c.rooms[conn] = r
	}
	return r
}

// deliver judges a delivery.
func (c *overruns) deliver(e event, r *room) {
	op := e.op
	r.holds = slices.DeleteFunc(r.holds, func(s stay) bool { return op.Time+c.gained(op.Node, s.began, op.Time) >= s.until })
	c.Events++
	s := stay{msg: op.Msg, began: e.conn.stood}
	if e.conn.settled {
		s.began = max(s.began, op.Time-c.head.Slack)
	}
	s.until = s.began + e.conn.timeout
	if e.conn.longest > 0 { // a TOUCH may cut it to that
		s.until = s.began + min(e.conn.timeout, e.conn.longest)
	}
	held := len(r.holds) + 1
	c.most = max(c.most, held)
	if said, ok := r.said[op.Msg]; !ok || e.conn.settled && said+c.head.Slack < s.began {
		r.holds = append(r.holds, s)
	}
	if limit := r.limit(e.conn.settled, op.Time-2*c.head.Slack); int64(held) > limit {
		c.find(Invalid, op.Time, op.Msg, "delivered in %s/%s to %s, which then held %s, with an RDY of %d", op.Topic, op.Channel, op.Process, plural(held, "message"), limit)
	}
}

// limit is the most that the broker may have been told that the connection takes, if what was said before a time has come there. On a
// connection that is not settled anything may be on its way.
func (r *room) limit(settled bool, arrived time.Duration) (most int64) {
	if !settled {
		return r.most
	}
	for len(r.readies) > 1 && r.readies[1].at < arrived {
		r.readies = r.readies[1:]
	}
	for _, said := range r.readies {
		most = max(most, said.count)
	}
	return most
}
