package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/sim"
)

// Row 1. nsqd holds up to mem-queue-size messages of each queue in memory only, and a kill loses them. Ours has written a message
// before it says OK; with --durability=fsync it is on the disk by then. Only --durability=memory asks for nsqd's bargain.
func TestRow01KillWithMessagesInMemory(t *testing.T) {
	waiting, handed := numbered("at the topic", 0, 100), numbered("at the channel", 0, 100)
	fill := func(change func(*broker.Options)) *node {
		n := newNode(t, change)
		n.pub("u", waiting...)
		n.must(n.b.CreateTopic(n.now, "t"))
		n.must(n.b.CreateChannel(n.now, "t", "c"))
		n.pub("t", handed...)
		return n
	}
	wantAll := func(n *node) {
		t.Helper()
		n.subscribe("t/c", 1000).want(handed...)
		n.subscribe("u/c", 1000).want(waiting...)
	}
	n := fill(nil)
	n.kill()
	wantAll(n)

	n = fill(byFsync)
	for after := range n.cuts() {
		wantAll(after)
	}

	n = fill(byMemory)
	n.kill()
	n.subscribe("t/c", 1000).want()
	n = fill(byMemory)
	n.restart()
	wantAll(n)
}

// Row 2. nsqd has what is in flight or deferred in memory only, and once the queue's position was synced behind it a kill loses it, also
// with mem-queue-size=0. Ours keeps a message until every channel has finished it, and writes down attempts, deferrals and pauses.
func TestRow02KillWithMessagesInFlightAndDeferred(t *testing.T) {
	for _, behind := range []int{0, 100} {
		for _, synced := range []bool{false, true} {
			killInFlight(t, behind, synced)
		}
	}
}

// killInFlight kills a broker that holds messages in every state, when so many behind them are finished, and synced or not.
func killInFlight(t *testing.T, behind int, synced bool) {
	n := newNode(t, smallFiles)
	c := n.subscribe("t/c", 1000)
	n.pub("t", "held", "requeued", "twice", "done")
	n.dpub("t", time.Minute, "deferred")
	c.want("held", "requeued", "twice", "done")
	c.req("twice", 0)
	c.want("twice#2")
	c.req("requeued", 50*time.Second)
	c.fin("done")
	rest := numbered(strings.Repeat("x", 100), 0, behind) // so that all the above stands in files that are done with
	n.pub("t", rest...)
	c.want(rest...)
	c.fin(rest...)
	if synced {
		n.sync()
	}
	n.must(n.b.CreateChannel(n.now, "t", "late"))
	n.must(n.b.PauseChannel(n.now, "t", "late", true))

	n.kill()
	n.wantCounts("t/c", 2, 0, 2)
	c = n.subscribe("t/c", 1000)
	c.want("held#2", "twice#3")
	n.pass(50*time.Second - 1)
	c.want()
	n.pass(1)
	c.want("requeued#2")
	n.pass(10*time.Second - 1)
	c.want()
	n.pass(1) // and with this what came first is in flight for a minute
	if got := c.got(); !slices.Contains(got, "deferred") {
		t.Fatalf("got %q, want what was deferred among it", got)
	}
	late := n.subscribe("t/late", 1000)
	n.pub("t", "new")
	late.want()
	n.must(n.b.PauseChannel(n.now, "t", "late", false))
	late.want("new")
}

// Row 3. Before a queue's first sync, 2 s or 2500 messages, nsqd has no file that tells of its data file: after a kill it writes the
// queue anew from its beginning, and 10 of 10 messages are gone. Ours finds what is in the folder, told of or not.
func TestRow03KillBeforeFirstSync(t *testing.T) {
	ten := numbered("m", 0, 10)
	for _, channel := range []bool{false, true} {
		n := newNode(t, func(o *broker.Options) { o.MemQueueSize = 0 })
		if channel {
			n.subscribe("t/c", 0)
		}
		n.pub("t", ten...)
		n.kill()
		c := n.subscribe("t/c", 100)
		c.want(ten...)
		n.pub("t", "new")
		c.want("new")
		if channel {
			continue
		}
		for _, file := range []string{"*.journal", "nsqd.dat"} { // as if they had never been there
			n := newNode(t, nil)
			n.pub("t", ten...)
			found, err := n.disk.Files(file)
			n.must(err)
			for _, f := range found {
				n.must(n.disk.Remove(f))
			}
			n.kill()
			n.subscribe("t/c", 100).want(ten...)
		}
	}
}

// Row 4. After a kill nsqd begins where the queue's position was synced last, and delivers again what was finished since: 10 of 10.
// Ours has written what is finished by the end of the read that brought it, so a kill repeats only what was in flight. After a power
// cut what was finished since the last sync may come again, and never more.
func TestRow04KillAfterSync(t *testing.T) {
	n := newNode(t, byFsync)
	c := n.subscribe("t/c", 100)
	before, since := numbered("before", 0, 10), numbered("since", 0, 10)
	n.pub("t", before...)
	n.pub("t", since...)
	c.want(slices.Concat(before, since)...)
	c.fin(before...)
	n.sync()
	c.fin(since[:9]...)

	killed := n.on(n.disk.Clone())
	killed.subscribe("t/c", 100).want("since9#2")

	for after := range n.cuts() {
		got := after.subscribe("t/c", 100).got()
		if extra := slices.DeleteFunc(slices.Clone(got), func(m string) bool { return strings.HasPrefix(m, "since") }); len(extra) > 0 {
			t.Fatalf("after a power cut came %q", got)
		}
		if !slices.Contains(got, "since9#2") {
			t.Fatalf("after a power cut came %q, without what was in flight", got)
		}
	}
}

// Row 5. nsqd syncs data files every 2500 messages or 2 s, never for a publisher, and never the folder, so a power cut takes what was
// acknowledged. Ours with --durability=fsync answers after a sync of the files and of the folder: whatever a power cut leaves of the disk,
// the messages, the topic and the channel are there.
func TestRow05PowerCutAfterOK(t *testing.T) {
	n := newNode(t, func(o *broker.Options) {
		o.Durability, o.MaxBytesPerFile = broker.Fsync, 500
	})
	n.subscribe("t/c", 0)
	var acked []string
	for i := range 6 {
		body := fmt.Sprintf("m%d %s", i, strings.Repeat("x", 200))
		a := n.publish("t", 0, body)
		if a.told {
			t.Fatal("OK came before a sync")
		}
		for after := range n.cuts() {
			after.subscribe("t/c", 100).wantFirst(acked, body)
		}
		n.sync()
		n.acknowledged(a)
		acked = append(acked, body)
		for after := range n.cuts() {
			after.wantCounts("t/c", int64(len(acked)), 0, 0)
			after.subscribe("t/c", 100).want(acked...)
		}
	}

	n = newNode(t, byFsync)
	_, err := n.disk.Fail(sim.DiskSyncDir, "*", 0, nil)
	n.must(err)
	a := n.publish("t", 0, "x")
	if err := n.b.Sync(n.now.Add(time.Hour)); err == nil || !a.told || a.err == nil {
		t.Fatalf("the folder was not synced, and the publisher was told %+v", *a)
	}
}

// wantFirst checks that some messages have come, and then perhaps another.
func (c *client) wantFirst(want []string, perhaps string) {
	c.n.t.Helper()
	got := c.got()
	if len(got) > len(want) && got[len(want)] == perhaps {
		got = got[:len(want)]
	}
	if !slices.Equal(got, want) {
		c.n.t.Fatalf("got %.300q, want %.300q", got, want)
	}
}

// Row 6. nsqd passes over errors when it syncs the file of a queue's position, and logs those of its data; the publisher has its OK.
// Ours with --durability=fsync refuses what a sync that failed was about, tells it in /ping, leaves that file alone, and goes on in another.
func TestRow06SyncFails(t *testing.T) {
	for _, file := range []string{"*.log", "*.journal"} {
		n := newNode(t, byFsync)
		n.pub("t", "before")
		fault, err := n.disk.FailSyncOnce(file)
		n.must(err)
		n.must(n.b.CreateChannel(n.now, "t", "c"))
		a := n.publish("t", 0, "lost")
		err = n.b.Sync(n.now.Add(time.Hour))
		if err == nil || fault.Hits() != 1 || !a.told || a.err == nil {
			t.Fatalf("%s: Sync said %v, the publisher was told %+v", file, err, *a)
		}
		if health := n.b.Health(); !strings.HasPrefix(health, "NOK - topic t: ") {
			t.Fatalf("%s: health is %q", file, health)
		}
		n.pass(time.Second)
		n.pub("t", "after")
		if health := n.b.Health(); health != "OK" {
			t.Fatalf("%s: health is %q afterwards", file, health)
		}
		if logs, err := n.disk.Files("t.*.log"); err != nil || file == "*.log" && len(logs) != 2 {
			t.Fatalf("it went on in the file that could not be synced: %q, %v", logs, err)
		}
		for after := range n.cuts() {
			got := after.subscribe("t/c", 100).got()
			if got = slices.DeleteFunc(got, func(m string) bool { return m == "lost" }); !slices.Equal(got, []string{"before", "after"}) {
				t.Fatalf("%s: of what was acknowledged there is %q", file, got)
			}
		}
	}
}

// Row 6, nsqd.dat: a sync of it that fails is told, and made up for soon.
func TestRow06SyncOfMetadataFails(t *testing.T) {
	n := newNode(t, nil)
	_, err := n.disk.FailSyncOnce("nsqd.dat*")
	n.must(err)
	n.must(n.b.CreateTopic(n.now, "t"))
	if err := n.b.Sync(n.now); err == nil {
		t.Fatal("Sync said nothing")
	}
	next := n.b.NextSync()
	if next.IsZero() || next.Sub(n.now) > time.Second {
		t.Fatalf("it is tried again at %v", next)
	}
	n.must(n.b.Sync(next))
	if p, err := n.disk.ReadFile("nsqd.dat"); err != nil || !strings.Contains(string(p), `"t"`) {
		t.Fatalf("nsqd.dat is %q, %v", p, err)
	}
}

// Row 11. nsqd drops the deferral of what it writes to disk: where the memory queue is full, at a requeue too, and at a restart. Ours keeps
// the time with the message, wherever it stands.
func TestRow11DeferralsLast(t *testing.T) {
	for _, test := range []struct {
		name       string
		durability broker.Durability
		end        func(*node)
	}{
		{"goes on", broker.OS, func(*node) {}},
		{"killed", broker.OS, (*node).kill},
		{"stopped", broker.OS, (*node).restart},
		{"killed", broker.Fsync, (*node).kill},
		{"goes on", broker.Memory, func(*node) {}},
		{"stopped", broker.Memory, (*node).restart},
	} {
		t.Run(fmt.Sprint(test.durability, " ", test.name), func(t *testing.T) {
			n := newNode(t, func(o *broker.Options) {
				o.Durability, o.MemQueueSize = test.durability, 1
			})
			n.dpub("early", 30*time.Second, "w", "x") // before there is a channel
			c := n.subscribe("t/c", 1)
			n.pub("t", "now")
			n.dpub("t", 30*time.Second, numbered("d", 0, 4)...)
			c.want("now")
			c.req("now", 40*time.Second)
			n.pub("t", "ready") // so that the memory queue is full when they come due
			n.pass(10 * time.Second)
			test.end(n)
			n.pass(20*time.Second - 1)
			if st := n.channel("t/c"); st.Deferred != 5 || st.Depth+int64(st.InFlight) != 1 {
				t.Fatalf("just before it is due: %+v", st)
			}
			c, early := n.subscribe("t/c", 100), n.subscribe("early/c", 100)
			c.got()
			early.want()
			n.pass(1)
			c.want(numbered("d", 0, 4)...)
			early.want("w", "x")
			n.pass(10*time.Second - 1)
			c.want()
			n.pass(1)
			c.want("now#2")
		})
	}
}
