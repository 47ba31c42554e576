package broker_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

func discovers(o *broker.Options) {
	smallFiles(o)
	o.Discover = true
	o.MsgTimeout, o.MaxMsgTimeout = 10*time.Hour, 10*time.Hour
}

// undiscovered is what a broker has not been told of yet.
func (n *node) undiscovered(want ...string) {
	n.t.Helper()
	if got := n.b.Undiscovered(); !slices.Equal(got, want) {
		n.t.Fatalf("undiscovered are %q, want %q", got, want)
	}
}

// names are the topics with their channels, as others are told them.
func (n *node) names(want string) {
	n.t.Helper()
	if got := fmt.Sprint(n.b.Names()); got != want {
		n.t.Fatalf("the names are %s, want %s", got, want)
	}
}

// Row 16. nsqd makes a new topic's publisher wait for the nsqlookupds, and channels that none of them names then miss the first messages. Ours
// waits for nothing: whatever channel comes until it was told of them gets all there was, though others have finished it.
func TestRow16NewTopicsChannels(t *testing.T) {
	n := newNode(t, discovers)
	early, late, deferred := numbered("early", 0, 40), numbered("late", 0, 40), numbered("deferred", 0, 3)
	n.pub("t", early...)
	n.undiscovered("t")
	c := n.subscribe("t/first", 1000) // nobody waits for anything
	c.want(early...)
	c.fin(early...)
	n.dpub("t", time.Minute, deferred...)
	n.dpub("t", time.Hour, "much later")
	n.pub("t", late...)
	c.want(late...)
	c.fin(late...)
	n.pass(time.Minute)
	c.want(deferred...)
	c.fin(deferred...)
	n.sync()
	n.names("[{t [first]}]")
	n.wantCounts("t/first", 0, 0, 1)
	n.wantCounts("t/none", 0, 0, 0)

	second := n.subscribe("t/second", 1000) // nor is anything missed
	all := slices.Concat(early, late, deferred)
	got := second.got()
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(all)); !slices.Equal(got, want) {
		t.Fatalf("the second channel got %q, want %q", got, want)
	}
	second.fin(all...)

	n.b.Discovered(n.now, "t", []string{"first", "third", "no/name", "x#ephemeral"}, true)
	n.undiscovered()
	n.names("[{t [first second third]}]")
	n.b.Discovered(n.now, "t", []string{"fourth"}, true) // once is enough
	n.names("[{t [first second third]}]")
	fourth := n.subscribe("t/fourth", 1000) // it is new, and begins here
	fourth.want()
	n.wantCounts("t/third", 83, 0, 1)
	third := n.subscribe("t/third", 1000)
	if got := third.got(); len(got) != len(all) {
		t.Fatalf("the third channel got %d messages, want %d", len(got), len(all))
	}
	third.fin(all...)
	n.pass(time.Hour)
	for _, c := range []*client{c, second, third} {
		c.want("much later")
		c.fin("much later")
	}
	fourth.want()
	if held := n.b.Held(); held != 0 {
		t.Fatalf("%d messages are held", held)
	}
}

// What a channel is owed that is not known yet outlives any end, and goes when there is none.
func TestRow16OutlivesACrash(t *testing.T) {
	n := newNode(t, func(o *broker.Options) { discovers(o); byFsync(o) })
	all := numbered("m", 0, 60)
	c := n.subscribe("t/first", 1000)
	n.pub("t", all[:50]...)
	c.want(all[:50]...)
	c.fin(all[:50]...)
	n.dpub("t", time.Hour, all[50:]...)
	n.sync()
	for after := range n.cuts() {
		after.undiscovered("t")
		after.names("[{t [first]}]")
		after.b.Discovered(after.now, "t", []string{"second"}, true)
		d := after.subscribe("t/second", 1000)
		d.want(all[:50]...)
		d.fin(all[:50]...)
		after.wantCounts("t/second", 0, 0, 10)
		after.kill()
		after.undiscovered()
		after.subscribe("t/second", 1000).want()
		after.wantCounts("t/second", 0, 0, 10)
	}
	n.restart()
	n.undiscovered("t")
	n.opts.Discover = false // it is not to be told any more
	n.restart()
	n.undiscovered()
	d := n.subscribe("t/second", 1000)
	d.want()
	n.pass(2 * time.Hour)
	d.want()
	c = n.subscribe("t/first", 1000)
	c.want(all[50:]...)
	c.fin(all[50:]...)
	n.sync()
	n.sync()
	n.disk.Kill()
	n.start()
	n.sync()
	n.wantFiles("nsqd.dat", "t.journal")
}

// A topic without any channel keeps all, as ever, and its channels get it when it is told of them.
func TestRow16NoChannelYet(t *testing.T) {
	n := newNode(t, discovers)
	n.pub("t", "a", "b")
	n.kill()
	n.undiscovered("t")
	if d := n.topic("t").Depth; d != 2 {
		t.Fatalf("%d messages wait", d)
	}
	n.b.Discovered(n.now, "t", []string{"x", "y"}, true)
	for _, c := range []string{"t/x", "t/y"} {
		n.subscribe(c, 10).want("a", "b")
	}
	n.pub("u", "c")
	n.b.Discovered(n.now, "u", nil, true)
	n.undiscovered()
	n.subscribe("u/x", 10).want("c")
	n.subscribe("u/y", 10).want()
	n.b.Discover(n.now, false)
	n.pub("v", "d")
	n.undiscovered()
	n.b.Discover(n.now, true)
	n.pub("w", "e")
	n.undiscovered("w")
	n.must(n.b.DeleteTopic(n.now, "w"))
	n.undiscovered()
	n.pub("news#ephemeral", "f")
	n.b.Discovered(n.now, "news#ephemeral", []string{"x"}, true)
	n.subscribe("news#ephemeral/x", 10).want("f")
}

// Its last channel is deleted before the topic was told of others: all that was published waits for those.
func TestRow16LastChannelDeleted(t *testing.T) {
	n := newNode(t, discovers)
	c := n.subscribe("t/first", 10)
	n.pub("t", "a")
	c.want("a")
	c.fin("a")
	n.must(n.b.DeleteChannel(n.now, "t", "first"))
	n.pub("t", "b")
	if d := n.topic("t").Depth; d != 2 {
		t.Fatalf("%d messages wait", d)
	}
	n.b.Discovered(n.now, "t", []string{"second"}, true)
	n.subscribe("t/second", 10).want("a", "b")
}

// Its last channel is deleted, and it has no others: what was published waits for the next one, which alone gets it.
func TestRow16NoChannelLeft(t *testing.T) {
	n := newNode(t, discovers)
	n.subscribe("t/x#ephemeral", 10).s.Disconnect(n.now)
	n.pub("t", "a")
	n.b.Discovered(n.now, "t", nil, true)
	n.undiscovered()
	n.pub("t", "b")
	if d := n.topic("t").Depth; d != 2 {
		t.Fatalf("%d messages wait", d)
	}
	n.names("[{t []}]")
	n.subscribe("t/second", 10).want("a", "b")
	n.subscribe("t/third", 10).want()
	n.pub("t", "c")
	n.wantCounts("t/second", 0, 3, 0)
	n.wantCounts("t/third", 0, 1, 0)
}

// A channel that is #ephemeral and comes back while the topic has another is new: it does not get again what it had.
func TestRow16EphemeralComesBack(t *testing.T) {
	n := newNode(t, discovers)
	first, c := n.subscribe("t/first", 10), n.subscribe("t/x#ephemeral", 10)
	n.pub("t", "a")
	first.want("a")
	c.want("a")
	c.fin("a")
	c.s.Disconnect(n.now)
	c = n.subscribe("t/x#ephemeral", 10)
	c.want()
	n.pub("t", "b")
	c.want("b")
	n.subscribe("t/second", 10).want("a", "b")
}

// Whatever happens until a topic is told of its channels, and however often the broker ends, each of them gets each message.
func TestRow16Random(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 16))
		n := newNode(t, discovers)
		var all []string
		got := map[string]map[string]bool{"a": {}, "b": {}, "c": {}, "d": {}}
		names := []string{"a", "b", "c", "d"}
		take := func(name string) {
			c := n.subscribe("t/"+name, 1+rng.IntN(20))
			for _, m := range c.got() {
				body, _, _ := strings.Cut(m, "#")
				if rng.IntN(4) > 0 {
					got[name][body] = true
					c.fin(body)
				} else if rng.IntN(2) == 0 {
					c.req(body, time.Duration(rng.IntN(3))*time.Minute)
				}
			}
			c.s.Disconnect(n.now)
			n.clients = n.clients[:len(n.clients)-1]
		}
		for range 60 {
			switch rng.IntN(8) {
			case 0, 1, 2:
				body := fmt.Sprintf("m%d", len(all))
				all = append(all, body)
				n.dpub("t", time.Duration(max(0, rng.IntN(4)-2))*time.Minute, body)
			case 3, 4:
				take(names[rng.IntN(2)])
			case 5:
				n.pass(time.Duration(rng.IntN(90)) * time.Second)
			case 6:
				n.sync()
			case 7:
				if rng.IntN(3) == 0 {
					n.kill()
				}
			}
		}
		n.b.Discovered(n.now, "t", names, true)
		for range 10 {
			n.pass(11 * time.Hour)
			for _, name := range names {
				for range 40 {
					take(name)
				}
			}
		}
		for _, name := range names {
			if len(all) > 0 && len(got[name]) != len(all) {
				t.Fatalf("seed %d: %s got %d of %d messages", seed, name, len(got[name]), len(all))
			}
		}
		if held := n.b.Held(); held != 0 {
			t.Fatalf("seed %d: %d messages are held", seed, held)
		}
	}
}
