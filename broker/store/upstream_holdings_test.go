package store_test

import (
	"errors"
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

// holdings reads a topic's log and journal: what each channel is owed, and under "" what waits at the topic.
func holdings(t *testing.T, fs store.FS, topic string) map[string]holding {
	t.Helper()
	var journal []store.Entry
	files, err := store.Files(fs)
	if err != nil {
		t.Fatal(err)
	}
	if _, torn, err := store.OpenJournal(fs, topic, files[topic], func(e store.Entry) { journal = append(journal, e) }); err != nil || torn != 0 {
		t.Fatalf("the journal of %s: %v, %d bytes torn", topic, err, torn)
	}
	var past store.Past
	for _, e := range journal {
		if e.Op == store.Synced {
			past.Synced = e.ID
		}
	}
	var log []store.Record
	keep := func(_ store.Offset, r store.Record) int64 {
		r.Body = slices.Clone(r.Body)
		log = append(log, r)
		return 1
	}
	l, rec, err := store.Open(fs, topic, files[topic], past, store.Options{}, keep)
	if err = errors.Join(err, l.Close()); err != nil || rec.Torn != 0 || rec.Lost != nil {
		t.Fatalf("the log of %s: %v, %+v", topic, err, rec)
	}
	var opened, passed, synced store.Offset // of the topic
	names := map[uint32]string{0: ""}
	owed := map[uint32]map[store.Offset]uint16{} // the messages, with their attempts
	begins, sealed := map[uint32]store.Offset{}, map[store.Offset]store.Offset{}
	paused, used := map[uint32]bool{}, map[uint32]bool{}
	since := func(first, deferred store.Offset) map[store.Offset]uint16 {
		all := map[store.Offset]uint16{}
		for _, r := range log {
			if r.ID >= first && (r.Due == 0 || r.ID >= deferred) {
				all[r.ID] = 0
			}
		}
		return all
	}
	for _, e := range journal {
		switch e.Op {
		case store.Opened:
			if e.Channel == 0 {
				opened, passed = e.ID, e.ID
				continue
			}
			if used[e.Channel] {
				t.Errorf("%s: two channels have number %d", topic, e.Channel)
			}
			used[e.Channel] = true
			begins[e.Channel] = e.ID
			names[e.Channel], owed[e.Channel] = e.Name, since(max(e.ID, opened), passed) // what is deferred is owed if it was handed later
		case store.Passed: // a channel's says nothing of what is owed
			if e.Channel == 0 {
				passed = e.ID
			}
		case store.Deleted:
			delete(names, e.Channel)
			if e.Channel == 0 {
				names, opened, passed = map[uint32]string{}, e.ID, e.ID
			}
		case store.Paused, store.Unpaused:
			paused[e.Channel] = e.Op == store.Paused
			if e.Channel == 0 {
				passed = e.ID
			}
		case store.Synced:
			synced = e.ID
		case store.Sealed:
			sealed[e.ID] = e.To
		case store.Finished, store.Emptied:
			maps.DeleteFunc(owed[e.Channel], func(o store.Offset, _ uint16) bool { return o == e.ID || e.ID < o && o < e.To })
		case store.Returned:
			i := slices.IndexFunc(log, func(r store.Record) bool { return r.ID == e.ID })
			if _, ok := owed[e.Channel][e.ID]; !ok || e.ID >= begins[e.Channel] && log[i].Due == 0 {
				t.Errorf("%s: channel %q has %d back, which it was not owed, or finds at its cursor too", topic, names[e.Channel], e.ID)
			}
			owed[e.Channel][e.ID] = e.Attempts
		}
	}
	for _, f := range files[topic] {
		_, base, ok := store.ParseFileName(f)
		size, err := fs.Size(f)
		if end := base + store.Offset(size); ok && (err != nil || sealed[base] != end || synced < end) {
			t.Errorf("%s ends at %d, %v; the journal says at %d, and that %d lasts", f, end, err, sealed[base], synced)
		}
	}
	owed[0] = since(passed, passed)
	all := map[string]holding{}
	for number, name := range names {
		h := holding{paused: paused[number]}
		for _, r := range log {
			if attempts, ok := owed[number][r.ID]; ok {
				h.messages = append(h.messages, sent{r.At, attempts, string(r.Body)})
			}
		}
		all[name] = h
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
