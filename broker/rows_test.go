package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// The tests of the files rows_*_test.go are named for the rows of README.md's table of what nsqd loses, repeats or delays. Each says
// what nsqd does, and shows what this broker does.

// A node is a broker on a disk, one life after the other.
type node struct {
	t       *testing.T
	disk    *sim.Disk
	fs      store.FS // the disk, or what watches it
	opts    broker.Options
	now     time.Time
	b       *broker.Broker
	clients []*client // of this life
}

// newNode begins with an empty disk. change may be nil.
func newNode(t *testing.T, change func(*broker.Options)) *node {
	t.Helper()
	opts := broker.DefaultOptions("test")
	opts.MaxRdyCount, opts.MaxHeartbeatInterval = 1<<20, quiet
	if change != nil {
		change(&opts)
	}
	n := &node{t: t, disk: sim.NewDisk(), opts: opts, now: time.Unix(1767225600, 0)}
	n.fs = n.disk
	n.start()
	return n
}

func byFsync(o *broker.Options)  { o.Durability = broker.Fsync }
func byMemory(o *broker.Options) { o.Durability = broker.Memory }

// smallFiles makes a topic begin its next file after some 2,000 bytes.
func smallFiles(o *broker.Options) { o.MaxBytesPerFile = 2000 }

// start begins a life.
func (n *node) start() {
	n.t.Helper()
	b, err := broker.Open(n.now, n.opts, n.fs, func() {})
	if err != nil {
		n.t.Fatalf("it does not start: %v", err)
	}
	n.b, n.clients = b, nil
}

// on makes another node, which begins with a disk that this one might have left behind.
func (n *node) on(disk *sim.Disk) *node {
	n.t.Helper()
	other := &node{t: n.t, disk: disk, fs: disk, opts: n.opts, now: n.now}
	disk.Kill()
	other.start()
	return other
}

// kill is kill -9, and the next life.
func (n *node) kill() {
	n.t.Helper()
	n.disk.Kill()
	n.start()
}

// stop is an end in order.
func (n *node) stop() {
	n.t.Helper()
	n.b.Close(n.now)
	for _, c := range n.clients {
		c.s.Disconnect(n.now)
	}
	if err := n.b.Save(n.now); err != nil {
		n.t.Fatalf("save: %v", err)
	}
}

// restart is a stop, a power cut that can take nothing any more, and the next life.
func (n *node) restart() {
	n.t.Helper()
	n.stop()
	for disk, err := range n.disk.States(2) {
		if err != nil {
			n.t.Fatal("something was not synced by the stop")
		}
		n.disk, n.fs = disk, disk
	}
	n.start()
}

// cuts begins a node on each disk that a power cut could leave.
func (n *node) cuts() func(yield func(*node) bool) {
	return func(yield func(*node) bool) {
		n.t.Helper()
		for disk, err := range n.disk.States(1 << 12) {
			if err != nil {
				n.t.Fatal(err)
			}
			if !yield(n.on(disk)) {
				return
			}
		}
	}
}

// sync makes all last.
func (n *node) sync() {
	n.t.Helper()
	if err := n.b.Sync(n.now.Add(time.Hour)); err != nil {
		n.t.Fatalf("sync: %v", err)
	}
}

// pass lets time go by.
func (n *node) pass(d time.Duration) {
	n.now = n.now.Add(d)
	n.b.HandleTimeout(n.now)
}

// An answer is what becomes of a publication.
type answer struct {
	told bool
	err  error
}

// publish publishes messages, all or none.
func (n *node) publish(topic string, deferral time.Duration, bodies ...string) *answer {
	var list [][]byte
	for _, body := range bodies {
		list = append(list, []byte(body))
	}
	a := &answer{}
	n.b.Publish(n.now, topic, deferral, list, func(err error) { *a = answer{true, err} })
	return a
}

// pub publishes messages one by one, and sees each acknowledged, by a sync if need be.
func (n *node) pub(topic string, bodies ...string) {
	n.t.Helper()
	for _, body := range bodies {
		n.acknowledged(n.publish(topic, 0, body))
	}
}

// dpub publishes deferred messages one by one, and sees each acknowledged.
func (n *node) dpub(topic string, deferral time.Duration, bodies ...string) {
	n.t.Helper()
	for _, body := range bodies {
		n.acknowledged(n.publish(topic, deferral, body))
	}
}

func (n *node) acknowledged(a *answer) {
	n.t.Helper()
	if !a.told {
		n.sync()
	}
	if !a.told || a.err != nil {
		n.t.Fatalf("a publication was not acknowledged: %+v", *a)
	}
}

// must is for what the broker should not refuse.
func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// topic gives a topic's figures, zero if it is not there.
func (n *node) topic(name string) (st broker.TopicStats) {
	for _, t := range n.b.Stats().Topics {
		if t.Name == name {
			st = t
		}
	}
	return st
}

// channel gives the figures of topic/channel, zero if it is not there.
func (n *node) channel(where string) (st broker.ChannelStats) {
	topic, channel, _ := strings.Cut(where, "/")
	for _, c := range n.topic(topic).Channels {
		if c.Name == channel {
			st = c
		}
	}
	return st
}

// wantCounts checks what a channel holds: waiting, in flight, deferred.
func (n *node) wantCounts(where string, depth int64, inFlight, deferred int) {
	n.t.Helper()
	if c := n.channel(where); c.Depth != depth || c.InFlight != inFlight || c.Deferred != deferred {
		n.t.Fatalf("%s has %d waiting, %d in flight and %d deferred, want %d, %d and %d",
			where, c.Depth, c.InFlight, c.Deferred, depth, inFlight, deferred)
	}
}

// wantFiles checks the names that are on the disk, the number of each file being left out.
func (n *node) wantFiles(want ...string) {
	n.t.Helper()
	files, err := n.disk.List()
	n.must(err)
	var kinds []string
	for _, f := range files {
		if parts := strings.Split(f, "."); len(parts) == 3 {
			f = parts[0] + "." + parts[2]
		}
		kinds = append(kinds, f)
	}
	slices.Sort(kinds)
	if !slices.Equal(kinds, want) {
		n.t.Fatalf("the folder holds %q, want %q", files, want)
	}
}

// A client is a connection.
type client struct {
	n   *node
	s   *broker.Session
	ids map[string]wire.ID // of what it got, by body
}

// quiet is how long a client is sent no heartbeat.
const quiet = 1000 * time.Hour

// connect makes a client.
func (n *node) connect() *client {
	n.t.Helper()
	return n.identify("")
}

// identify makes a client that has more to say of itself, as JSON with a comma before it.
func (n *node) identify(more string) *client {
	n.t.Helper()
	c := &client{n: n, s: n.b.Connect(n.now, "c:1", func() {}), ids: map[string]wire.ID{}}
	n.clients = append(n.clients, c)
	c.say("%sIDENTIFY\n%s", wire.Magic, sized(fmt.Sprintf(`{"heartbeat_interval":%d%s}`, quiet.Milliseconds(), more)))
	c.want("OK")
	return c
}

// subscribe makes a consumer of topic/channel that may have so many messages in flight.
func (n *node) subscribe(where string, rdy int) *client {
	n.t.Helper()
	c := n.connect()
	c.consume(where, rdy)
	return c
}

// consume subscribes to topic/channel, with a sync if OK needs one.
func (c *client) consume(where string, rdy int) {
	c.n.t.Helper()
	c.say("SUB %s\n", strings.ReplaceAll(where, "/", " "))
	got := c.frames(wire.FrameResponse)
	if got == nil { // it waits for the new channel to last
		c.n.sync()
		got = c.frames(wire.FrameResponse)
	}
	if !slices.Equal(got, []string{"OK"}) {
		c.n.t.Fatalf("SUB was answered %q", got)
	}
	c.say("RDY %d\n", rdy)
}

// try sends commands, and gives the error that ends the connection.
func (c *client) try(format string, args ...any) error {
	p := fmt.Sprintf(format, args...)
	used, err := c.s.Receive(c.n.now, []byte(p))
	if err == nil && used != len(p) {
		c.n.t.Fatalf("of %.60q only %d bytes were taken", p, used)
	}
	return err
}

// say sends commands.
func (c *client) say(format string, args ...any) {
	c.n.t.Helper()
	if err := c.try(format, args...); err != nil {
		c.n.t.Fatalf("%.60q: %v", format, err)
	}
}

// got gives what has come: a message as its body, with #2 behind it at the second attempt, and answers as they are.
func (c *client) got() []string {
	c.n.t.Helper()
	return c.frames(wire.FrameResponse, wire.FrameError, wire.FrameMessage)
}

// frames gives what has come of some types, and drops the rest.
func (c *client) frames(types ...wire.FrameType) (all []string) {
	c.n.t.Helper()
	for out := c.s.Transmit(nil); len(out) > 0; out = c.s.Transmit(nil) {
		for len(out) > 0 {
			f, size, err := wire.ParseFrame(out, 1<<30)
			if err != nil || size == 0 {
				c.n.t.Fatalf("a bad frame: %v", err)
			}
			if out = out[size:]; slices.Contains(types, f.Type) {
				all = append(all, c.show(f))
			}
		}
		if err := c.s.HandleTimeout(c.n.now); err != nil {
			return append(all, err.Error())
		}
	}
	return all
}

func (c *client) show(f wire.Frame) string {
	c.n.t.Helper()
	if f.Type != wire.FrameMessage {
		return string(f.Data)
	}
	m, err := wire.ParseMessage(f.Data)
	c.n.must(err)
	c.ids[string(m.Body)] = m.ID
	if m.Attempts == 1 {
		return string(m.Body)
	}
	return fmt.Sprintf("%s#%d", m.Body, m.Attempts)
}

// want checks what has come, in order.
func (c *client) want(want ...string) {
	c.n.t.Helper()
	if got := c.got(); !slices.Equal(got, want) {
		c.n.t.Fatalf("got %.300q, want %.300q", got, want)
	}
}

// fin finishes messages that have come.
func (c *client) fin(bodies ...string) {
	c.n.t.Helper()
	var commands strings.Builder
	for _, body := range bodies {
		fmt.Fprintf(&commands, "FIN %s\n", c.ids[body])
	}
	c.say("%s", &commands)
}

// req requeues a message that has come.
func (c *client) req(body string, delay time.Duration) {
	c.n.t.Helper()
	c.say("REQ %s %d\n", c.ids[body], delay.Milliseconds())
}

// numbered gives bodies with the numbers from a to before b.
func numbered(what string, a, b int) (bodies []string) {
	for i := a; i < b; i++ {
		bodies = append(bodies, fmt.Sprintf("%s%d", what, i))
	}
	return bodies
}

// again gives messages as they come at their second attempt.
func again(bodies []string) (all []string) {
	for _, body := range bodies {
		all = append(all, body+"#2")
	}
	return all
}
