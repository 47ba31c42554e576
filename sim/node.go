package sim

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/httpapi"
	"github.com/nsqlab/nsqlab/broker/lookup"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// CheckArg says what is wrong with one of the flags of a node of this kind, such as "--msg-timeout=2s".
func (k Kind) CheckArg(arg string) error {
	n := Node{Name: "node", Kind: k, Args: []string{arg}}
	if k == Lookupd {
		_, err := registryOptions(n)
		return err
	}
	_, err := brokerOptions(n)
	return err
}

// worldFile is the size of a world's files of messages, if a broker's flags say nothing: its disks are memory, and what was finished goes with
// its file.
const worldFile = 1 << 20

// brokerOptions are a broker's settings by its flags.
func brokerOptions(n Node) (broker.Options, error) {
	opts := broker.DefaultOptions(n.Name)
	opts.MaxBytesPerFile = worldFile
	if err := parseArgs(n, opts.Flags); err != nil {
		return opts, err
	}
	opts.Discover = len(n.Lookupds) > 0
	return opts, opts.Validate()
}

// parseArgs reads a node's flags.
func parseArgs(n Node, flags func(*flag.FlagSet)) error {
	fs := flag.NewFlagSet(n.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	flags(fs)
	if err := fs.Parse(n.Args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", fs.Arg(0))
	}
	return nil
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
	opts, err := brokerOptions(n)
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

// MaxRequeue is the longest deferral of a requeue that a broker with these flags grants; it shortens those that are longer.
func (n Node) MaxRequeue() (time.Duration, error) {
	opts, err := brokerOptions(n)
	return opts.MaxReqTimeout, err
}

// syncLatency is how long a sync of a world's disks takes without faults: a good SSD's.
const syncLatency = 2 * time.Millisecond

// errNotSynced is what becomes of a publication that still waits when its broker was synced.
var errNotSynced = errors.New("sim: it was synced, and the publication still waits")

// A node is a daemon of a world, or the place of one that is down.
type node struct {
	world  *World
	spec   Node
	disk   *Disk // of all its lives
	life   *life // nil while it is down
	paused bool
	parked []func() // what waits for the end of the pause, or behind that
	lives  int      // so far
	clock  nodeClock
	waits  []*wait
	traps  []*trap
	at     Point    // that it is at, while what a trap calls is called
	held   holdings // what it held when it began what it is in the middle of, while somebody watches it
	more   []string // flags that it is started with, behind its own
}

// A life is a node's daemon from its start to its end.
type life struct {
	broker   *broker.Broker   // nil if it is an nsqlookupd
	registry *lookup.Registry // nil if it is a broker
	lookups  *lookups         // a broker's; nil if it knows no nsqlookupd
	handler  http.Handler
	syncer   *syncer       // a broker's
	arm      func()        // a broker's: sees to what it is due for
	began    time.Duration // of the world
}

// connect begins a session.
func (l *life) connect(now time.Time, remote string, wake func()) wire.Endpoint {
	if l.registry != nil {
		return l.registry.Connect(now, remote, wake)
	}
	return l.broker.Connect(now, remote, wake)
}

// close dooms a broker's sessions; those of an nsqlookupd know no farewell.
func (l *life) close(now time.Time) {
	if l.broker != nil {
		l.broker.Close(now)
	}
}

// save is what a daemon does that ends in order, and that has nobody to tell but its log.
func (l *life) save(now time.Time) {
	if l.broker != nil {
		_ = l.broker.Save(now)
	}
}

func newNode(w *World, spec Node) *node {
	n := &node{world: w, spec: spec, disk: NewDisk()}
	n.disk.SyncLatency = syncLatency
	return n
}

func (n *node) start() error {
	start := n.startBroker
	if n.spec.Kind == Lookupd {
		start = n.startRegistry
	}
	err := start()
	if err == nil {
		n.lives++
		n.life.began = n.world.now
	}
	return err
}

// present is the node with the flags that it is started with.
func (n *node) present() Node {
	spec := n.spec
	spec.Args = slices.Concat(spec.Args, n.more)
	return spec
}

func (n *node) startBroker() error {
	opts, err := brokerOptions(n.present())
	if err != nil {
		return err
	}
	l := &life{}
	opts.Seed = n.world.Rand("node " + n.spec.Name).Uint64()
	var b *broker.Broker
	t, s := &timer{}, &syncer{}
	arm := func() {
		if b != nil && n.life == l {
			t.set(b.NextTimeout())
			s.arm()
			l.lookups.wake()
		}
	}
	b, err = broker.Open(n.now(), opts, n.disk.mount(), func() { n.world.soon(arm) })
	if err != nil {
		b = nil
		n.disk.Kill()
		return err
	}
	run := func(f func()) { n.run(l, f) }
	expire := func() {
		b.HandleTimeout(n.now())
		arm()
	}
	t.init(n.world, func() { run(expire) })
	t.node = n
	s.init(n, b.NextSync, b.Sync, run)
	info := httpapi.Info{Version: broker.Version, Hostname: n.spec.Name, BroadcastAddress: n.spec.Name, Started: n.now()}
	info.Await = func(done <-chan error) error { return n.await(b, done) }
	l.broker, l.handler = b, httpapi.Nsqd(b, info, n.now)
	l.syncer, l.arm = s, arm
	n.life = l
	if len(n.spec.Lookupds) > 0 {
		if l.lookups, err = newLookups(n, l); err != nil {
			n.stop()
			return err
		}
	}
	arm()
	return nil
}

// await gives what became of a publication that waits for the broker's Sync, which takes no time then.
func (n *node) await(b *broker.Broker, done <-chan error) error {
	_ = b.Sync(n.now()) // who waits is told
	select {
	case err := <-done:
		return err
	default:
		return errNotSynced
	}
}

// stop is kill -9: nothing is told to anybody.
func (n *node) stop() {
	n.life, n.paused, n.parked = nil, false, nil
	n.disk.Kill()
}

// run calls f in the life l, after the pause if there is one, and not if the life is over.
func (n *node) run(l *life, f func()) {
	switch {
	case n.life != l:
	case n.paused || len(n.parked) > 0:
		n.parked = append(n.parked, f)
	default:
		if len(n.traps) > 0 {
			n.held = n.holds()
		}
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
	case n.life == nil:
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
	n.life.handler.ServeHTTP(rec, req)
	return rec.Code, rec.Body.Bytes()
}
