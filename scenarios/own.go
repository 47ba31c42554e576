package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports/history"
)

// An Own makes one end of a connection to a broker for a client that is under test, which stands in a consume line's place: it is asked for one
// for each connection to each broker of the line, at first and again a while after one has ended. What its ends receive and send is
// watched, so it is judged as any other consumer. It has to subscribe and to finish by itself, and must not ask for TLS or compression. A nil one
// is a client that is no endpoint and comes by itself to the address of a real cluster, where nobody sees what it gets: not to be judged.
type Own func(now time.Time, wake func()) wire.Endpoint

// An ownClient is one of those, with its connection to one broker.
type ownClient struct {
	run  *run
	line *Consumer
	name string
	node string
	open Own
}

// own starts the clients of a line that are somebody's own.
func (r *run) own(line *Consumer, open Own) {
	if open == nil {
		return
	}
	for i := range line.Clients {
		for _, node := range line.On {
			c := &ownClient{run: r, line: line, name: fmt.Sprintf("%s.%d", line.Name, i+1), node: node, open: open}
			r.cluster.At(line.From, c.dial)
		}
	}
}

// checkOwn says which of the clients under test has no line to stand in for.
func (s *Scenario) checkOwn(own map[string]Own) error {
	known := 0
	for _, line := range s.Consumers {
		if _, ok := own[line.Name]; !ok {
			continue
		}
		known++
		if line.Find != "" {
			return fmt.Errorf("scenarios: %s finds its brokers, which a client of your own cannot; want a line with on", line.Name)
		}
	}
	if known < len(own) {
		return errors.New("scenarios: there is a client of your own for a consume line that the scenario does not have")
	}
	return nil
}

func (c *ownClient) dial() {
	r := c.run
	if r.leaving {
		return
	}
	r.conns++
	t := &tap{client: c, id: r.conns, held: map[wire.ID]history.Op{}}
	err := r.cluster.Dial(c.line.Name, c.node, func(now time.Time, wake func()) wire.Endpoint {
		t.Endpoint = c.open(now, wake)
		return t
	})
	if err != nil {
		c.note(t.id, history.Connect, history.Fail, err.Error())
		r.cluster.At(r.cluster.Now()+reconnectAfter, c.dial)
	}
}

func (c *ownClient) note(id uint64, f string, t history.Type, why string) {
	c.run.record(history.Op{Process: c.name, F: f, Node: c.node, Conn: id, Error: why}, t)
}

// A tap is a client's end of a connection, and writes down what passes.
type tap struct {
	wire.Endpoint
	client     *ownClient
	id         uint64
	stands     bool
	in, out    []byte           // that passed and are not read yet
	greeted    bool             // the magic has passed
	asked      []string         // commands whose answers have not come
	granted    [2]time.Duration // the message timeout, and how long touches can hold a message
	ready      uint64           // the last RDY
	subscribed bool
	settled    []wire.ID // of held, those that were finished or requeued, the oldest first
	held       map[wire.ID]history.Op
}

// maxOwnFrame bounds a frame that a client under test is sent, in bytes.
const maxOwnFrame = 64 << 20

// Receive implements wire.Endpoint.
func (t *tap) Receive(now time.Time, p []byte) (int, error) {
	if !t.stands {
		t.stands = true
		t.client.note(t.id, history.Connect, history.OK, "")
	}
	consumed, err := t.Endpoint.Receive(now, p)
	t.in = append(t.in, p[:consumed]...)
	read := 0
	for {
		f, n, broken := wire.ParseFrame(t.in[read:], maxOwnFrame)
		if n == 0 {
			t.in = append(t.in[:0], t.in[read:]...)
			return consumed, errors.Join(err, broken)
		}
		read += n
		t.frame(f)
	}
}

// frame takes down what the broker said.
func (t *tap) frame(f wire.Frame) {
	switch {
	case f.Type == wire.FrameMessage:
		t.message(f.Data)
	case f.Type == wire.FrameError:
		t.refused(string(f.Data))
	case string(f.Data) == wire.Heartbeat || len(t.asked) == 0:
	default:
		command := t.asked[0]
		t.asked = t.asked[1:]
		switch command {
		case "IDENTIFY":
			t.identified(f.Data)
		case "SUB":
			op := t.op(history.Subscribe)
			op.After, op.Due = t.granted[0], t.granted[1]
			t.client.run.record(op, history.OK)
			t.subscribed = true
			if t.ready > 0 {
				t.tellReady()
			}
		}
	}
}

// identified reads how long a message may be held; nothing if the client did not ask for an answer that says so.
func (t *tap) identified(answer []byte) {
	var said struct {
		MsgTimeout    int64 `json:"msg_timeout"`
		MaxMsgTimeout int64 `json:"max_msg_timeout"`
	}
	if json.Unmarshal(answer, &said) == nil {
		t.granted = [2]time.Duration{time.Duration(said.MsgTimeout) * time.Millisecond, time.Duration(said.MaxMsgTimeout) * time.Millisecond}
	}
}

// message takes down a delivery.
func (t *tap) message(data []byte) {
	r := t.client.run
	m, err := wire.ParseMessage(data)
	op := t.op(history.Deliver)
	op.Attempt = m.Attempts
	if err == nil {
		op.Msg, err = readBody(r.opts.Run, m.Body)
	}
	if err != nil {
		op.Error = err.Error()
		r.record(op, history.Fail)
	} else {
		r.record(op, history.OK)
	}
	r.progress.Delivered++
	t.held[m.ID] = op
}

// refused takes down what the broker would not do: of a FIN, a REQ or a TOUCH that it was too late.
func (t *tap) refused(text string) {
	for f, code := range map[string]string{history.Finish: "E_FIN_FAILED FIN ", history.Requeue: "E_REQ_FAILED REQ ", history.Touch: "E_TOUCH_FAILED TOUCH "} { // one at the most
		if rest, ok := strings.CutPrefix(text, code); ok && len(rest) >= len(wire.ID{}) {
			op := t.about(f, wire.ID([]byte(rest[:len(wire.ID{})])))
			op.Error = text
			t.client.run.record(op, history.Fail)
			return
		}
	}
}

// Transmit implements wire.Endpoint.
func (t *tap) Transmit(spare []byte) []byte {
	p := t.Endpoint.Transmit(spare)
	t.out = append(t.out, p...)
	if !t.greeted && len(t.out) >= len(wire.Magic) {
		t.greeted = true
		t.out = t.out[len(wire.Magic):]
	}
	for t.greeted {
		n := t.command(t.out)
		if n == 0 {
			break
		}
		t.out = append(t.out[:0], t.out[n:]...)
	}
	return p
}

// command takes down the command at the front of p, and gives its length; 0 if it is not all there.
func (t *tap) command(p []byte) int {
	c, n, err := wire.ParseLine(p)
	if n == 0 || err != nil {
		return 0
	}
	name := string(c.Name)
	switch name {
	case "IDENTIFY", "AUTH", "PUB", "MPUB", "DPUB":
		size, ok := wire.ParseSize(p[n:])
		if n += 4 + int(size); !ok || size < 0 || len(p) < n {
			return 0
		}
		t.asked = append(t.asked, name)
	case "SUB", "CLS":
		t.asked = append(t.asked, name)
	case "RDY":
		t.ready, _ = wire.ParseNumber(c.Args[0])
		if t.subscribed {
			t.tellReady()
		}
	case "FIN", "REQ", "TOUCH":
		t.acknowledge(name, c)
	}
	return n
}

// tellReady takes down an RDY. One that was sent behind SUB without waiting counts from the answer.
func (t *tap) tellReady() {
	op := t.op(history.Ready)
	op.Count = int64(t.ready)
	t.client.run.record(op, history.Info)
}

// acknowledge takes down a FIN, a REQ or a TOUCH.
func (t *tap) acknowledge(name string, c wire.Command) {
	if len(c.Args[0]) != len(wire.ID{}) {
		return
	}
	op := t.about(map[string]string{"FIN": history.Finish, "REQ": history.Requeue, "TOUCH": history.Touch}[name], wire.ID(c.Args[0]))
	switch name {
	case "REQ":
		delay, _ := wire.ParseNumber(c.Args[1])
		op.After = time.Duration(delay) * time.Millisecond
	case "TOUCH":
		op.Due = t.client.run.cluster.Now()
	}
	t.client.run.record(op, history.Info)
	if name != "TOUCH" {
		t.release(wire.ID(c.Args[0]))
	}
}

// maxSettled bounds how many deliveries a tap knows yet that were finished or requeued: the broker may refuse that.
const maxSettled = 10_000

// release notes that a delivery is finished or requeued, and forgets the oldest of too many.
func (t *tap) release(id wire.ID) {
	t.settled = append(t.settled, id)
	if len(t.settled) > maxSettled {
		delete(t.held, t.settled[0])
		t.settled = t.settled[1:]
	}
}

func (t *tap) op(f string) history.Op {
	line := t.client.line
	return history.Op{Process: t.client.name, F: f, Node: t.client.node, Topic: line.Topic, Channel: line.Channel, Conn: t.id}
}

// about is an operation on a message that was delivered.
func (t *tap) about(f string, id wire.ID) history.Op {
	op := t.op(f)
	op.Msg, op.Attempt = t.held[id].Msg, t.held[id].Attempt
	return op
}

// Disconnect implements wire.Endpoint.
func (t *tap) Disconnect(now time.Time) {
	if t.stands {
		t.client.note(t.id, history.Disconnect, history.Info, "")
	} else {
		t.client.note(t.id, history.Connect, history.Fail, "it did not come to be")
	}
	t.Endpoint.Disconnect(now)
	r := t.client.run
	r.cluster.At(r.cluster.Now()+reconnectAfter, t.client.dial)
}
