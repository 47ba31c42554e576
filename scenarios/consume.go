package scenarios

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports/history"
)

// A consumer has the broker prove what it finished after so many FINs, and so long after the first of them.
const (
	proveEvery = 50
	proveAfter = 200 * time.Millisecond
)

// A consumer is one client of a consume line, with a connection to each of its brokers, or to each that it has found.
type consumer struct {
	run   *run
	line  *Consumer
	name  string
	rng   *rand.Rand
	whims *rand.Rand // see whim
	links []*subscription
	away  int  // reasons for which it is: a crash, a fault
	dead  bool // by a fault
	quit  bool // has left in order, by a fault
	finds *finder
}

// A subscription is a consumer's connection to one broker, or its lack of one.
type subscription struct {
	*consumer
	node       string
	maxRequeue time.Duration // the longest deferral that the broker grants
	conn       *client.Conn  // nil while there is none
	id         uint64
	stands     bool
	subscribed bool
	unproved   int
	proving    bool // an event is due to have it proved
	works      []*work
	dialled    time.Duration // when the connection was
	free       bool          // its consumer leaves in order, and has been told that nothing more comes
	closing    bool
	said       bool // CLS was answered
}

// consume starts the clients of a line.
func (r *run) consume(line *Consumer) {
	for i := range line.Clients {
		c := &consumer{run: r, line: line, name: fmt.Sprintf("%s.%d", line.Name, i+1)}
		c.rng = r.rand(c.name)
		r.consumers = append(r.consumers, c)
		if line.Find != "" {
			c.finds = newFinder(c)
		} else {
			for _, node := range line.On {
				c.links = append(c.links, &subscription{consumer: c, node: node})
			}
		}
		r.cluster.At(line.From, c.start)
		if line.CrashEvery > 0 { // the clients of a line take turns
			r.cluster.At(line.From+line.CrashEvery*time.Duration(i+1)/time.Duration(line.Clients), c.crash)
		}
	}
}

// start begins to consume, at first or after a crash.
func (c *consumer) start() {
	if c.finds != nil {
		c.finds.look()
		return
	}
	for _, s := range c.links {
		s.dial()
	}
}

// crash drops all connections with what is in flight, and comes back later.
func (c *consumer) crash() {
	r := c.run
	if r.over {
		return
	}
	c.leave()
	now := r.cluster.Now()
	r.cluster.At(now+c.line.CrashFor, c.back)
	r.cluster.At(now+c.line.CrashEvery, c.crash)
}

// leave drops all connections with what is in flight, and makes none until the client is back.
func (c *consumer) leave() {
	c.away++
	for _, s := range c.links {
		if s.conn != nil {
			s.conn.Abort()
		}
	}
}

func (c *consumer) back() {
	c.away--
	c.start()
}

func (s *subscription) dial() {
	if s.conn != nil || s.away > 0 || s.closing {
		return
	}
	r := s.run
	r.conns++
	s.id, s.dialled = r.conns, r.cluster.Now()
	opts := client.Options{ClientID: s.name, MsgTimeout: s.line.MsgTimeout}
	err := r.cluster.Dial(s.line.Name, s.node, func(now time.Time, wake func()) wire.Endpoint {
		s.conn = client.New(now, opts, client.Handler{Connected: s.connected, Message: s.message, Closed: s.closed}, wake)
		return s.conn
	})
	if err != nil {
		s.note(history.Connect, history.Fail, err.Error())
		s.later()
	}
}

// later makes the connection anew in a while: if the broker is known, or found again.
func (s *subscription) later() {
	again := s.dial
	if s.finds != nil {
		again = s.finds.look
	}
	s.run.cluster.At(s.run.cluster.Now()+reconnectAfter, again)
}

// op is an operation on this connection.
func (s *subscription) op(f string) history.Op {
	return history.Op{Process: s.name, F: f, Node: s.node, Topic: s.line.Topic, Channel: s.line.Channel, Conn: s.id}
}

// note records something about the connection itself.
func (s *subscription) note(f string, t history.Type, why string) {
	s.run.record(history.Op{Process: s.name, F: f, Node: s.node, Conn: s.id, Error: why}, t)
}

func (s *subscription) connected(time.Time) {
	s.stands = true
	longest, err := s.run.running(s.node).MaxRequeue()
	if err != nil {
		panic(err) // the loader has checked its flags
	}
	s.maxRequeue = longest
	s.note(history.Connect, history.OK, "")
	conn := s.conn
	conn.Subscribe(s.line.Topic, s.line.Channel, func(_ time.Time, res client.Result) {
		op := s.op(history.Subscribe)
		op.After, op.Due = conn.MsgTimeout(), conn.MaxMsgTimeout()
		if op.Error = res.Text; res.Fate == client.Done {
			op.Error = ""
		}
		s.run.record(op, fates[res.Fate])
		if res.Fate != client.Done || s.closing {
			return
		}
		s.subscribed = true
		s.setReady()
	})
}

func (s *subscription) closed(_ time.Time, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	if s.stands {
		s.note(history.Disconnect, history.Info, why)
	} else {
		s.note(history.Connect, history.Fail, why)
	}
	s.conn, s.stands, s.subscribed, s.free, s.unproved, s.works = nil, false, false, false, 0, nil
	s.later()
}

// close has the broker prove all that was finished, and ends the subscription.
func (s *subscription) close() {
	s.closing = true
	if s.conn == nil || !s.stands {
		s.said = true
		return
	}
	s.conn.Close(func(time.Time, client.Result) { s.said = true })
}
