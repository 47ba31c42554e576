package broker_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/sim"
)

// tape keeps the disk as a kill would leave it before each operation from here on that changes it.
func (n *node) tape() *[]*sim.Disk {
	var disks []*sim.Disk
	watched := n.fs.(*watchedDisk)
	watched.before = func(op sim.DiskOp, _ string) {
		if op != sim.DiskRead && op != sim.DiskSync && op != sim.DiskSyncDir {
			disks = append(disks, n.disk.Clone())
		}
	}
	return &disks
}

// watch makes the node's next life one that can be taped.
func (n *node) watch() {
	n.fs = &watchedDisk{n.disk, func(sim.DiskOp, string) {}}
	n.start()
}

// Row 21. In nsqd a message that is put into a topic or a channel while that is deleted may vanish with it, though what follows is made
// anew; and a FIN that meets an emptying makes a client's in-flight count negative, so that it gets more than its RDY. In ours both
// happen under the topic's lock, one before the other.
func TestRow21PublishingAroundADeletion(t *testing.T) {
	n := newNode(t, nil)
	p := n.connect()
	pub := func(body string) {
		t.Helper()
		p.say("PUB t\n%s", sized(body))
		p.want("OK")
	}
	n.subscribe("t/c", 0)
	pub("deleted")
	n.must(n.b.DeleteTopic(n.now, "t"))
	pub("kept") // on the connection that knew the old one
	n.must(n.b.CreateChannel(n.now, "t", "c"))
	n.must(n.b.DeleteChannel(n.now, "t", "c"))
	pub("kept too")
	n.kill()
	c := n.subscribe("t/c", 1)
	c.want("kept too")

	n.pub("t", "a", "b", "c")
	n.must(n.b.EmptyChannel(n.now, "t", "c"))
	c.want()
	n.wantCounts("t/c", 0, 0, 0)
	n.pub("t", "d", "e")
	c.want("d")
	c.fin("kept too") // it was emptied
	if got := c.got(); len(got) != 1 || got[0][:12] != "E_FIN_FAILED" {
		t.Fatalf("got %q", got)
	}
	n.wantCounts("t/c", 1, 1, 0)
	if client := n.channel("t/c").Clients[0]; client.InFlight != 1 {
		t.Fatalf("the client has %d in flight", client.InFlight)
	}
}

// Row 21, at the same time. Run with -race.
func TestRow21PublishingDuringDeletions(t *testing.T) {
	n := newNode(t, nil)
	n.fs = store.OS{Dir: t.TempDir()}
	n.start()
	const publishers, deletions = 3, 30
	var working sync.WaitGroup
	var mu sync.Mutex
	deleted, safe, number := 0, []string(nil), 0 // guarded by mu
	for range publishers {
		working.Go(func() {
			for {
				mu.Lock()
				before, body := deleted, fmt.Sprint("m", number)
				number++
				mu.Unlock()
				if a := n.publish("t", 0, body); !a.told || a.err != nil {
					t.Errorf("told %+v", *a)
				}
				mu.Lock()
				if before == deletions {
					safe = append(safe, body)
				}
				ended := len(safe) >= 50
				mu.Unlock()
				if ended {
					return
				}
			}
		})
	}
	for range deletions {
		for n.b.DeleteTopic(n.now, "t") != nil {
			runtime.Gosched()
		}
		n.sync()
		mu.Lock()
		deleted++
		mu.Unlock()
	}
	working.Wait()
	n.start() // without a word to the other
	got := n.subscribe("t/c", 1<<20).got()
	for _, body := range safe {
		if !slices.Contains(got, body) {
			t.Errorf("%s was published after the last deletion, and is gone", body)
		}
	}
}

// Row 21, emptying while consumers finish. Run with -race.
func TestRow21EmptyingWhileFinishing(t *testing.T) {
	n := newNode(t, nil)
	n.fs = nil
	n.start()
	const rdy = 5
	c := n.subscribe("t/c", rdy)
	var working sync.WaitGroup
	working.Go(func() {
		for i := range 3000 {
			n.publish("t", time.Duration(i%3)*time.Minute, "x", "y")
		}
	})
	working.Go(func() {
		for range 3000 {
			for _, body := range c.frames(2) {
				c.fin(body)
			}
		}
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		working.Wait()
	}()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		default:
		}
		_ = n.b.EmptyChannel(n.now, "t", "c")
		st := n.channel("t/c")
		if client := st.Clients[0].InFlight; client < 0 || client > rdy || st.InFlight < 0 || st.Depth < 0 || st.Deferred < 0 {
			t.Fatalf("%d in flight at the client, %+v", client, st)
		}
	}
	_ = n.b.EmptyChannel(n.now, "t", "c")
	n.wantCounts("t/c", 0, 0, 0)
}

// Row 21, a kill: at any moment from then on a deleted topic or channel does not come back.
func TestRow21DeletionOutlivesAKill(t *testing.T) {
	n := newNode(t, smallFiles)
	n.watch()
	n.subscribe("t/c", 0)
	n.subscribe("t/d", 0)
	n.pub("t", numbered(strings.Repeat("x", 300), 0, 20)...)
	n.sync()
	n.must(n.b.DeleteChannel(n.now, "t", "d"))
	killed := n.on(n.disk.Clone())
	killed.wantCounts("t/c", 20, 0, 0)
	if len(killed.topic("t").Channels) != 1 {
		t.Fatal("the channel is back")
	}

	n.must(n.b.DeleteTopic(n.now, "t"))
	disks := n.tape()
	n.sync()
	for _, disk := range append(*disks, n.disk) {
		if killed := n.on(disk.Clone()); len(killed.b.Stats().Topics) != 0 {
			t.Fatalf("the topic is back: %+v", killed.b.Stats().Topics)
		}
	}
	n.wantFiles("nsqd.dat")
}

// Row 21, a topic that is made again while the old one's files are there: after a kill at any moment it has nothing of the old one.
func TestRow21MadeAgain(t *testing.T) {
	n := newNode(t, byFsync)
	n.opts.MaxBytesPerFile = 2000
	n.watch()
	n.subscribe("t/c", 0)
	n.pub("t", numbered(strings.Repeat("x", 300), 0, 20)...)
	n.sync()
	n.must(n.b.DeleteTopic(n.now, "t"))
	c := n.subscribe("t/c", 0)
	disks := n.tape()
	acked := -1
	n.b.Publish(n.now, "t", 0, [][]byte{[]byte("new")}, func(error) { acked = len(*disks) })
	n.sync()
	for i, disk := range append(*disks, n.disk) {
		got := n.on(disk.Clone()).subscribe("t/c", 100).got()
		if !slices.Equal(got, []string{"new"}) && (len(got) > 0 || i >= acked) {
			t.Fatalf("killed at the operation %d, and new being acknowledged by %d, it has %.100q", i, acked, got)
		}
	}
	for after := range n.cuts() {
		after.subscribe("t/c", 100).want("new")
	}
	c.say("RDY 1\n")
	c.want("new")
	c.fin("new")
	n.sync()
	n.wantFiles("nsqd.dat", "t.journal", "t.log")
}

// Row 22. nsqd writes down that a topic or a channel was made when its loop for nsqlookupd comes to it, a second for each that is dead;
// after a crash before that it does not know the channel, and what was for it is lost. Ours has written it before SUB has its OK, and
// with --durability=fsync it is on the disk by then.
func TestRow22ChannelOutlivesACrash(t *testing.T) {
	n := newNode(t, nil)
	n.pub("t", "backlog")
	n.subscribe("t/c", 0)
	n.subscribe("t/e#ephemeral", 0)
	n.must(n.b.CreateTopic(n.now, "u"))
	n.must(n.b.CreateChannel(n.now, "u", "d"))
	n.must(n.b.PauseChannel(n.now, "u", "d", true))
	n.must(n.b.CreateTopic(n.now, "empty"))
	n.must(n.b.PauseTopic(n.now, "empty", true))
	n.kill()
	if !n.channel("u/d").Paused || !n.topic("empty").Paused || len(n.topic("t").Channels) != 1 {
		t.Fatalf("%+v", n.b.Stats().Topics)
	}
	n.pub("t", "new")
	n.wantCounts("t/c", 2, 0, 0)

	n = newNode(t, byFsync)
	n.subscribe("t/c", 0)
	for after := range n.cuts() {
		if len(after.topic("t").Channels) != 1 {
			t.Fatal("a power cut took a channel whose SUB had its OK")
		}
	}
	n.pub("t", "a")
	n.must(n.b.CreateChannel(n.now, "t", "d"))
	n.pub("t", "b")
	for after := range n.cuts() {
		after.subscribe("t/c", 10).want("a", "b")
		after.subscribe("t/d", 10).want("b")
	}
}

// Row 22, of a channel that another client has just made: whoever subscribes to it, OK waits until the channel lasts, also if that fails at first.
func TestRow22SecondSubscriber(t *testing.T) {
	n := newNode(t, byFsync)
	var clients []*client
	subscribe := func() *client {
		c := n.connect()
		c.say("SUB t c\n")
		c.want()
		clients = append(clients, c)
		return c
	}
	subscribe()
	subscribe()
	n.disk.Fail(sim.DiskSync, "*.journal", 1, nil)
	if err := n.b.Sync(n.now.Add(time.Hour)); err == nil {
		t.Fatal("the sync did not fail")
	}
	for _, c := range clients {
		if got := c.got(); len(got) == 0 || !strings.HasPrefix(got[0], "E_SUB_FAILED") {
			t.Fatalf("got %q, want E_SUB_FAILED", got)
		}
	}
	third := subscribe()
	n.sync()
	third.want("OK")
	fourth := n.connect()
	fourth.say("SUB t c\n")
	fourth.want("OK")
	for after := range n.cuts() {
		if len(after.topic("t").Channels) != 1 {
			t.Fatal("a power cut took a channel whose SUB had its OK")
		}
	}
}

// Row 22, of a channel that was made while the disk was full.
func TestRow22MadeOnAFullDisk(t *testing.T) {
	for _, syncs := range []int{0, 1, 2} { // while it is full
		n := newNode(t, byFsync)
		n.subscribe("t/c", 0)
		full := n.disk.Fill(0)
		_ = n.publish("t", 0, "refused")
		refused := n.connect()
		if err := refused.try("SUB t d\n"); err == nil || !strings.HasPrefix(err.Error(), "E_SUB_FAILED") {
			t.Fatalf("SUB on a full disk gives %v", err)
		}
		for range syncs {
			_ = n.b.Sync(n.now.Add(time.Second))
		}
		full.Clear()
		n.pass(time.Minute) // the disk is not tried all the time
		n.subscribe("t/d", 0)
		for after := range n.cuts() {
			if len(after.topic("t").Channels) != 2 {
				t.Fatal("a power cut took a channel whose SUB had its OK")
			}
		}
	}
}

// Row 22, where the channel cannot be written: SUB is refused; a channel that is known already has its consumers, and what waits at a
// topic is given out.
func TestRow22NotWritten(t *testing.T) {
	for _, durability := range []broker.Durability{broker.OS, broker.Fsync} {
		n := newNode(t, func(o *broker.Options) { o.Durability = durability })
		n.subscribe("t/c", 0)
		n.pub("u", "fills the disk")
		n.sync()
		full := n.disk.Fill(0)
		n.subscribe("u/first", 1).want("fills the disk") // which makes room
		for range 2 {                                    // also when the channel is there already
			c := n.connect()
			if err := c.try("SUB t d\n"); err == nil || !strings.HasPrefix(err.Error(), "E_SUB_FAILED SUB failed ") {
				t.Fatalf("SUB on a full disk gives %v", err)
			}
			c.s.Disconnect(n.now)
		}
		n.subscribe("t/c", 0)
		full.Clear()
		n.pass(time.Minute) // the disk is not tried all the time
		n.subscribe("t/d", 0)
		n.kill()
		if len(n.topic("t").Channels) != 2 {
			t.Fatal("a kill took a channel whose SUB had its OK")
		}
	}
}

// Row 22, at any moment: from the operation on with which a channel is known, it has all that was published since.
func TestRow22KilledWhileItIsMade(t *testing.T) {
	n := newNode(t, nil)
	n.watch()
	n.pub("t", "backlog")
	disks := n.tape()
	n.subscribe("t/c", 0)
	made := len(*disks)
	n.pub("t", "new")
	published := len(*disks)
	n.sync()
	for i, disk := range *disks {
		after := n.on(disk.Clone())
		if i >= made && len(after.topic("t").Channels) != 1 {
			t.Fatalf("killed at the operation %d the channel is not known", i)
		}
		got := after.subscribe("t/c", 10).got()
		if want := []string{"backlog", "new"}; !slices.Equal(got, want) && (i >= published || !slices.Equal(got, want[:1])) {
			t.Fatalf("killed at the operation %d of %d it has %q", i, published, got)
		}
	}
}
