// Package client is the other end of the wire: an Endpoint that publishes and consumes.
//
// A [Conn] knows of each command how far it got: answered, proved by a later answer, refused, never sent, or unknown
// because the connection ended. It keeps no schedule, opens no socket and never tries again; its owner does.
//
//	c := client.New(now, client.Options{ClientID: "billing-1"}, client.Handler{Message: got}, wake)
//	c.Subscribe("orders", "billing", nil)
//	c.Ready(10)
//	c.Publish("orders", body, func(now time.Time, r client.Result) { … })
//
// The law: Conn.mu guards what waits to be sent and to be answered; handlers and done functions are called without it, from
// within Receive and Disconnect, and may call any method. Once the connection is gone a command is refused within its own method.
package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// Options are what a client says of itself and asks for. Zero values leave the choice to the broker.
type Options struct {
	ClientID  string
	UserAgent string
	// HeartbeatInterval is how often the broker sends a heartbeat; a broker from which nothing comes for two of them is given up. 0 is 30 s.
	HeartbeatInterval time.Duration
	MsgTimeout        time.Duration
	// MaxFrame is the largest frame taken from the broker, in bytes; 0 is 16 MiB.
	MaxFrame int
}

const (
	defaultHeartbeat = 30 * time.Second
	defaultMaxFrame  = 16 << 20
)

// A Handler is told what comes by itself. Any of them may be nil.
type Handler struct {
	Connected func(now time.Time)                 // the broker has answered IDENTIFY
	Message   func(now time.Time, m wire.Message) // its Body must not be kept
	// Closed says that the connection is gone; err says why, nil if the broker just closed. What is open then gets its fate right after.
	Closed func(now time.Time, err error)
}

// A Conn is the client's end of a connection: a wire.Endpoint.
type Conn struct {
	opts    Options
	handler Handler
	wake    func()

	mu       sync.Mutex
	out      []byte
	written  uint64 // bytes ever appended to out
	taken    uint64 // of them, bytes that Transmit gave away
	open     queue
	within   bool // a call of the driver is on, which asks for output afterwards
	deadline time.Time
	failure  error
	aborted  bool
	gone     bool
	ended    time.Time     // when it was gone
	timeout  time.Duration // of messages, as the broker granted it
	longest  time.Duration // that touches can hold one

	settled []entry // of the driver: those that are being told
}

// New begins a connection: the magic and IDENTIFY wait to be sent.
func New(now time.Time, opts Options, h Handler, wake func()) *Conn {
	if opts.HeartbeatInterval == 0 {
		opts.HeartbeatInterval = defaultHeartbeat
	}
	if opts.MaxFrame == 0 {
		opts.MaxFrame = defaultMaxFrame
	}
	c := &Conn{opts: opts, handler: h, wake: wake, within: true}
	c.out = append(c.out, wire.Magic...)
	body, err := json.Marshal(map[string]any{
		"client_id": opts.ClientID, "hostname": opts.ClientID, "user_agent": opts.UserAgent, "feature_negotiation": true,
		"heartbeat_interval": opts.HeartbeatInterval.Milliseconds(), "msg_timeout": opts.MsgTimeout.Milliseconds(),
	})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	c.command("IDENTIFY", entry{done: func(now time.Time, r Result) {
		if r.Fate == Done {
			c.connected(now, r.Text)
		}
	}}, func(p []byte) []byte { return wire.AppendBody(p, body) })
	c.within = false
	c.deadline = now.Add(2 * opts.HeartbeatInterval)
	return c
}

// connected takes the broker's answer to IDENTIFY.
func (c *Conn) connected(now time.Time, answer string) {
	var granted struct {
		MsgTimeout    int64 `json:"msg_timeout"`
		MaxMsgTimeout int64 `json:"max_msg_timeout"`
	}
	if json.Unmarshal([]byte(answer), &granted) == nil { // a broker that negotiates nothing answers OK
		c.mu.Lock()
		c.timeout = time.Duration(granted.MsgTimeout) * time.Millisecond
		c.longest = time.Duration(granted.MaxMsgTimeout) * time.Millisecond
		c.mu.Unlock()
	}
	if c.handler.Connected != nil {
		c.handler.Connected(now)
	}
}

// MsgTimeout is how long the client has for a message, as the broker granted it; 0 if it did not say, or not yet.
func (c *Conn) MsgTimeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timeout
}

// MaxMsgTimeout is how long touches can hold a message, from its delivery; 0 if the broker did not say, or not yet.
func (c *Conn) MaxMsgTimeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.longest
}

// command appends a command and notes that its fate is open.
func (c *Conn) command(name string, e entry, body func([]byte) []byte, params ...string) {
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		if e.done != nil {
			e.done(c.ended, neverSent)
		}
		return
	}
	e.name = name
	e.begin = c.written
	before := len(c.out)
	c.out = wire.AppendCommand(c.out, name, params...)
	if body != nil {
		c.out = body(c.out)
	}
	c.written += uint64(len(c.out) - before)
	if e.done != nil || !e.silent {
		c.open.push(e)
	}
	wake := !c.within
	c.mu.Unlock()
	if wake {
		c.wake()
	}
}

// Publish sends a PUB.
func (c *Conn) Publish(topic string, body []byte, done func(time.Time, Result)) {
	c.command("PUB", entry{done: done}, func(p []byte) []byte { return wire.AppendBody(p, body) }, topic)
}

// PublishDeferred sends a DPUB; delay is cut to whole milliseconds.
func (c *Conn) PublishDeferred(topic string, delay time.Duration, body []byte, done func(time.Time, Result)) {
	c.command("DPUB", entry{done: done}, func(p []byte) []byte { return wire.AppendBody(p, body) }, topic, millis(delay))
}

// PublishMany sends an MPUB.
func (c *Conn) PublishMany(topic string, bodies [][]byte, done func(time.Time, Result)) {
	c.command("MPUB", entry{done: done}, func(p []byte) []byte { return wire.AppendBodies(p, bodies) }, topic)
}

// Subscribe sends a SUB.
func (c *Conn) Subscribe(topic, channel string, done func(time.Time, Result)) {
	c.command("SUB", entry{done: done}, nil, topic, channel)
}

// Ready sends an RDY: up to n messages may be in flight.
func (c *Conn) Ready(n int) { c.command("RDY", entry{silent: true}, nil, fmt.Sprint(n)) }

// Finish sends a FIN. It is Done only when a later answer proves it.
func (c *Conn) Finish(id wire.ID, done func(time.Time, Result)) {
	c.command("FIN", entry{silent: true, id: id, done: done}, nil, id.String())
}

// Requeue sends a REQ; delay is cut to whole milliseconds.
func (c *Conn) Requeue(id wire.ID, delay time.Duration, done func(time.Time, Result)) {
	c.command("REQ", entry{silent: true, id: id, done: done}, nil, id.String(), millis(delay))
}

// Touch sends a TOUCH.
func (c *Conn) Touch(id wire.ID, done func(time.Time, Result)) {
	c.command("TOUCH", entry{silent: true, id: id, done: done}, nil, id.String())
}

// nobody is an id that no message has: node 0, offset 0 of a log that began in 1970.
var nobody = wire.ID([]byte("0000000000000000"))

// Prove has the broker answer, without an effect, so that every command before is proved: it touches a message that is not there.
// That takes a subscription: without one the broker closes.
func (c *Conn) Prove() {
	c.command("TOUCH", entry{silent: true, id: nobody, done: func(time.Time, Result) {}}, nil, nobody.String())
}

// Close sends a CLS: no more messages come once it is answered, and all before it is proved.
func (c *Conn) Close(done func(time.Time, Result)) { c.command("CLS", entry{done: done}, nil) }

// Abort has the driver close the connection with nothing more said.
func (c *Conn) Abort() {
	c.mu.Lock()
	c.aborted = true
	wake := !c.within
	c.mu.Unlock()
	if wake {
		c.wake()
	}
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// Receive implements wire.Endpoint.
func (c *Conn) Receive(now time.Time, p []byte) (n int, err error) {
	c.enter()
	defer c.leave(now)
	for n < len(p) {
		f, used, err := wire.ParseFrame(p[n:], c.opts.MaxFrame)
		if err != nil {
			return n, c.fail(err)
		}
		if used == 0 {
			break
		}
		n += used
		if err := c.frame(now, f); err != nil {
			return n, c.fail(err)
		}
	}
	return n, nil
}

func (c *Conn) frame(now time.Time, f wire.Frame) error {
	switch {
	case f.Type == wire.FrameMessage:
		m, err := wire.ParseMessage(f.Data)
		if err == nil && c.handler.Message != nil {
			c.handler.Message(now, m)
		}
		return err
	case f.Type == wire.FrameError:
		return c.refused(now, string(f.Data))
	case string(f.Data) == wire.Heartbeat:
		c.command("NOP", entry{silent: true}, nil)
	default:
		c.answered(now, string(f.Data))
	}
	return nil
}

// Transmit implements wire.Endpoint.
func (c *Conn) Transmit(spare []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		return spare[:0]
	}
	out := c.out
	c.out = spare[:0]
	c.taken = c.written
	return out
}

// NextTimeout implements wire.Endpoint.
func (c *Conn) NextTimeout() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		return time.Unix(0, 0)
	}
	return c.deadline
}

// HandleTimeout implements wire.Endpoint: it gives up a broker from which nothing has come for two heartbeats.
func (c *Conn) HandleTimeout(now time.Time) error {
	c.mu.Lock()
	aborted, silent := c.aborted, !now.Before(c.deadline)
	c.mu.Unlock()
	if aborted {
		return c.fail(errors.New("client: aborted"))
	}
	if silent {
		return c.fail(errors.New("client: nothing came for two heartbeat intervals"))
	}
	return nil
}

// Sent says whether anything was ever sent: if not, the connection never stood.
func (c *Conn) Sent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken > 0
}

func (c *Conn) enter() {
	c.mu.Lock()
	c.within = true
	c.mu.Unlock()
}

func (c *Conn) leave(now time.Time) {
	c.mu.Lock()
	c.within = false
	c.deadline = now.Add(2 * c.opts.HeartbeatInterval)
	c.mu.Unlock()
}

// fail notes why the connection ends.
func (c *Conn) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure == nil {
		c.failure = err
	}
	return err
}
