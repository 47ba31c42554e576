package scenarios

import (
	"fmt"
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
	interval time.Duration // between messages of this client
	offset   time.Duration // of its first, so that the clients of a line take turns
	open     int           // publishes without an answer
	waking   bool          // an event is due for the next message
}

// produce starts the clients of a line.
func (r *run) produce(line *Producer) {
	clients := len(line.To) * line.Clients
	share := time.Duration(float64(time.Second) * float64(clients) / line.Rate)
	for i := range clients {
		p := &producer{
			run: r, line: line, index: uint32(len(r.producers) + 1), node: line.To[i%len(line.To)],
			name: fmt.Sprintf("%s.%d", line.Name, i+1), next: 1,
			interval: share, offset: share * time.Duration(i) / time.Duration(clients),
		}
		p.last = uint64((line.For - p.offset + share - 1) / share)
		r.producers = append(r.producers, p)
		r.cluster.At(line.From, p.dial)
	}
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
	p.id = r.conns
	err := r.cluster.Dial(p.line.Name, p.node, func(now time.Time, wake func()) wire.Endpoint {
		p.conn = client.New(now, client.Options{ClientID: p.name}, client.Handler{Connected: p.connected, Closed: p.closed}, wake)
		return p.conn
	})
	if err != nil {
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
	p.ready = true
	p.note(history.Connect, history.OK, nil)
	p.send()
}

func (p *producer) closed(_ time.Time, err error) {
	if p.ready {
		p.note(history.Disconnect, history.Info, err)
	} else {
		p.note(history.Connect, history.Fail, err)
	}
	p.ready = false
	p.run.cluster.At(p.run.cluster.Now()+reconnectAfter, p.dial)
}

// send publishes all that is due and may be sent, and sees that it is called for the next.
func (p *producer) send() {
	now := p.run.cluster.Now()
	for p.ready && p.next <= p.last && p.open < maxUnanswered && !p.run.over {
		if due := p.due(p.next); due > now {
			if !p.waking {
				p.waking = true
				p.run.cluster.At(due, func() { p.waking = false; p.send() })
			}
			return
		}
		p.publish()
	}
}

// publish sends the next message, or a batch that is due with the first of it.
func (p *producer) publish() {
	var bodies [][]byte
	var ops []history.Op
	for len(bodies) < p.line.Batch && p.next <= p.last {
		bodies = append(bodies, makeBody(p.run.opts.Run, p.index, p.next, p.line.Size))
		op := history.Op{
			Process: p.name, F: history.Publish, Node: p.node, Topic: p.line.Topic,
			Msg: history.Msg(p.index, p.next), After: p.line.Defer, Due: p.due(p.next - uint64(len(ops))),
		}
		p.run.record(op, history.Invoke)
		ops = append(ops, op)
		p.next++
	}
	p.open++
	p.run.progress.Published += len(ops)
	done := func(_ time.Time, res client.Result) {
		p.open--
		for _, op := range ops {
			op.Due, op.After = 0, 0
			if res.Fate != client.Done {
				op.Error = res.Text
			}
			p.run.record(op, fates[res.Fate])
		}
		p.send()
	}
	switch {
	case p.line.Defer > 0:
		p.conn.PublishDeferred(p.line.Topic, p.line.Defer, bodies[0], done)
	case p.line.Batch > 1:
		p.conn.PublishMany(p.line.Topic, bodies, done)
	default:
		p.conn.Publish(p.line.Topic, bodies[0], done)
	}
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
