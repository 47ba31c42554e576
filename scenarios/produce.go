package scenarios

import (
	"fmt"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports/history"
)

const (
	maxUnanswered  = 1000 // publishes of one client without an answer; it waits then, and its latencies show it
	reconnectAfter = 200 * time.Millisecond
)

// A producer is one client of a produce line, connected to one broker.
type producer struct {
	run      *run
	line     *Producer
	index    uint32 // of all producers of the run, from 1
	name     string
	node     string
	conn     *client.Conn
	id       uint64 // of the connection
	ready    bool   // the connection stands, and the broker has answered
	next     uint64 // the number of the next message, from 1
	last     uint64
	interval time.Duration  // between messages of this client
	offset   time.Duration  // of its first, so that the clients of a line take turns
	waiting  []*publication // without an answer, the oldest first
	dialled  time.Duration  // when the connection was
	again    []*publication // to be sent once more
	dials    bool           // its connection is being made
	quits    bool           // it has given its connection up
	waking   bool           // an event is due for the next message
	watching bool           // an event is due to look at waiting
}

// A publication is what is sent at once: a message, or a batch of them.
type publication struct {
	bodies [][]byte
	ops    []history.Op // that invoke it, with the times of the first try
	sent   time.Duration
}

// produce starts the clients of a line.
func (r *run) produce(line *Producer) {
	for i := range line.clients() {
		p := &producer{
			run: r, line: line, index: uint32(len(r.producers) + 1), node: line.To[i%len(line.To)],
			name: fmt.Sprintf("%s.%d", line.Name, i+1), next: 1,
		}
		p.interval, p.offset, p.last = line.schedule(i)
		r.producers = append(r.producers, p)
		r.cluster.At(line.From, p.dial)
	}
}

// clients is how many a line has.
func (p *Producer) clients() int { return len(p.To) * p.Clients }

// schedule is how often one of a line's clients publishes, when it begins, and how many messages it is to publish.
func (p *Producer) schedule(client int) (interval, offset time.Duration, messages uint64) {
	interval = time.Duration(float64(time.Second) * float64(p.clients()) / p.Rate)
	offset = interval * time.Duration(client) / time.Duration(p.clients())
	return interval, offset, uint64((p.For - offset + interval - 1) / interval)
}

// messages is how many a line is to publish.
func (p *Producer) messages() (n int) {
	for i := range p.clients() {
		_, _, m := p.schedule(i)
		n += int(m)
	}
	return n
}

// due is when the schedule means a message to be sent.
func (p *producer) due(number uint64) time.Duration {
	return p.line.From + settling + p.offset + time.Duration(number-1)*p.interval
}

func (p *producer) dial() {
	if p.run.over {
		return
	}
	r := p.run
	r.conns++
	p.id, p.dialled, p.dials = r.conns, r.cluster.Now(), true
	err := r.cluster.Dial(p.line.Name, p.node, func(now time.Time, wake func()) wire.Endpoint {
		p.conn = client.New(now, client.Options{ClientID: p.name}, client.Handler{Connected: p.connected, Closed: p.closed}, wake)
		return p.conn
	})
	if err != nil {
		p.dials = false
		p.note(history.Connect, history.Fail, err)
		r.cluster.At(r.cluster.Now()+reconnectAfter, p.dial)
	}
}

// note records something about the connection.
func (p *producer) note(f string, t history.Type, err error) {
	op := history.Op{Process: p.name, F: f, Node: p.node, Conn: p.id}
	if err != nil {
		op.Error = err.Error()
	}
	p.run.record(op, t)
}

func (p *producer) connected(time.Time) {
	p.ready, p.dials = true, false
	p.note(history.Connect, history.OK, nil)
	p.send()
}

func (p *producer) closed(_ time.Time, err error) {
	if p.ready {
		p.note(history.Disconnect, history.Info, err)
	} else {
		p.note(history.Connect, history.Fail, err)
	}
	p.ready, p.quits, p.dials = false, false, false
	p.run.cluster.At(p.run.cluster.Now()+reconnectAfter, p.dial)
}

// send publishes all that is due and may be sent, what is sent once more first, and sees that it is called for the next.
func (p *producer) send() {
	for p.able() && len(p.again) > 0 {
		b := p.again[0]
		p.again = p.again[1:]
		p.publish(b)
	}
	now := p.run.cluster.Now()
	for p.able() && p.next <= p.last {
		if due := p.due(p.next); due > now {
			if !p.waking {
				p.waking = true
				p.run.cluster.At(due, func() { p.waking = false; p.send() })
			}
			return
		}
		p.publish(p.draft())
	}
}

// able says whether the producer may publish.
func (p *producer) able() bool {
	return p.ready && !p.quits && len(p.waiting) < maxUnanswered && !p.run.over
}

// draft makes the next message, or a batch that is due with the first of it.
func (p *producer) draft() *publication {
	b := &publication{}
	for len(b.bodies) < p.line.Batch && p.next <= p.last {
		b.bodies = append(b.bodies, makeBody(p.run.opts.Run, p.index, p.next, p.line.Size))
		b.ops = append(b.ops, history.Op{
			Process: p.name, F: history.Publish, Node: p.node, Topic: p.line.Topic,
			Msg: history.Msg(p.index, p.next), After: p.line.Defer, Due: p.due(p.next - uint64(len(b.ops))),
		})
		p.next++
	}
	p.run.progress.Published += len(b.ops)
	return b
}

// publish sends a message or a batch, for the first time or once more.
func (p *producer) publish(b *publication) {
	b.sent = p.run.cluster.Now()
	for _, op := range b.ops {
		p.run.record(op, history.Invoke)
	}
	p.waiting = append(p.waiting, b)
	done := func(_ time.Time, res client.Result) {
		p.waiting = slices.DeleteFunc(p.waiting, func(other *publication) bool { return other == b })
		for _, op := range b.ops {
			op.Due, op.After = 0, 0
			if res.Fate != client.Done {
				op.Error = res.Text
			}
			p.run.record(op, fates[res.Fate])
		}
		p.repeat(b, res)
		p.send()
	}
	switch {
	case p.line.Defer > 0:
		p.conn.PublishDeferred(p.line.Topic, p.line.Defer, b.bodies[0], done)
	case p.line.Batch > 1:
		p.conn.PublishMany(p.line.Topic, b.bodies, done)
	default:
		p.conn.Publish(p.line.Topic, b.bodies[0], done)
	}
	p.watch()
}

// fates are a client's results as a history has them.
var fates = [...]history.Type{client.Done: history.OK, client.Refused: history.Fail, client.Unknown: history.Info}

// giveUp records what could not be sent in time: it certainly was not published.
func (p *producer) giveUp() {
	for ; p.next <= p.last; p.next++ {
		op := history.Op{
			Process: p.name, F: history.Publish, Node: p.node, Topic: p.line.Topic,
			Msg: history.Msg(p.index, p.next), After: p.line.Defer, Due: p.due(p.next),
		}
		p.run.record(op, history.Invoke)
		op.Due, op.After, op.Error = 0, 0, "not sent before the load was over"
		p.run.record(op, history.Fail)
	}
}
