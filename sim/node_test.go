package sim

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// memoryWorld is a world whose broker b1 keeps messages in memory, and nothing of itself in the files of a test.
func memoryWorld(t testing.TB, seed uint64) (*World, *Disk) {
	t.Helper()
	w, err := NewWorld(seed, []Node{{Name: "b1", Args: []string{"--durability=memory"}}}, plain)
	must(t, err)
	d, _, err := w.Disk("b1")
	must(t, err)
	return w, d
}

// note is a file that a test puts beside those of the broker.
const note = "a.note"

// keep writes the file, the first part of it synced.
func keep(t testing.TB, d *Disk, synced, unsynced string) {
	t.Helper()
	f, err := d.Create(note)
	must(t, err)
	_, err = f.Write([]byte(synced))
	must(t, err)
	must(t, f.Sync())
	must(t, d.SyncDir())
	_, err = f.Write([]byte(unsynced))
	must(t, err)
}

func kept(t testing.TB, d *Disk) string {
	t.Helper()
	data, err := d.ReadFile(note)
	must(t, err)
	return string(data)
}

// TestDiskOutlives: a node has one disk for all its lives, and the end of its process takes nothing from it.
func TestDiskOutlives(t *testing.T) {
	w, d := memoryWorld(t, 1)
	keep(t, d, "synced", ", and not")
	f, err := d.Open(note)
	must(t, err)
	must(t, w.Kill("b1"))
	if _, err := f.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("a file that the killed process had open can be read by it")
	}
	must(t, w.Start("b1"))
	must(t, w.Stop("b1"))
	must(t, w.Start("b1"))
	again, rng, err := w.Disk("b1")
	if err != nil || again != d || kept(t, d) != "synced, and not" {
		t.Errorf("another disk, or it holds %q", kept(t, d))
	}
	if rng != w.Rand("disk b1") {
		t.Error("harm to the disk is not drawn from its own stream")
	}
}

// TestPowerCut: what was synced lasts, the rest may go, and the seed decides.
func TestPowerCut(t *testing.T) {
	left := map[string]int{}
	for seed := range uint64(40) {
		cut := func() string {
			w, d := memoryWorld(t, seed)
			client, session := connect(t, w, "c", "b1")
			keep(t, d, "synced", ", and not")
			must(t, w.PowerCut("b1"))
			w.Run(time.Second)
			if client.gone != 1 || session.gone != 0 || w.node("b1").life != nil {
				t.Errorf("the client was told %d times, the broker %d times", client.gone, session.gone)
			}
			must(t, w.Start("b1"))
			return kept(t, d)
		}
		once := cut()
		if again := cut(); again != once {
			t.Errorf("seed %d leaves %q, and then %q", seed, once, again)
		}
		left[once]++
	}
	for what := range left {
		if !strings.HasPrefix(what, "synced") {
			t.Errorf("a power cut left %q", what)
		}
	}
	if left["synced"] == 0 || left["synced, and not"] == 0 {
		t.Errorf("power cuts left %v", left)
	}
}

// TestKilledMemory: what a killed broker had in memory is gone.
func TestKilledMemory(t *testing.T) {
	w, _ := memoryWorld(t, 1)
	publish(t, w, "one", "two")
	if st := answered(t, w); !strings.Contains(st, `"depth":2`) {
		t.Errorf("stats before the kill: %s", st)
	}
	must(t, w.Kill("b1"))
	must(t, w.Start("b1"))
	if st := answered(t, w); strings.Contains(st, `"depth":2`) {
		t.Errorf("stats after the kill: %s", st)
	}
}

// publish has b1 acknowledge messages of orders.
func publish(t testing.TB, w *World, bodies ...string) {
	t.Helper()
	acked := 0
	must(t, w.Dial("p", "b1", func(now time.Time, wake func()) wire.Endpoint {
		c := client.New(now, client.Options{}, client.Handler{}, wake)
		for _, body := range bodies {
			c.Publish("orders", []byte(body), func(_ time.Time, r client.Result) {
				if r.Fate == client.Done {
					acked++
				}
			})
		}
		return c
	}))
	if w.Run(100 * ms); acked != len(bodies) {
		t.Fatalf("%d of %d messages were acknowledged", acked, len(bodies))
	}
}

// answered are b1's stats.
func answered(t *testing.T, w *World) string {
	t.Helper()
	_, body, err := answer(t, w, "b1", "/stats?format=json")
	must(t, err)
	return body
}

// TestStop: the broker has its last word, its sessions end before it does, and clients find nobody.
func TestStop(t *testing.T) {
	w, _ := memoryWorld(t, 1)
	client, session := connect(t, w, "c", "b1")
	session.out = []byte("bye")
	late := dial(t, w, "c", "b1") // on its way
	must(t, w.Stop("b1"))
	begin := w.now
	if session.gone != 1 {
		t.Errorf("the session was told %d times that it is over", session.gone)
	}
	w.Run(time.Second)
	client.want(t, fmt.Sprintf("%v bye", begin+ms), fmt.Sprintf("%v end", begin+ms), fmt.Sprintf("%v gone", begin+ms))
	late.want(t, fmt.Sprintf("%v gone", begin+2*ms))
	if _, _, err := answer(t, w, "b1", "/ping"); err == nil {
		t.Error("a stopped broker answers")
	}
	if len(w.conns) != 0 || session.after > 0 {
		t.Errorf("%d connections are left, and %d calls came after the end", len(w.conns), session.after)
	}
}

// TestStopSessions: real sessions end too, also one that has yet to be taken after a pause.
func TestStopSessions(t *testing.T) {
	w, _ := memoryWorld(t, 1)
	first := dial(t, w, "c", "b1")
	w.Run(10 * ms)
	must(t, w.Pause("b1"))
	second := dial(t, w, "c", "b1")
	w.Run(10 * ms)
	must(t, w.Resume("b1"))
	must(t, w.Stop("b1"))
	w.Run(10 * ms)
	if first.gone != 1 || second.gone != 1 || len(w.conns) != 0 {
		t.Errorf("told %d and %d times; %d connections are left", first.gone, second.gone, len(w.conns))
	}
	must(t, w.Start("b1"))
	client, session := connect(t, w, "c", "b1")
	must(t, w.Pause("b1"))
	client.say("x")
	w.Run(10 * ms)
	must(t, w.Resume("b1"))
	must(t, w.Stop("b1"))
	if string(session.got) != "x" || session.gone != 1 {
		t.Errorf("a session that was behind got %q, and was told %d times", session.got, session.gone)
	}
}

// TestStartFails: a broker that finds its disk broken does not start, and does when it is mended.
func TestStartFails(t *testing.T) {
	w, d := memoryWorld(t, 1)
	must(t, w.Kill("b1"))
	broken, err := d.Fail(DiskList, "*", 0, nil)
	must(t, err)
	if err := w.Start("b1"); err == nil {
		t.Fatal("a broker starts that cannot read its disk")
	}
	if _, _, err := answer(t, w, "b1", "/ping"); err == nil {
		t.Error("a broker answers that did not start")
	}
	w.Run(time.Second)
	broken.Clear()
	must(t, w.Start("b1"))
	if status, _, err := answer(t, w, "b1", "/ping"); status != 200 || err != nil {
		t.Errorf("/ping answered %d, %v", status, err)
	}
}

// TestAwait: a publication over HTTP that waits has the broker synced, and learns what became of it.
func TestAwait(t *testing.T) {
	w, _ := memoryWorld(t, 1)
	n := w.node("b1")
	done := make(chan error, 1)
	if err := n.await(n.life.broker, done); err != errNotSynced {
		t.Errorf("it learns %v, and there is nothing to learn", err)
	}
	done <- errKilled
	if err := n.await(n.life.broker, done); err != errKilled {
		t.Errorf("it learns %v, want %v", err, errKilled)
	}
}

// TestDurability: a node's durability is that of its flags, and of its topic's if it has one.
func TestDurability(t *testing.T) {
	for _, c := range []struct {
		args  string
		topic string
		want  Durability
	}{
		{"", "orders", OS},
		{"--durability=memory", "orders", Memory},
		{"--durability=fsync", "orders", Fsync},
		{"--sync-every=1", "orders", Fsync},
		{"--durability=memory --topic-durability=orders=fsync", "orders", Fsync},
		{"--durability=memory --topic-durability=orders=fsync", "refunds", Memory},
		{"--sync-every=1 --topic-durability=orders=memory", "orders", Memory},
	} {
		got, err := Node{Name: "b1", Args: strings.Fields(c.args)}.Durability(c.topic)
		if got != c.want || err != nil {
			t.Errorf("%s: %s has %q, %v; want %q", c.args, c.topic, got, err, c.want)
		}
	}
	if _, err := (Node{Name: "b1", Args: []string{"--durability=steel"}}).Durability("orders"); err == nil {
		t.Error("steel is a durability")
	}
}

// TestDiskFiles: those that match and hold something, whatever is wrong with the disk.
func TestDiskFiles(t *testing.T) {
	d := NewDisk()
	for name, data := range map[string]string{"b.log": "b", "a.log": "a", "empty.log": "", "a.journal": "a"} {
		d.WriteFile(name, []byte(data))
	}
	_, err := d.Fail(DiskList, "*", 0, nil)
	must(t, err)
	if got, err := d.Files("*.log"); !slices.Equal(got, []string{"a.log", "b.log"}) || err != nil {
		t.Errorf("files %q, %v", got, err)
	}
	if _, err := d.Files("["); err == nil {
		t.Error("[ is a pattern")
	}
}

// TestHarmTrace: what a power cut takes is the seed's, on any number of processors.
func TestHarmTrace(t *testing.T) {
	run := func(seed uint64, processors int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		w, d := memoryWorld(t, seed)
		keep(t, d, "synced", strings.Repeat("much that is not", 2000))
		w.At(time.Second, func() { must(t, w.PowerCut("b1")) })
		w.At(2*time.Second, func() { must(t, w.Start("b1")) })
		w.At(3*time.Second, func() { must(t, w.Stop("b1")) })
		w.At(4*time.Second, func() { must(t, w.Start("b1")) })
		newLoad(t, w, 100).dial("c", "b1", client.Handler{}, func(*client.Conn) {})
		w.Run(5 * time.Second)
		return fmt.Sprintf("%s %d %x", w.Trace(), w.Events(), d.sum())
	}
	first := run(7, 1)
	if again := run(7, 2); again != first {
		t.Errorf("%s, and then %s", first, again)
	}
	if run(8, 1) == first {
		t.Error("another seed is the same run")
	}
}
