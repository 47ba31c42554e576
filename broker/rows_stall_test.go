package broker_test

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/sim"
)

// A watchedDisk calls before with each operation that changes the disk or reads a message, and with the file's name.
type watchedDisk struct {
	store.FS
	before func(op sim.DiskOp, name string)
}

type watchedFile struct {
	store.File
	disk watchedDisk
	name string
}

// Create implements store.FS.
func (d watchedDisk) Create(name string) (store.File, error) {
	d.before(sim.DiskCreate, name)
	f, err := d.FS.Create(name)
	return &watchedFile{f, d, name}, err
}

// Remove implements store.FS.
func (d watchedDisk) Remove(name string) error {
	d.before(sim.DiskRemove, name)
	return d.FS.Remove(name)
}

// Rename implements store.FS.
func (d watchedDisk) Rename(from, to string) error {
	d.before(sim.DiskRename, from)
	return d.FS.Rename(from, to)
}

// Open implements store.FS.
func (d watchedDisk) Open(name string) (store.File, error) {
	f, err := d.FS.Open(name)
	return &watchedFile{f, d, name}, err
}

// SyncDir implements store.FS.
func (d watchedDisk) SyncDir() error {
	d.before(sim.DiskSyncDir, ".")
	return d.FS.SyncDir()
}

// Write implements store.File.
func (f *watchedFile) Write(p []byte) (int, error) {
	f.disk.before(sim.DiskWrite, f.name)
	return f.File.Write(p)
}

// ReadAt implements store.File.
func (f *watchedFile) ReadAt(p []byte, at int64) (int, error) {
	f.disk.before(sim.DiskRead, f.name)
	return f.File.ReadAt(p, at)
}

// Sync implements store.File.
func (f *watchedFile) Sync() error {
	f.disk.before(sim.DiskSync, f.name)
	return f.File.Sync()
}

// A stall is an operation that hangs, the first on a name that matches, until it is let go.
type stall struct {
	t          *testing.T
	op         sim.DiskOp
	pattern    string
	begun, let chan struct{}
	hung       bool
}

// stallOn makes the node's next life one in which an operation hangs.
func (n *node) stallOn(op sim.DiskOp, pattern string) *stall {
	s := &stall{t: n.t, op: op, pattern: pattern, begun: make(chan struct{}), let: make(chan struct{})}
	n.fs = watchedDisk{n.disk, s.before}
	return s
}

func (s *stall) before(op sim.DiskOp, name string) {
	if ok, _ := path.Match(s.pattern, name); ok && op == s.op && !s.hung {
		s.hung = true
		close(s.begun)
		<-s.let
	}
}

// during runs slow elsewhere, and when that hangs f, which must not wait for it.
func (s *stall) during(slow, f func()) {
	s.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		slow()
	}()
	select {
	case <-s.begun:
	case <-done:
		s.t.Fatalf("no %s of %s was to be seen", s.op, s.pattern)
	}
	timer := time.AfterFunc(5*time.Second, func() { close(s.let) })
	f()
	if !timer.Stop() {
		s.t.Fatalf("a %s of %s was waited for", s.op, s.pattern)
	}
	close(s.let)
	<-done
}

// Row 29. One goroutine of nsqd's reads, writes and syncs a queue, so a sync that stalls stops its publishers and consumers. Ours syncs
// off all locks: while it hangs, anywhere in it, the same topic takes, delivers, times out and answers.
func TestRow29SlowSync(t *testing.T) {
	for _, durability := range []broker.Durability{broker.OS, broker.Fsync} {
		for _, what := range []struct {
			op      sim.DiskOp
			pattern string
		}{
			{sim.DiskSync, "t.*.log"}, {sim.DiskSync, "t.*.journal"}, {sim.DiskSyncDir, "."}, {sim.DiskSync, "nsqd.dat*"}, {sim.DiskRemove, "t.*.log"},
		} {
			t.Run(fmt.Sprint(durability, " ", what.op, " ", what.pattern), func(t *testing.T) {
				n := newNode(t, smallFiles)
				n.opts.Durability = durability
				s := n.stallOn(what.op, what.pattern)
				s.hung = true // not yet
				n.start()
				slowSync(n, s)
			})
		}
	}
}

// slowSync uses a topic while a sync of it hangs.
func slowSync(n *node, s *stall) {
	c := n.subscribe("t/c", 100)
	old := numbered(strings.Repeat("x", 1000), 0, 5)
	n.pub("t", "first")
	n.pub("t", old...)
	c.want(append([]string{"first"}, old...)...)
	n.must(n.b.CreateChannel(n.now, "t", "d"))
	n.sync() // it lasts
	c.fin(old...)
	c.fin("first")
	n.publish("t", 0, "held")
	c.want("held")
	n.must(n.b.CreateChannel(n.now, "t", "e"))
	s.hung = false
	at := n.now.Add(time.Hour)
	var failed error
	s.during(func() { failed = n.b.Sync(at) }, func() {
		d := n.subscribe("t/d", 100)
		a := n.publish("t", 0, "new")
		c.want("new")
		d.want("held", "new")
		if a.told != (n.opts.Durability == broker.OS) {
			n.t.Errorf("the publisher was told %+v", *a)
		}
		c.fin("held")
		c.req("new", time.Second)
		n.publish("t", 2*time.Second, "deferred")
		n.pass(time.Second)
		c.want("new#2")
		n.pass(time.Second)
		c.want("deferred")
		n.wantCounts("t/c", 0, 2, 0)
		_ = n.b.Health()
		n.must(n.b.PauseChannel(n.now, "t", "d", true))
		n.must(n.b.EmptyChannel(n.now, "t", "d"))
		n.must(n.b.CreateTopic(n.now, "u"))
		n.must(n.b.DeleteTopic(n.now, "u"))
	})
	n.must(failed)
	n.sync()
	n.fs = n.disk
	n.kill()
	n.subscribe("t/c", 100).want("new#3", "deferred#2")
}

// Row 30. nsqd copies a message to the channels one after the other, so one whose disk is slow delays the others. Ours writes a message once,
// whatever the number of channels, and one that lags behind does not delay one that keeps up.
func TestRow30ChannelsDoNotWaitForEachOther(t *testing.T) {
	n := newNode(t, smallFiles)
	writes := 0
	n.fs = watchedDisk{n.disk, func(op sim.DiskOp, name string) {
		if op == sim.DiskWrite && path.Ext(name) == ".log" {
			writes++
		}
	}}
	n.start()
	for i := range 50 {
		n.subscribe(fmt.Sprintf("t/slow%d", i), 0)
	}
	fast := n.subscribe("t/fast", 1)
	for _, body := range numbered(strings.Repeat("x", 200), 0, 100) {
		n.pub("t", body)
		fast.want(body)
		fast.fin(body)
	}
	if writes != 100 {
		t.Errorf("100 messages for 51 channels took %d writes", writes)
	}
	n.wantCounts("t/slow7", 100, 0, 0)
}

// Row 30, a part of the disk that cannot be read: it stops the channels that are there, not those that are past it.
func TestRow30UnreadableBacklog(t *testing.T) {
	n := newNode(t, nil)
	slow := n.subscribe("t/slow", 0)
	fast := n.subscribe("t/fast", 1)
	n.opts.MaxBytesPerFile = 50_000
	bodies := numbered(strings.Repeat("x", 5000), 100, 200)
	for _, body := range bodies {
		n.pub("t", body)
		fast.want(body)
		fast.fin(body)
	}
	fault, err := n.disk.Fail(sim.DiskRead, "t.*.log", 0, nil)
	n.must(err)
	slow.say("RDY 1000\n")
	if slow.want(); fault.Hits() == 0 {
		t.Fatal("the backlog was not read")
	}
	for _, body := range numbered("new", 0, 10) {
		n.pub("t", body)
		if got := fast.got(); len(got) != 1 || got[0] != body {
			t.Errorf("while another channel's backlog cannot be read, %s is not delivered: %q", body, got)
			break
		}
		fast.fin(body)
		n.pass(time.Second)
	}
	fault.Clear()
	n.pass(time.Second)
	if got := slow.got(); len(got) < len(bodies) {
		t.Errorf("%d messages came when it could be read again", len(got))
	}
}

// Row 30, a read that hangs: it is made under its topic's lock, so that the topic waits for it. No other does.
func TestRow30SlowReadStopsOnlyItsTopic(t *testing.T) {
	n := newNode(t, nil)
	s := n.stallOn(sim.DiskRead, "t.*.log")
	n.start()
	slow, other := n.subscribe("t/slow", 0), n.subscribe("u/c", 10)
	n.pub("t", numbered(strings.Repeat("x", 5000), 100, 200)...)
	s.during(func() { slow.say("RDY 1\n") }, func() {
		n.pub("u", "x")
		n.pub("v", "y")
		other.want("x")
		n.pass(time.Second)
	})
	slow.want(strings.Repeat("x", 5000) + "100")
}

// Row 31. In nsqd deferred and in-flight messages are in memory whole, any number of them, and so is a queue as far as mem-queue-size
// allows. Ours has a backlog on disk alone, and of what is deferred or in flight a note without the body. The number of topics, and the bytes
// on disk, have no limit, as in nsqd.
func TestRow31Memory(t *testing.T) {
	const messages, batch = 20000, 100
	n := newNode(t, nil)
	n.fs = store.OS{Dir: t.TempDir()}
	n.start()
	n.must(n.b.CreateTopic(n.now, "t"))
	for _, channel := range []string{"c", "d"} {
		n.must(n.b.CreateChannel(n.now, "t", channel))
	}
	bodies := numbered(strings.Repeat("x", 1000), 0, batch)
	for _, c := range []struct {
		topic    string
		deferral time.Duration
		limit    int // bytes a message
	}{
		{"t", 0, 20}, {"t", time.Hour, 500}, {"waiting", 0, 20}, {"waiting", time.Hour, 50},
	} {
		before := heap()
		for range messages / batch {
			n.acknowledged(n.publish(c.topic, c.deferral, bodies...))
		}
		grown := (heap() - before) / messages
		t.Logf("%s, deferred by %v: %d bytes a message", c.topic, c.deferral, grown)
		if grown > c.limit {
			t.Errorf("%s, deferred by %v: %d bytes a message, want at most %d", c.topic, c.deferral, grown, c.limit)
		}
	}
	n.wantCounts("t/c", messages, 0, messages)
	before := heap()
	const topics = 100
	for i := range topics {
		n.pub(fmt.Sprint("typo", i), "x")
	}
	if grown := (heap() - before) / topics; grown > 10_000 {
		t.Errorf("a topic takes %d bytes", grown)
	}
	n.must(n.b.Sync(n.now.Add(time.Hour)))
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
