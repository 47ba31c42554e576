package sim

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/httpapi"
)

// CheckArg says what is wrong with one of a node's flags, such as "--msg-timeout=2s".
func CheckArg(arg string) error {
	_, err := nodeOptions(Node{Name: "node", Args: []string{arg}})
	return err
}

// nodeOptions are a node's settings by its flags.
func nodeOptions(n Node) (broker.Options, error) {
	opts := broker.DefaultOptions(n.Name)
	fs := flag.NewFlagSet(n.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	opts.Flags(fs)
	if err := fs.Parse(n.Args); err != nil {
		return opts, err
	}
	if fs.NArg() > 0 {
		return opts, fmt.Errorf("%q is not a flag", fs.Arg(0))
	}
	return opts, opts.Validate()
}

// A Durability is what a broker's OK promises.
type Durability = broker.Durability

// The words of durability, from the one that promises least.
const (
	Memory = broker.Memory
	OS     = broker.OS
	Fsync  = broker.Fsync
)

// Durability is what OK promises of a node with these flags to who publishes to a topic.
func (n Node) Durability(topic string) (Durability, error) {
	opts, err := nodeOptions(n)
	switch own, ok := opts.TopicDurability[topic]; {
	case err != nil:
		return "", err
	case ok:
		return own, nil
	case opts.SyncEvery == 1:
		return Fsync, nil
	}
	return opts.Durability, nil
}

// syncLatency is how long a sync of a world's disks takes without faults: a good SSD's.
const syncLatency = 2 * time.Millisecond

// errNotSynced is what becomes of a publication that still waits when its broker was synced.
var errNotSynced = errors.New("sim: it was synced, and the publication still waits")

// A node is a broker of a world, or the place of one that is down.
type node struct {
	world   *World
	spec    Node
	disk    *Disk          // of all its lives
	broker  *broker.Broker // nil while it is down
	handler http.Handler
	paused  bool
	parked  []func() // what waits for the end of the pause, or behind that
}

func newNode(w *World, spec Node) *node {
	n := &node{world: w, spec: spec, disk: NewDisk()}
	n.disk.SyncLatency = syncLatency
	return n
}

func (n *node) start() error {
	opts, err := nodeOptions(n.spec)
	if err != nil {
		return err
	}
	opts.Seed = n.world.Rand("node " + n.spec.Name).Uint64()
	var b *broker.Broker
	t, s := &timer{}, &syncer{}
	arm := func() {
		if b != nil {
			t.set(b.NextTimeout())
			s.arm()
		}
	}
	b, err = broker.Open(n.world.time(), opts, n.disk, func() { n.world.soon(arm) })
	if err != nil {
		b = nil
		n.disk.Kill()
		return err
	}
	run := func(f func()) { n.run(b, f) }
	expire := func() {
		b.HandleTimeout(n.world.time())
		arm()
	}
	t.init(n.world, func() { run(expire) })
	s.init(n.world, n.disk, b.NextSync, b.Sync, run)
	n.broker = b
	info := httpapi.Info{Version: broker.Version, Hostname: n.spec.Name, BroadcastAddress: n.spec.Name, Started: n.world.time()}
	info.Await = func(done <-chan error) error { return n.await(b, done) }
	n.handler = httpapi.Nsqd(b, info, n.world.time)
	arm()
	return nil
}

// await gives what became of a publication that waits for the broker's Sync, which takes no time then.
func (n *node) await(b *broker.Broker, done <-chan error) error {
	_ = b.Sync(n.world.time()) // who waits is told
	select {
	case err := <-done:
		return err
	default:
		return errNotSynced
	}
}

// stop is kill -9: nothing is told to anybody.
func (n *node) stop() {
	n.broker, n.handler, n.paused, n.parked = nil, nil, false, nil
	n.disk.Kill()
}

// run calls f for the broker b, after the pause if there is one, and not if the broker is gone.
func (n *node) run(b *broker.Broker, f func()) {
	switch {
	case n.broker != b:
	case n.paused || len(n.parked) > 0:
		n.parked = append(n.parked, f)
	default:
		f()
	}
}

// catchUp does what waited for the end of the pause, in order.
func (n *node) catchUp() {
	for !n.paused && len(n.parked) > 0 {
		f := n.parked[0]
		n.parked = n.parked[1:]
		f()
	}
}

// unreachable says why the node answers nothing, or nil if it does.
func (n *node) unreachable() error {
	switch {
	case n.broker == nil:
		return fmt.Errorf("sim: node %s is down", n.spec.Name)
	case n.paused:
		return fmt.Errorf("sim: node %s is paused", n.spec.Name)
	}
	return nil
}

// request asks the node's HTTP API.
func (n *node) request(method, path string) (status int, body []byte) {
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(method, "http://"+n.spec.Name+path, nil)
	n.handler.ServeHTTP(rec, req)
	return rec.Code, rec.Body.Bytes()
}
