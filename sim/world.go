package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// Links are how every link of a world is without faults.
type Links struct {
	Delay  time.Duration // one way
	Jitter time.Duration // up to so much more, drawn for each chunk
}

// Slack is how far a time at an end of such a link may be from the time at the other, and back.
func (l Links) Slack() time.Duration { return 2*(l.Delay+l.Jitter) + time.Millisecond }

// DefaultLinks are a quiet local network's.
var DefaultLinks = Links{Delay: 200 * time.Microsecond, Jitter: 100 * time.Microsecond}

// epoch is the wall-clock time at which every world begins: 2026-01-01 00:00 UTC.
var epoch = time.Unix(epochUnix, 0).UTC()

const epochUnix = 1767225600 // seconds since 1970

var errClosed = errors.New("sim: the world is closed")

// A World is the deterministic Cluster: it lives in the goroutine that calls Run, and its time passes only there, from event to event.
// The same seed and the same calls give the same run, to the byte. It is not safe for use by two goroutines.
type World struct {
	seed   uint64
	links  Links
	now    time.Duration
	queue  events
	asked  uint64
	done   uint64 // events
	nodes  []*node
	conns  []*conn // open ones, in order of dialling, so of their ids
	dialed uint64
	rules  []*standing
	rngs   map[string]*rand.Rand
	trace  uint64
	spare  [][]byte
	closed bool
	watch  func(Arrival) // nil: nobody

	linkRand, ruleRand *rand.Rand
}

// NewWorld makes a world with its nodes started.
func NewWorld(seed uint64, nodes []Node, links Links) (*World, error) {
	w := &World{seed: seed, links: links, rngs: map[string]*rand.Rand{}}
	w.linkRand, w.ruleRand = w.Rand("links"), w.Rand("rules")
	for _, spec := range nodes {
		if w.node(spec.Name) != nil {
			return nil, fmt.Errorf("sim: two nodes are called %q", spec.Name)
		}
		w.nodes = append(w.nodes, newNode(w, spec))
	}
	for _, n := range w.nodes {
		if err := n.start(); err != nil {
			return nil, fmt.Errorf("sim: node %s: %w", n.spec.Name, err)
		}
	}
	return w, nil
}

// Nodes implements Cluster.
func (w *World) Nodes() []string {
	var names []string
	for _, n := range w.nodes {
		names = append(names, n.spec.Name)
	}
	return names
}

// Now implements Cluster.
func (w *World) Now() time.Duration { return w.now }

// At implements Cluster.
func (w *World) At(d time.Duration, f func()) {
	if !w.closed {
		w.asked++
		w.queue.push(event{max(d, w.now), w.asked, f})
	}
}

// Run implements Cluster.
func (w *World) Run(d time.Duration) {
	end := w.now + d
	for len(w.queue) > 0 && w.queue[0].at <= end {
		e := w.queue.pop()
		w.now = e.at
		w.done++
		e.f()
	}
	w.now = end
}

// Rand implements Chance.
func (w *World) Rand(name string) *rand.Rand {
	r := w.rngs[name]
	if r == nil {
		h := fnv.New64a()
		h.Write([]byte(name))
		r = rand.New(rand.NewPCG(w.seed, h.Sum64()))
		w.rngs[name] = r
	}
	return r
}

// Trace is a hash of every chunk delivered so far: what, when, to whom. Two runs with equal traces were the same run.
func (w *World) Trace() string { return fmt.Sprintf("%016x", w.trace) }

// Events is how many events have happened.
func (w *World) Events() uint64 { return w.done }

// Close implements Cluster.
func (w *World) Close() error {
	w.closed = true
	for _, c := range slices.Clone(w.conns) {
		c.end()
	}
	for _, n := range w.nodes {
		n.stop()
	}
	w.queue = nil
	return nil
}

// time is what an endpoint is told for a time of the world.
func (w *World) time() time.Time { return epoch.Add(w.now) }

// soon calls f after what is already to happen now.
func (w *World) soon(f func()) { w.At(w.now, f) }

func (w *World) node(name string) *node {
	for _, n := range w.nodes {
		if n.spec.Name == name {
			return n
		}
	}
	return nil
}

func (w *World) find(name string) (*node, error) {
	if w.closed {
		return nil, errClosed
	}
	if n := w.node(name); n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("sim: no node is called %q; there are %v", name, w.Nodes())
}

// Dial implements Cluster.
func (w *World) Dial(from, to string, open func(now time.Time, wake func()) wire.Endpoint) error {
	n, err := w.find(to)
	if err != nil {
		return err
	}
	w.connect(newConn(w, from, n), open)
	return nil
}

// connect begins a connection, with an endpoint at its client's end.
func (w *World) connect(c *conn, open func(now time.Time, wake func()) wire.Endpoint) {
	w.conns = append(w.conns, c)
	c.client.endpoint = open(c.client.now(), c.client.wake)
	c.begin()
}

// Request implements Cluster.
func (w *World) Request(name, method, path string, done func(status int, body []byte, err error)) {
	w.soon(func() {
		n, err := w.find(name)
		if err == nil {
			err = n.unreachable()
		}
		if err != nil {
			done(0, nil, err)
			return
		}
		l := n.life
		status, body := n.request(method, path)
		if n.life != l {
			done(0, nil, fmt.Errorf("sim: node %s ended as it was asked", name))
			return
		}
		done(status, body, nil)
	})
}

// Kill implements Cluster.
func (w *World) Kill(name string) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	if n.life == nil {
		return fmt.Errorf("sim: node %s is down already", name)
	}
	w.bereave(n)
	return nil
}

// PowerCut implements PowerCutter.
func (w *World) PowerCut(name string) error {
	if err := w.Kill(name); err != nil {
		return err
	}
	disk, rng, err := w.Disk(name)
	if err != nil {
		return err
	}
	disk.PowerCut(rng)
	return nil
}

// Stop implements Stopper. It takes no time; what the node still had to say is on its way then.
func (w *World) Stop(name string) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	if err := n.unreachable(); err != nil {
		return err
	}
	l := n.life
	n.catchUp()
	for _, c := range slices.Clone(w.conns) {
		if c.client.life == l {
			c.client.hangUp() // nobody is sent here any more
		}
	}
	l.close(n.now())
	for _, c := range slices.Clone(w.conns) {
		if c.server.life == l {
			c.server.expire() // its session is doomed, and has a last word
			c.server.hangUp()
		}
	}
	l.save(n.now())
	if n.life != l {
		return fmt.Errorf("sim: node %s was ended as it stopped", name)
	}
	w.bereave(n)
	return nil
}

// bereave takes a node's daemon away without a word to it, and breaks its connections.
func (w *World) bereave(n *node) {
	n.stop()
	for _, c := range slices.Clone(w.conns) {
		for _, e := range []*end{&c.client, &c.server} {
			if e.node == n {
				e.bereave()
			}
		}
	}
}

// Disk implements Disks.
func (w *World) Disk(name string) (d *Disk, rng *rand.Rand, err error) {
	n, err := w.find(name)
	if err != nil {
		return nil, nil, err
	}
	return n.disk, w.Rand("disk " + name), nil
}

// Start implements Cluster.
func (w *World) Start(name string) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	if n.life != nil {
		return fmt.Errorf("sim: node %s is up already", name)
	}
	return n.start()
}

// Pause implements Pauser.
func (w *World) Pause(name string) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	if n.life == nil || n.paused {
		return fmt.Errorf("sim: node %s is not running", name)
	}
	n.paused = true
	return nil
}

// Resume implements Pauser.
func (w *World) Resume(name string) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	if !n.paused {
		return fmt.Errorf("sim: node %s: %w", name, ErrNotPaused)
	}
	n.paused = false
	w.soon(n.catchUp)
	return nil
}

// AddRule implements Cluster.
func (w *World) AddRule(from, to string, r Rule) (remove func(), err error) {
	s := &standing{from, to, r}
	w.rules = append(w.rules, s)
	w.soon(w.rejudge)
	return func() {
		w.rules = slices.DeleteFunc(w.rules, func(other *standing) bool { return other == s })
		w.soon(w.rejudge)
	}, nil
}

// rejudge asks again about every chunk that is held.
func (w *World) rejudge() {
	for _, c := range slices.Clone(w.conns) {
		c.client.way.resume()
		c.server.way.resume()
	}
}
