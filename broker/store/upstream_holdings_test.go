package store_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
)

// A holding is what a channel, or a topic without one, has.
type holding struct {
	messages []sent
	paused   bool
}

// A ledger reads a topic's journal against its log.
type ledger struct {
	topic          string
	log            []store.Record
	opened, passed store.Offset // of the topic
	synced         store.Offset
	sealed         map[store.Offset]store.Offset
	channels       map[uint32]*account
}

// An account is a channel's, or the topic's under number 0.
type account struct {
	name   string
	begins store.Offset
	owed   map[store.Offset]uint16 // the messages, with their attempts
	paused bool
	gone   bool
}

// holdings reads a topic's log and journal: what each channel is owed, and under "" what waits at the topic.
func holdings(t *testing.T, fs store.FS, topic string) map[string]holding {
	t.Helper()
	files, err := store.Files(fs)
	if err != nil {
		t.Fatal(err)
	}
	b := ledger{topic: topic, sealed: map[store.Offset]store.Offset{}, channels: map[uint32]*account{0: {}}}
	var journal []store.Entry
	_, torn, err := store.OpenJournal(fs, topic, files[topic], func(e store.Entry) {
		journal = append(journal, e)
		if e.Op == store.Synced {
			b.synced = e.ID
		}
	})
	if err != nil || torn != 0 {
		t.Fatalf("the journal of %s: %v, %d bytes torn", topic, err, torn)
	}
	l, rec, err := store.Open(fs, topic, files[topic], store.Past{Synced: b.synced}, store.Options{}, func(_ store.Offset, r store.Record) int64 {
		r.Body = slices.Clone(r.Body)
		b.log = append(b.log, r)
		return 1
	}, nil)
	if err != nil || rec.Torn != 0 || rec.Lost != nil {
		t.Fatalf("the log of %s: %v, %+v", topic, err, rec)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for _, e := range journal {
		if e.Channel == 0 {
			b.replayTopic(e)
		} else {
			b.replay(t, e)
		}
	}
	b.check(t, fs, files[topic])
	b.channels[0].owed = b.since(b.passed, b.passed)
	return b.holdings()
}

// since gives the messages from one offset on, and of the deferred ones those from another on.
func (b *ledger) since(first, deferred store.Offset) map[store.Offset]uint16 {
	all := map[store.Offset]uint16{}
	for _, r := range b.log {
		if r.ID >= first && (r.Due == 0 || r.ID >= deferred) {
			all[r.ID] = 0
		}
	}
	return all
}

func (b *ledger) replayTopic(e store.Entry) {
	switch e.Op {
	case store.Opened:
		b.opened, b.passed = e.ID, e.ID
	case store.Deleted:
		b.opened, b.passed, b.channels = e.ID, e.ID, map[uint32]*account{0: {}}
	case store.Passed:
		b.passed = e.ID
	case store.Paused, store.Unpaused:
		b.channels[0].paused, b.passed = e.Op == store.Paused, e.ID
	case store.Sealed:
		b.sealed[e.ID] = e.To
	}
}

func (b *ledger) replay(t *testing.T, e store.Entry) {
	t.Helper()
	c := b.channels[e.Channel]
	switch e.Op {
	case store.Opened:
		if c != nil {
			t.Errorf("%s: two channels have number %d", b.topic, e.Channel)
		}
		// What is deferred is owed if it was handed later.
		b.channels[e.Channel] = &account{name: e.Name, begins: e.ID, owed: b.since(max(e.ID, b.opened), b.passed)}
	case store.Deleted:
		c.gone = true
	case store.Paused, store.Unpaused:
		c.paused = e.Op == store.Paused
	case store.Finished, store.Emptied:
		maps.DeleteFunc(c.owed, func(o store.Offset, _ uint16) bool { return o == e.ID || e.ID < o && o < e.To })
	case store.Returned:
		i := slices.IndexFunc(b.log, func(r store.Record) bool { return r.ID == e.ID })
		if _, ok := c.owed[e.ID]; !ok || e.ID >= c.begins && b.log[i].Due == 0 {
			t.Errorf("%s: channel %q has %d back, which it was not owed, or finds at its cursor too", b.topic, c.name, e.ID)
		}
		c.owed[e.ID] = e.Attempts
	}
}

// check compares where the segments end with what the journal says.
func (b *ledger) check(t *testing.T, fs store.FS, files []string) {
	t.Helper()
	for _, f := range files {
		_, base, ok := store.ParseFileName(f)
		size, err := fs.Size(f)
		if end := base + store.Offset(size); ok && (err != nil || b.sealed[base] != end || b.synced < end) {
			t.Errorf("%s ends at %d, %v; the journal says at %d, and that %d lasts", f, end, err, b.sealed[base], b.synced)
		}
	}
}

func (b *ledger) holdings() map[string]holding {
	all := map[string]holding{}
	for _, c := range b.channels {
		if c.gone {
			continue
		}
		h := holding{paused: c.paused}
		for _, r := range b.log {
			if attempts, ok := c.owed[r.ID]; ok {
				h.messages = append(h.messages, sent{r.At, attempts, string(r.Body)})
			}
		}
		all[c.name] = h
	}
	return all
}

// wantHoldings compares what a topic has with what it should have, with the channels' names in order.
func wantHoldings(t *testing.T, fs store.FS, topic string, want map[string]holding) {
	t.Helper()
	got := holdings(t, fs, topic)
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("%s has the channels %q, want %q", topic, g, w)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(got[name].messages, want[name].messages) || got[name].paused != want[name].paused {
			t.Errorf("%s/%s has (paused %v)\n%v, want (%v)\n%v", topic, name, got[name].paused, got[name].messages, want[name].paused, want[name].messages)
		}
	}
}
