// Package live has sim.Cluster in real time: brokers inside this process, as processes of their own, or in containers,
// on the loopback of this machine. The three differ in how a node is launched, its [Launcher], and in nothing else.
//
//	launcher := live.Process("") // builds cmd/nsqd; or live.InProcess(), live.Container("")
//	defer launcher.Close()
//	c, err := live.New(launcher, []sim.Node{{Name: "b1"}}, 1)
//	defer c.Close()
//	c.At(time.Second, func() { c.Kill("b1") })
//	c.Run(time.Minute)
//
// Clients reach a node through a relay that asks the rules chunk by chunk, so that faults of links need no privilege.
//
// The law: callbacks and the calls of endpoints have the turn, one at a time; Kill, Stop, Start, Configure, Pause and Resume give it away
// while they wait. Outside Run the turn is the caller's: nodes live on and bytes flow, but endpoints wait. Rules are asked
// under a lock of their own, at any time, and must not call the cluster. The order of locks is: the turn, a node's, a
// lane's, the rules', the cluster's.
package live

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// errClosed is what becomes of a call after Close.
var errClosed = errors.New("the cluster is closed")

// A Cluster implements sim.Cluster, sim.Pauser, sim.Stopper, sim.Configurer and sim.Chance in real time. Its methods are for callbacks, for endpoints, and outside
// Run for one goroutine; Address is for any, and so is Close, but not for a callback or an endpoint.
type Cluster struct {
	turn  turn
	rules rules
	nodes []*node
	seed  uint64
	links atomic.Uint64   // how many there have been
	ctx   context.Context // ends when the cluster is closed
	close func() error    // once
	// launcher is kept, for its folder goes with it: a launcher that nobody holds is collected, and its files are closed.
	launcher Launcher
	rngs     map[string]*rand.Rand

	mu        sync.Mutex
	cancel    context.CancelFunc // of ctx; called with mu held
	busy      sync.WaitGroup     // the goroutines of connections and requests; added to by spawn
	listeners []*entrance        // guarded by mu
}

// New launches the nodes and returns when each has answered. The seed is that of the rules' randomness. The launcher may
// serve other clusters too.
func New(launcher Launcher, nodes []sim.Node, seed uint64) (*Cluster, error) {
	c := &Cluster{seed: seed, launcher: launcher, rngs: map[string]*rand.Rand{}}
	c.turn.closed = make(chan struct{})
	c.turn.Lock()
	c.turn.dawn()
	c.rules.changed = make(chan struct{})
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.close = sync.OnceValue(c.tearDown)
	err := c.launch(launcher, nodes)
	c.turn.dawn()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// launch starts all nsqlookupds at a time, and then all brokers.
func (c *Cluster) launch(launcher Launcher, nodes []sim.Node) error {
	for _, s := range nodes {
		if s.Name == "" || slices.Contains(c.Nodes(), s.Name) {
			return fmt.Errorf("the name of a node is empty or given twice: %q", s.Name)
		}
		n, err := newNode(s)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		if err := c.introduce(launcher, n); err != nil {
			return err
		}
	}
	for _, kind := range []sim.Kind{sim.Lookupd, sim.Broker} {
		err := c.eachNode(func(n *node) error {
			if n.kind != kind {
				return nil
			}
			return n.launch(c.ctx, launcher)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// introduce has a broker know its nsqlookupds: where links from it lead to them.
func (c *Cluster) introduce(launcher Launcher, n *node) error {
	if len(n.lookupds) == 0 {
		return nil
	}
	host, err := launcher.host(c.ctx)
	if err != nil {
		return fmt.Errorf("where %s reaches this machine: %w", n.name, err)
	}
	for _, name := range n.lookupds {
		l, err := c.node(name)
		if err != nil {
			return err
		}
		for _, to := range []struct {
			flag string
			port int
		}{{"--lookupd-tcp-address", l.tcp}, {"--lookupd-http-address", l.http}} {
			address, err := c.entrance(host, n.name, l, to.port)
			if err != nil {
				return err
			}
			n.args = append(n.args, to.flag+"="+address)
		}
	}
	return nil
}

// eachNode calls f of all nodes at a time.
func (c *Cluster) eachNode(f func(*node) error) error {
	errs := make([]error, len(c.nodes))
	var all sync.WaitGroup
	for i, n := range c.nodes {
		all.Go(func() { errs[i] = f(n) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Nodes implements sim.Cluster.
func (c *Cluster) Nodes() []string {
	var names []string
	for _, n := range c.nodes {
		names = append(names, n.name)
	}
	return names
}

// Now implements sim.Cluster.
func (c *Cluster) Now() time.Duration { return c.turn.now() }

// At implements sim.Cluster.
func (c *Cluster) At(d time.Duration, f func()) { c.turn.at(d, f) }

// Rand implements sim.Chance.
func (c *Cluster) Rand(name string) *rand.Rand {
	if c.rngs[name] == nil {
		h := fnv.New64a()
		h.Write([]byte(name))
		c.rngs[name] = rand.New(rand.NewPCG(c.seed, h.Sum64()))
	}
	return c.rngs[name]
}

// Run implements sim.Cluster. It returns early when another goroutine closes the cluster, and then when that is done.
func (c *Cluster) Run(d time.Duration) { c.turn.run(d) }

// Kill implements sim.Cluster.
func (c *Cluster) Kill(name string) error { return c.operate(name, (*node).kill) }

// Start implements sim.Cluster.
func (c *Cluster) Start(name string) error { return c.operate(name, (*node).start) }

// Stop implements sim.Stopper.
func (c *Cluster) Stop(name string) error { return c.operate(name, (*node).stop) }

// Pause implements sim.Pauser. It is errors.ErrUnsupported where the launcher cannot do that.
func (c *Cluster) Pause(name string) error { return c.operate(name, (*node).pause) }

// Resume implements sim.Pauser.
func (c *Cluster) Resume(name string) error { return c.operate(name, (*node).resume) }

// Configure implements sim.Configurer. Another program is errors.ErrUnsupported where nodes are none.
func (c *Cluster) Configure(name string, args []string, binary string) error {
	return c.operate(name, func(n *node, ctx context.Context) error { return n.configure(ctx, args, binary) })
}

func (c *Cluster) operate(name string, op func(*node, context.Context) error) error {
	n, err := c.node(name)
	if err != nil {
		return err
	}
	return c.turn.without(func() error { return op(n, c.ctx) })
}

// node is that of the name, unless the cluster is closed.
func (c *Cluster) node(name string) (*node, error) {
	if c.ctx.Err() != nil {
		return nil, errClosed
	}
	for _, n := range c.nodes {
		if n.name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("no node is called %q", name)
}

// AddRule implements sim.Cluster. After remove has returned the rule is not asked any more.
func (c *Cluster) AddRule(from, to string, r sim.Rule) (remove func(), err error) {
	if c.ctx.Err() != nil {
		return nil, errClosed
	}
	return c.rules.add(from, to, r), nil
}

// Request implements sim.Cluster.
func (c *Cluster) Request(name, method, path string, done func(status int, body []byte, err error)) {
	n, err := c.node(name)
	if err != nil {
		c.At(c.Now(), func() { done(0, nil, err) })
		return
	}
	c.spawn(func() {
		status, body, err := n.request(c.ctx, method, path)
		c.At(c.Now(), func() { done(status, body, err) })
	})
}

// Fetch implements sim.Cluster.
func (c *Cluster) Fetch(from, name, method, path string, done func(status int, body []byte, err error)) {
	n, err := c.node(name)
	if err != nil {
		c.At(c.Now(), func() { done(0, nil, err) })
		return
	}
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, client := net.Pipe()
		l := c.newLink(from, n, n.http, near, client)
		if !c.spawn(l.serve) {
			l.end()
			return nil, errClosed
		}
		return near, nil
	}
	c.spawn(func() {
		ctx, cancel := context.WithTimeout(c.ctx, sim.FetchTime)
		defer cancel()
		status, body, err := fetch(ctx, &http.Transport{DialContext: dial, DisableKeepAlives: true}, method, "http://"+name+path)
		c.At(c.Now(), func() { done(status, body, err) })
	})
}

// spawn calls f in a goroutine that Close waits for; false means that the cluster is closed.
func (c *Cluster) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	c.busy.Go(f)
	return true
}

// Dial implements sim.Cluster.
func (c *Cluster) Dial(from, name string, open func(now time.Time, wake func()) wire.Endpoint) error {
	n, err := c.node(name)
	if err != nil {
		return err
	}
	e := &endpoint{turn: &c.turn}
	e.Endpoint = open(time.Now(), e.wake)
	near, client := net.Pipe()
	l := c.newLink(from, n, n.tcp, near, client)
	if !c.spawn(func() { e.run(l) }) {
		l.end()
		return errClosed
	}
	return nil
}

// Close implements sim.Cluster.
func (c *Cluster) Close() error { return c.close() }

func (c *Cluster) tearDown() error {
	defer close(c.turn.closed)
	if running := c.turn.close(); !running {
		c.turn.Unlock()
	}
	c.mu.Lock()
	c.cancel()
	for _, e := range c.listeners {
		e.Close()
	}
	c.mu.Unlock()
	c.busy.Wait()
	return c.eachNode(func(n *node) error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return n.remove(ctx)
	})
}
