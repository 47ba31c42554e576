package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

var _ interface {
	Cluster
	Pauser
	Stopper
	PowerCutter
	Disks
} = (*World)(nil)

func TestAt(t *testing.T) {
	w := newWorld(t, plain, "b1")
	var log []string
	at := func(d time.Duration, name string, then ...func()) {
		w.At(d, func() {
			log = append(log, fmt.Sprintf("%s %v", name, w.Now()))
			for _, f := range then {
				f()
			}
		})
	}
	at(3*ms, "d")
	at(1*ms, "b")
	at(2*ms, "c", func() {
		at(1*ms, "past")
		at(2*ms, "same time")
		at(-1, "before all")
	})
	at(1*ms, "b again")
	at(0, "a")
	at(4*ms, "end")
	at(4*ms+1, "too late")
	w.Run(4 * ms)
	want := []string{"a 0s", "b 1ms", "b again 1ms", "c 2ms", "past 2ms", "same time 2ms", "before all 2ms", "d 3ms", "end 4ms"}
	if !slices.Equal(log, want) {
		t.Errorf("order %q, want %q", log, want)
	}
	if w.Now() != 4*ms {
		t.Errorf("it is %v after Run(4ms)", w.Now())
	}
	log = nil
	at(1*ms, "gone by")
	w.Run(0)
	w.Run(time.Second)
	if want := []string{"gone by 4ms", "too late 4.000001ms"}; !slices.Equal(log, want) {
		t.Errorf("then %q, want %q", log, want)
	}
}

// TestAtMany: many events in a shuffled order come in order of time, and those of one time in the order asked.
func TestAtMany(t *testing.T) {
	w := newWorld(t, plain, "b1")
	rng := w.Rand("test")
	type mark struct {
		at    time.Duration
		asked int
	}
	var got []mark
	for i := range 10_000 {
		m := mark{time.Duration(rng.IntN(500)), i}
		w.At(m.at, func() {
			if w.now != m.at {
				t.Fatalf("called at %v, want %v", w.now, m.at)
			}
			got = append(got, m)
		})
	}
	w.Run(time.Second)
	if len(got) != 10_000 || !slices.IsSortedFunc(got, func(a, b mark) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return a.asked - b.asked
	}) {
		t.Errorf("%d events, not in order", len(got))
	}
	if w.Events() != 10_000 {
		t.Errorf("it counts %d events", w.Events())
	}
}

func TestNodes(t *testing.T) {
	w := newWorld(t, plain, "b2", "b1")
	if got := w.Nodes(); !slices.Equal(got, []string{"b2", "b1"}) {
		t.Errorf("nodes %q", got)
	}
	_, _, noDisk := w.Disk("x")
	for name, err := range map[string]error{
		"stop": w.Stop("x"), "powercut": w.PowerCut("x"), "disk": noDisk,
		"kill": w.Kill("x"), "start": w.Start("x"), "pause": w.Pause("x"), "resume": w.Resume("x"), "dial": w.Dial("c", "x", nil),
	} {
		if err == nil || !strings.Contains(err.Error(), "[b2 b1]") {
			t.Errorf("%s of a node that is not there: %v", name, err)
		}
	}
	for _, nodes := range [][]Node{
		{{Name: "b1"}, {Name: "b1"}},
		{{Name: "b1", Args: []string{"--no-such-flag"}}},
		{{Name: "b1", Args: []string{"--msg-timeout=0s"}}},
		{{Name: "b1", Args: []string{"word"}}},
		{{Name: "l1", Kind: Lookupd, Args: []string{"--msg-timeout=1s"}}},
		{{Name: "b1", Lookupds: []string{"l1"}}},
		{{Name: "b1", Lookupds: []string{"b2"}}, {Name: "b2"}},
	} {
		if _, err := NewWorld(1, nodes, plain); err == nil {
			t.Errorf("%v was taken", nodes)
		}
	}
	for arg, fine := range map[string]bool{"--msg-timeout=2s": true, "--msg-timeout=soon": false, "--x=1": false, "x": false, "--tombstone-lifetime=1s": false} {
		if err := Broker.CheckArg(arg); (err == nil) != fine {
			t.Errorf("%s: %v", arg, err)
		}
	}
	for arg, fine := range map[string]bool{"--inactive-producer-timeout=2s": true, "--inactive-producer-timeout=0s": false, "--tombstone-lifetime=-1s": false, "--msg-timeout=2s": false, "x": false} {
		if err := Lookupd.CheckArg(arg); (err == nil) != fine {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

// TestStates: each operation is refused where it makes no sense.
func TestStates(t *testing.T) {
	type op struct {
		name string
		do   func(*World) error
	}
	kill := op{"kill", func(w *World) error { return w.Kill("b1") }}
	cut := op{"power cut", func(w *World) error { return w.PowerCut("b1") }}
	stop := op{"stop", func(w *World) error { return w.Stop("b1") }}
	start := op{"start", func(w *World) error { return w.Start("b1") }}
	pause := op{"pause", func(w *World) error { return w.Pause("b1") }}
	resume := op{"resume", func(w *World) error { return w.Resume("b1") }}
	for _, c := range []struct {
		before []op
		fine   []op
		wrong  []op
	}{
		{nil, []op{kill, cut, stop, pause}, []op{start, resume}},
		{[]op{kill}, []op{start}, []op{kill, cut, stop, pause, resume}},
		{[]op{cut}, []op{start}, []op{kill, cut, stop, pause, resume}},
		{[]op{stop}, []op{start}, []op{kill, cut, stop, pause, resume}},
		{[]op{pause}, []op{kill, cut, resume}, []op{start, stop, pause}},
		{[]op{pause, kill}, []op{start}, []op{kill, cut, stop, pause, resume}},
		{[]op{pause, cut, start}, []op{kill, stop, pause}, []op{start, resume}},
		{[]op{stop, start}, []op{kill, stop, pause}, []op{start, resume}},
		{[]op{pause, resume}, []op{kill, cut, stop, pause}, []op{start, resume}},
	} {
		for _, o := range append(slices.Clone(c.fine), c.wrong...) {
			w := newWorld(t, plain, "b1")
			for _, b := range c.before {
				must(t, b.do(w))
			}
			if err := o.do(w); (err == nil) != slices.ContainsFunc(c.fine, func(f op) bool { return f.name == o.name }) {
				t.Errorf("%s after %d operations: %v", o.name, len(c.before), err)
			}
		}
	}
}

// answer asks a node's HTTP API and runs until it has answered.
func answer(t *testing.T, w *World, node, path string) (status int, body string, err error) {
	t.Helper()
	calls := 0
	w.Request(node, "GET", path, func(s int, b []byte, e error) {
		calls++
		status, body, err = s, string(b), e
	})
	if calls != 0 {
		t.Fatal("Request did not wait for Run")
	}
	if w.Run(0); calls != 1 {
		t.Fatalf("done was called %d times", calls)
	}
	return status, body, err
}

func TestRequest(t *testing.T) {
	w := newWorld(t, plain, "b1", "b2")
	fails := func(node, why string) {
		t.Helper()
		if status, _, err := answer(t, w, node, "/ping"); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("status %d, error %v; want that it %s", status, err, why)
		}
	}
	works := func() {
		t.Helper()
		if status, body, err := answer(t, w, "b1", "/ping"); status != 200 || body != "OK" || err != nil {
			t.Errorf("/ping answered %d %q, %v", status, body, err)
		}
	}
	works()
	if status, _, err := answer(t, w, "b1", "/no/such/path"); status != 404 || err != nil {
		t.Errorf("a path that is not there answered %d, %v", status, err)
	}
	must(t, w.Pause("b1"))
	fails("b1", "is paused")
	must(t, w.Resume("b1"))
	works()
	must(t, w.Kill("b1"))
	fails("b1", "is down")
	must(t, w.Start("b1"))
	works()
	fails("b3", "no node")
	addRule(t, w, "", "", hold)
	works()
}

// TestStreams: drawing from one stream changes no other, and a seed decides each.
func TestStreams(t *testing.T) {
	draw := func(seed uint64, also int, name string) (all [4]uint64) {
		w, err := NewWorld(seed, nil, plain)
		must(t, err)
		for range also {
			w.Rand("other").Uint64()
		}
		for i := range all {
			all[i] = w.Rand(name).Uint64()
			for range also {
				w.Rand("other").Uint64()
			}
		}
		return all
	}
	if draw(1, 0, "a") != draw(1, 3, "a") {
		t.Error("drawing from another stream changed this one")
	}
	if draw(1, 0, "a") == draw(1, 0, "b") || draw(1, 0, "a") == draw(2, 0, "a") {
		t.Error("streams are equal that should not be")
	}
}

// TestSeeds: each start of each node has a seed of its own, which the world's decides.
func TestSeeds(t *testing.T) {
	seeds := func(seed uint64) (all []uint64) {
		w, err := NewWorld(seed, []Node{{Name: "b1"}, {Name: "b2"}}, plain)
		must(t, err)
		for range 2 {
			all = append(all, w.node("b1").life.broker.Options().Seed, w.node("b2").life.broker.Options().Seed)
			must(t, w.Kill("b1"))
			must(t, w.Kill("b2"))
			must(t, w.Start("b2"))
			must(t, w.Start("b1"))
		}
		return all
	}
	first := seeds(1)
	if again := seeds(1); !slices.Equal(again, first) {
		t.Errorf("seeds %d, and then %d", first, again)
	}
	all := append(first, seeds(2)...)
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 8 {
		t.Errorf("%d seeds are different, want 8", n)
	}
}

// TestClose: every endpoint learns that its connection is gone, once, and nothing happens after.
func TestClose(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	dialling := dial(t, w, "c", "b1")
	w.At(time.Second, func() { t.Error("an event after the end") })
	client.say("hello")
	must(t, w.Close())
	must(t, w.Close())
	w.Run(2 * time.Second)
	for i, f := range []*fake{client, session, dialling} {
		if f.gone != 1 {
			t.Errorf("endpoint %d was disconnected %d times", i, f.gone)
		}
	}
	if err := w.Dial("c", "b1", func(time.Time, func()) wire.Endpoint { return client }); err == nil {
		t.Error("Dial after Close gives no error")
	}
	if err := w.Start("b1"); err == nil {
		t.Error("Start after Close gives no error")
	}
	w.At(0, func() { t.Error("At after Close") })
	w.Run(time.Second)
}

// TestSpinning: a process that wants to be called again and again at one moment does not stop the world.
func TestSpinning(t *testing.T) {
	w, err := NewWorld(1, nil, plain)
	must(t, err)
	var spin timer
	rings := 0
	spin.init(w, func() {
		rings++
		spin.set(epoch)
	})
	spin.set(epoch.Add(time.Second))
	w.Run(time.Second + 10*spinTime)
	if rings < maxSpins || rings > maxSpins+20 {
		t.Errorf("it was called %d times", rings)
	}
}
