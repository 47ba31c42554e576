package broker_test

import (
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
)

// TestSettle: what is done to topics and channels of durability fsync is told to last by a sync, not before, and no power cut undoes it then.
func TestSettle(t *testing.T) {
	channel := func(n *node, name string) (found bool) {
		for _, c := range n.topic("t").Channels {
			found = found || c.Name == name
		}
		return found
	}
	for _, c := range []struct {
		name string
		do   func(n *node) error
		done func(n *node) bool
	}{
		{"create a topic", func(n *node) error { return n.b.CreateTopic(n.now, "t2") }, func(n *node) bool { return n.topic("t2").Name == "t2" }},
		{"delete the topic", func(n *node) error { return n.b.DeleteTopic(n.now, "t") }, func(n *node) bool { return n.topic("t").Name == "" }},
		{"empty the topic", func(n *node) error { return n.b.EmptyTopic(n.now, "t") }, func(n *node) bool { return n.topic("t").Depth == 0 }},
		{"unpause the topic", func(n *node) error { return n.b.PauseTopic(n.now, "t", false) }, func(n *node) bool { return !n.topic("t").Paused }},
		{"pause the topic", func(n *node) error { return n.b.PauseTopic(n.now, "t", true) }, func(n *node) bool { return n.topic("t").Paused }},
		{"create a channel", func(n *node) error { return n.b.CreateChannel(n.now, "t", "c2") }, func(n *node) bool { return channel(n, "c2") }},
		{"delete the channel", func(n *node) error { return n.b.DeleteChannel(n.now, "t", "c") }, func(n *node) bool { return !channel(n, "c") }},
		{"empty the channel", func(n *node) error { return n.b.EmptyChannel(n.now, "t", "c") }, func(n *node) bool { return n.channel("t/c").Depth == 0 }},
		{"pause the channel", func(n *node) error { return n.b.PauseChannel(n.now, "t", "c", true) }, func(n *node) bool { return n.channel("t/c").Paused }},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t, func(o *broker.Options) { o.Durability = broker.Fsync })
			n.must(n.b.CreateTopic(n.now, "t"))
			n.must(n.b.CreateChannel(n.now, "t", "c"))
			n.pub("t", "one", "two")
			if strings.HasSuffix(c.name, "the topic") { // with something that waits there
				n.must(n.b.PauseTopic(n.now, "t", c.name != "pause the topic"))
				n.pub("t", "three")
			}
			n.sync()
			if c.done(n) {
				t.Fatal("it is done before")
			}
			n.must(c.do(n))
			name := "t"
			if c.name == "create a topic" {
				name = "t2"
			}
			a := &answer{}
			n.b.Settle(n.now, name, func(err error) { a.told, a.err = true, err })
			if a.told || n.b.NextSync().After(n.now) {
				t.Fatalf("told %v, the next sync is at %v", a.told, n.b.NextSync())
			}
			n.sync()
			if !a.told || a.err != nil {
				t.Fatalf("told %v, %v", a.told, a.err)
			}
			for after := range n.cuts() {
				if !c.done(after) {
					t.Fatal("a power cut has undone it")
				}
			}
		})
	}
}

// TestSettleOfWhatLasts: nobody waits for what lasts already, nor where nothing is to last.
func TestSettleOfWhatLasts(t *testing.T) {
	n := newNode(t, func(o *broker.Options) { o.Durability = broker.Fsync })
	n.must(n.b.CreateTopic(n.now, "t"))
	n.sync()
	n.sync()
	a := &answer{}
	n.b.Settle(n.now, "t", func(err error) { a.told, a.err = true, err })
	n.sync()
	n.acknowledged(a)
	n.must(n.b.CreateTopic(n.now, "e#ephemeral"))
	n.must(n.b.CreateChannel(n.now, "e#ephemeral", "c"))
	for _, name := range []string{"e#ephemeral", "gone#ephemeral"} {
		a := &answer{}
		n.b.Settle(n.now, name, func(err error) { a.told, a.err = true, err })
		if !a.told || a.err != nil {
			t.Errorf("%s: told %v, %v", name, a.told, a.err)
		}
	}
}

// TestMadeMeanwhile: a channel that is made while its topic is synced is told to last by the next sync: this one need not have it.
func TestMadeMeanwhile(t *testing.T) {
	p := newPatient(t, broker.Fsync)
	fs := &closing{FS: store.NewMemory(), synced: func() {}}
	var err error
	if p.b, err = broker.Open(p.now, p.opts, fs, func() {}); err != nil {
		t.Fatal(err)
	}
	a := p.connect(pub("t", "x"))
	var b *broker.Session
	settled := 0
	fs.synced = func() {
		if b == nil {
			b = p.connect("SUB t c\n")
			p.b.Settle(p.now, "t", func(error) { settled++ })
		}
	}
	for i, want := range []string{"", "OK"} {
		if err := p.sync(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.told(b, false), " "); got != want || settled != i {
			t.Errorf("after sync %d the subscriber is told %q, want %q; %d settled", i+1, got, want, settled)
		}
	}
	if got := p.told(a, false); len(got) != 1 || got[0] != "OK" {
		t.Errorf("the publisher is told %q", got)
	}
}
