package lookup

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// What Save gives is another afterwards if Changes says so, and only then.
func TestChangesTellWhatSaveGives(t *testing.T) {
	r := NewRegistry(DefaultOptions())
	var p, q *producer
	saved := func() (text string, changes uint64) {
		var b bytes.Buffer
		if err := r.Save(&b); err != nil {
			t.Fatal(err)
		}
		return b.String(), r.Changes()
	}
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"a producer comes", func() { p = r.identify(began, Producer{BroadcastAddress: "p", TCPPort: 1}) }},
		{"another comes", func() { q = r.identify(began, Producer{BroadcastAddress: "q", TCPPort: 1}) }},
		{"a ping", func() { r.ping(began.Add(time.Second), p) }},
		{"a channel", func() { r.register(p, "t", "c") }},
		{"the same again", func() { r.register(p, "t", "c") }},
		{"the other has the topic", func() { r.register(q, "t", "") }},
		{"and the channel", func() { r.register(q, "t", "c") }},
		{"it gives the channel up", func() { r.unregister(q, "t", "c") }},
		{"once more", func() { r.unregister(q, "t", "c") }},
		{"a tombstone", func() { r.Tombstone(began, "t", "q:0") }},
		{"a topic that nobody has", func() { r.CreateTopic("u") }},
		{"a channel that nobody has", func() { r.CreateChannel("u", "c") }},
		{"it is deleted", func() { r.DeleteChannel("u", "c") }},
		{"so is the topic", func() { r.DeleteTopic("u") }},
		{"a look", func() { r.Lookup(began, "t") }},
		{"a producer goes", func() { r.disconnect(p) }},
		{"the other goes", func() { r.disconnect(q) }},
	} {
		before, was := saved()
		step.do()
		if after, is := saved(); (after != before) != (is != was) || is < was {
			t.Errorf("%s: changes went from %d to %d, and what is saved from\n%sto\n%s", step.name, was, is, before, after)
		}
	}
}

// A full disk takes n bytes.
type full struct{ n int }

var errFull = errors.New("full")

func (f *full) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestSaveTellsOfAFullDisk(t *testing.T) {
	r := NewRegistry(DefaultOptions())
	r.register(r.identify(began, Producer{BroadcastAddress: "p", TCPPort: 1}), "t", "c")
	var b bytes.Buffer
	if err := r.Save(&b); err != nil {
		t.Fatal(err)
	}
	for n := range b.Len() {
		if err := r.Save(&full{n}); !errors.Is(err, errFull) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	if err := r.Save(&full{b.Len()}); err != nil {
		t.Error(err)
	}
}

func TestFigures(t *testing.T) {
	r := NewRegistry(DefaultOptions())
	p := r.identify(began, Producer{BroadcastAddress: "p", TCPPort: 1})
	q := r.identify(began, Producer{BroadcastAddress: "q", TCPPort: 1})
	r.identify(began.Add(-time.Hour), Producer{BroadcastAddress: "silent", TCPPort: 1})
	r.register(p, "t", "c")
	r.register(q, "t", "")
	r.register(q, "u", "")
	r.CreateChannel("v", "d")
	r.Tombstone(began, "t", "q:0")
	r.Watch("w", 0, func() {})
	now := began
	want := Figures{Topics: 3, Channels: 2, Registrations: 4, Live: 1, Silent: 1, Tombstoned: 1, Watching: 1}
	if got := r.Figures(now); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	now = began.Add(r.opts.TombstoneLifetime)
	want.Live, want.Tombstoned = 2, 0
	if got := r.Figures(now); got != want {
		t.Errorf("after the tombstone's life: %+v, want %+v", got, want)
	}
	r.Tombstone(now, "t", "q:0")
	r.unregister(q, "t", "")
	want.Registrations--
	if got := r.Figures(now); got != want {
		t.Errorf("the tombstone is gone: %+v, want %+v", got, want)
	}
}

// crowd registers so many producers, each with so many topics, all the same, with a channel.
func crowd(producers, topics int) *Registry {
	r := NewRegistry(DefaultOptions())
	for i := range producers {
		p := r.identify(began, Producer{
			RemoteAddress: fmt.Sprintf("10.0.%d.%d:50000", i/256, i%256), Hostname: fmt.Sprintf("nsqd-%d", i),
			BroadcastAddress: fmt.Sprintf("nsqd-%d.example.net", i), TCPPort: 4150, HTTPPort: 4151, Version: "1.3.0",
		})
		for j := range topics {
			r.register(p, fmt.Sprintf("topic-%d", j), "channel")
		}
	}
	return r
}

// BenchmarkTwoThousandNsqds is 2,000 nsqds with 500 topics each, all the same, with a channel each.
func BenchmarkTwoThousandNsqds(b *testing.B) {
	const producers, topics = 2000, 500
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	r := crowd(producers, topics)
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Run("Lookup", func(b *testing.B) {
		for b.Loop() {
			if found, _, ok := r.Lookup(began, "topic-7"); !ok || len(found.Producers) != producers {
				b.Fatal("not found")
			}
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		b.ReportMetric(took.Seconds(), "s-to-register")
	})
	b.Run("LookupOfOne", func(b *testing.B) {
		r.register(r.producers[0], "lonely", "channel")
		for b.Loop() {
			if found, _, ok := r.Lookup(began, "lonely"); !ok || len(found.Producers) != 1 {
				b.Fatal("not found")
			}
		}
	})
	b.Run("Nodes", func(b *testing.B) {
		for b.Loop() {
			if nodes := r.Nodes(began); len(nodes) != producers {
				b.Fatal("not found")
			}
		}
	})
	b.Run("Figures", func(b *testing.B) {
		for b.Loop() {
			r.Figures(began)
		}
	})
	b.Run("Save", func(b *testing.B) {
		for b.Loop() {
			if err := r.Save(&full{1 << 40}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
