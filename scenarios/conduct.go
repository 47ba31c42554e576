package scenarios

import (
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/reports/history"
)

// A conduct is a fault of clients that is on, and how often it has hit.
type conduct struct {
	chaos.Conduct
	line string
	hits int
}

// misconduct has the clients of a line behave as a fault says, until it is healed.
func (r *run) misconduct(f *Fault) (heal func() error) {
	c := &conduct{Conduct: f.Conduct, line: f.Target}
	r.conducts = append(r.conducts, c)
	r.turn(c)
	return func() error {
		r.conducts = removed(r.conducts, c)
		r.turn(c)
		if c.hits == 0 {
			return chaos.ErrHitNothing
		}
		return nil
	}
}

func removed(all []*conduct, c *conduct) (rest []*conduct) {
	for _, other := range all {
		if other != c {
			rest = append(rest, other)
		}
	}
	return rest
}

// turn has the clients of a line take up what begins or ends with a fault at once.
func (r *run) turn(c *conduct) {
	for _, client := range r.consumers {
		switch {
		case client.line.Name != c.line:
		case c.Dies:
			client.mourn()
		case c.Quits:
			client.depart()
		case c.HasReady:
			for _, s := range client.links {
				s.setReady()
			}
		}
	}
	for _, p := range r.producers {
		if p.line.Name == c.line && c.Repeats > 0 {
			p.watch()
		}
	}
}

// ways are the faults that are on for a line and change something.
func (r *run) ways(line string, about func(*conduct) bool) (all []*conduct) {
	for _, c := range r.conducts {
		if c.line == line && about(c) {
			all = append(all, c)
		}
	}
	return all
}

// A manner is how a client goes about one delivery.
type manner struct {
	lasts   time.Duration // from the delivery to its FIN
	touch   time.Duration // how often it touches the message meanwhile; 0: never
	dies    bool
	forget  bool
	again   int // how often it sends FIN once more
	requeue bool
	after   time.Duration // of the requeue
}

// manner draws how a delivery is gone about.
func (s *subscription) manner() manner {
	m := manner{lasts: s.line.Work, touch: s.line.Touch, after: s.line.RequeueAfter}
	for _, c := range s.run.ways(s.line.Name, func(c *conduct) bool { return !c.HasReady && !c.Quits }) {
		if c.Share > 0 && c.Share < 1 && s.whim().Float64() >= c.Share {
			continue
		}
		c.hits++
		m.lasts += c.Slower
		if c.Late > 0 {
			m.lasts, m.touch = max(m.lasts, s.conn.MsgTimeout()+c.Late), 0
		}
		m.dies = m.dies || c.Dies
		m.forget = m.forget || c.Forgets
		if c.Twice {
			m.again = 1
		}
		if c.Requeues {
			m.requeue, m.after = true, c.After
		}
	}
	return m
}

// mourn has a client die that holds a message, if its line dies, and come back if it does not any more.
func (c *consumer) mourn() {
	dying := c.run.ways(c.line.Name, func(c *conduct) bool { return c.Dies })
	switch {
	case len(dying) == 0 && c.dead:
		c.dead = false
		c.back()
	case len(dying) > 0 && c.holds():
		for _, d := range dying {
			d.hits++
		}
		c.die()
	}
}

func (c *consumer) holds() bool {
	for _, s := range c.links {
		if len(s.works) > 0 {
			return true
		}
	}
	return false
}

// die ends a client with all that it holds.
func (c *consumer) die() {
	if !c.dead {
		c.dead = true
		c.leave()
	}
}

// whim is the randomness of what a consumer does wrong.
func (c *consumer) whim() *rand.Rand {
	if c.whims == nil {
		c.whims = c.run.rand(c.name + " misbehaves")
	}
	return c.whims
}

// setReady tells the broker how many messages the connection may hold.
func (s *subscription) setReady() {
	if !s.subscribed || s.closing {
		return
	}
	n := s.line.InFlight
	for _, c := range s.run.ways(s.line.Name, func(c *conduct) bool { return c.HasReady }) {
		n = c.Ready
		c.hits++
	}
	s.conn.Ready(n)
	op := s.op(history.Ready)
	op.Count = int64(n)
	s.run.record(op, history.Info)
}

// watch closes the connection of a producer that repeats, once it has waited long enough for an answer, and else sees to it that it is
// looked at then.
func (p *producer) watch() {
	repeating := p.repeating()
	if len(repeating) == 0 || len(p.waiting) == 0 || !p.ready || p.quits || p.watching {
		return
	}
	now, due := p.run.cluster.Now(), p.waiting[0].sent+repeating[0].Repeats
	if due <= now {
		p.quits = true
		p.conn.Abort()
		return
	}
	p.watching = true
	p.run.cluster.At(due, func() { p.watching = false; p.watch() })
}

// repeating are the faults that have a producer repeat.
func (p *producer) repeating() []*conduct {
	return p.run.ways(p.line.Name, func(c *conduct) bool { return c.Repeats > 0 })
}

// repeat notes a publication without an answer to be sent again, if its producer does so.
func (p *producer) repeat(b *publication, res client.Result) {
	repeating := p.repeating()
	if res.Fate != client.Unknown || len(repeating) == 0 || p.run.over {
		return
	}
	for _, c := range repeating {
		c.hits++
	}
	p.again = append(p.again, b)
}
