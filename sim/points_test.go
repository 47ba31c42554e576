package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A shop publishes to b1 now and then, and consumes there.
type shop struct {
	t     *testing.T
	w     *World
	disk  *Disk
	sent  int
	acked map[string]bool
	came  map[string]int
}

// newShop has it publish a message each 10 ms to a topic with a channel, from 10 ms on.
func newShop(t *testing.T, flags ...string) *shop {
	w, err := NewWorld(1, []Node{{Name: "b1", Args: flags}}, plain)
	must(t, err)
	d, _, err := w.Disk("b1")
	must(t, err)
	s := &shop{t: t, w: w, disk: d, acked: map[string]bool{}, came: map[string]int{}}
	s.consume()
	s.produce()
	return s
}

func (s *shop) dial(h client.Handler, again func(), began func(*client.Conn)) {
	h.Closed = func(time.Time, error) { s.w.At(s.w.now+100*ms, again) }
	must(s.t, s.w.Dial("shop", "b1", func(now time.Time, wake func()) wire.Endpoint {
		c := client.New(now, client.Options{ClientID: "shop"}, h, wake)
		began(c)
		return c
	}))
}

func (s *shop) produce() {
	var conn *client.Conn
	gone := false
	s.dial(client.Handler{}, func() { gone = true; s.produce() }, func(c *client.Conn) { conn = c })
	var next func()
	next = func() {
		if gone || s.sent == 1000 {
			return
		}
		s.sent++
		body := fmt.Sprintf("%04d", s.sent)
		conn.Publish("t", []byte(body), func(_ time.Time, r client.Result) {
			if r.Fate == client.Done {
				s.acked[body] = true
			}
		})
		s.w.At(s.w.now+10*ms, next)
	}
	s.w.At(s.w.now+10*ms, next)
}

func (s *shop) consume() {
	var conn *client.Conn
	h := client.Handler{Message: func(_ time.Time, m wire.Message) {
		s.came[string(m.Body)]++
		conn.Finish(m.ID, nil)
	}}
	s.dial(h, s.consume, func(c *client.Conn) {
		conn = c
		c.Subscribe("t", "c", nil)
		c.Ready(10)
	})
}

// last is the message that was published last.
func (s *shop) last() string { return fmt.Sprintf("%04d", s.sent) }

// onDisk says whether a message stands in a log, and whether the power can take it.
func (s *shop) onDisk(body string) (there, lasting bool) {
	names, err := s.disk.Files("*.log")
	must(s.t, err)
	for _, name := range names {
		i := s.disk.names[name]
		at := strings.Index(string(i.data), body)
		there = there || at >= 0
		lasting = lasting || at >= 0 && at+len(body) <= i.synced && s.disk.lasting[name] == i
	}
	return there, lasting
}

// atPoint lets a shop go on until its broker comes to a point after half a second, ends it there, checks what is there, and then that no
// acknowledged message is lost.
func atPoint(t *testing.T, p Point, end func(w *World) error, look func(s *shop), flags ...string) *shop {
	s := newShop(t, append(flags, "--msg-timeout=1s")...)
	s.w.Run(505 * ms)
	came := false
	remove, err := s.w.Trip("b1", p, 1, func() {
		came = true
		if states := s.w.States("b1"); !slices.Contains(states, string(p)) {
			t.Errorf("its states are %q", states)
		}
		must(t, end(s.w))
		if look != nil {
			look(s)
		}
	})
	must(t, err)
	s.w.Run(2 * time.Second)
	if seen := remove(); !came || seen != 1 || s.disk.reached != nil {
		t.Fatalf("it came there %d times", seen)
	}
	before := s.disk.sum()
	s.w.Run(time.Second)
	if s.w.node("b1").life != nil || s.disk.sum() != before {
		t.Error("it did something afterwards")
	}
	must(t, s.w.Start("b1"))
	s.w.Run(20 * time.Second)
	for body := range s.acked {
		if s.came[body] == 0 {
			t.Errorf("%s was acknowledged, and is lost", body)
		}
	}
	if len(s.acked) < 250 {
		t.Errorf("only %d were acknowledged", len(s.acked))
	}
	return s
}

func kill(w *World) error { return w.Kill("b1") }

// leastLeft is a power cut that takes all it can.
func leastLeft(w *World) error {
	d := w.node("b1").disk
	err := w.Kill("b1")
	d.cut(func(question, int) int { return 0 })
	return err
}

// TestEveryPoint: a broker comes to every point, ends there, and has lost nothing that it should not.
func TestEveryPoint(t *testing.T) {
	for _, u := range PointUsages {
		for name, c := range map[string]struct {
			end   func(*World) error
			flags []string
		}{
			"killed":        {kill, []string{"--sync-timeout=100ms"}},
			"without power": {leastLeft, []string{"--durability=fsync"}},
		} {
			t.Run(string(u.Point)+", "+name, func(t *testing.T) {
				if strings.HasSuffix(string(u.Point), "-rename") {
					t.Skip("files are renamed when topics come and go: TestRenamePoints")
				}
				atPoint(t, u.Point, c.end, nil, append(c.flags, "--max-bytes-per-file=4096")...)
			})
		}
	}
}

// TestRenamePoints: the metadata is put in its place by a renaming, in one step.
func TestRenamePoints(t *testing.T) {
	for _, p := range []Point{"before-rename", "after-rename"} {
		for name, end := range map[string]func(*World) error{"killed": kill, "without power": leastLeft} {
			t.Run(string(p)+", "+name, func(t *testing.T) {
				s := newShop(t, "--durability=fsync")
				s.w.Run(505 * ms)
				before, err := s.disk.ReadFile("nsqd.dat")
				must(t, err)
				came := false
				_, err = s.w.Trip("b1", p, 1, func() { came = true; must(t, end(s.w)) })
				must(t, err)
				s.w.Request("b1", "POST", "/topic/create?topic=new", func(int, []byte, error) {})
				s.w.Run(time.Second)
				after, err := s.disk.ReadFile("nsqd.dat")
				must(t, err)
				made := strings.Contains(string(after), `"new"`)
				if want := p == "after-rename" && name == "killed"; !came || made != want || (!made && string(after) != string(before)) {
					t.Errorf("it came there: %v; the topic is in the metadata: %v, want %v", came, made, want)
				}
				must(t, s.w.Start("b1"))
				s.w.Run(10 * time.Second)
				for body := range s.acked {
					if s.came[body] == 0 {
						t.Errorf("%s was acknowledged, and is lost", body)
					}
				}
			})
		}
	}
}

// TestPointsAreThere: what is on the disk and what was answered when a broker ends at a point.
func TestPointsAreThere(t *testing.T) {
	fsync := "--durability=fsync"
	for _, c := range []struct {
		point          Point
		end            func(*World) error
		there, lasting bool // the last message, on the disk
		acked          bool
		flags          []string
	}{
		{"before-write", kill, false, false, false, nil},
		{"in-write", kill, false, false, false, nil},
		{"after-write", kill, true, false, false, nil},
		{"after-write", leastLeft, false, false, false, nil},
		{"before-sync", kill, true, false, false, []string{fsync}},
		{"before-sync", leastLeft, false, false, false, []string{fsync}},
		{"after-sync", leastLeft, true, true, false, []string{fsync}},
		{"before-ack", kill, true, false, false, nil},
		{"before-ack", leastLeft, true, true, false, []string{fsync}},
		{"after-ack", kill, true, false, true, nil},
		{"after-ack", leastLeft, true, true, true, []string{fsync}},
	} {
		t.Run(fmt.Sprint(c.point, c.there, c.lasting), func(t *testing.T) {
			var last string
			before := 0 // how often it came: a message is delivered while it is synced
			s := atPoint(t, c.point, c.end, func(s *shop) {
				last = s.last()
				before = s.came[last]
				if there, lasting := s.onDisk(last); there != c.there || lasting != c.lasting {
					t.Errorf("%s is on the disk: %v, to last: %v", last, there, lasting)
				}
				if s.acked[last] {
					t.Error("the OK was there before the broker was")
				}
			}, c.flags...)
			if s.acked[last] != c.acked {
				t.Errorf("%s has its OK: %v", last, s.acked[last])
			}
			if again := s.came[last] > before; again != c.there {
				t.Errorf("%s came from the disk: %v", last, again)
			}
		})
	}
}

// TestInWrite: half of what was to be written is there.
func TestInWrite(t *testing.T) {
	s := newShop(t)
	s.w.Run(505 * ms)
	size := func() (all int64) { return s.disk.used() }
	var before, half, whole int64
	_, err := s.w.Trip("b1", "before-write", 1, func() { before = size() })
	must(t, err)
	_, err = s.w.Trip("b1", inWrite, 1, func() { half = size() })
	must(t, err)
	_, err = s.w.Trip("b1", "after-write", 1, func() { whole = size() })
	must(t, err)
	s.w.Run(10 * ms)
	if half-before < 4 || whole-half != half-before && whole-half != half-before+1 {
		t.Errorf("%d bytes were there, then %d, then %d", before, half, whole)
	}
}

// TestNthPoint: a point is counted from when it is watched, and what only watches changes nothing.
func TestNthPoint(t *testing.T) {
	plainly := newShop(t)
	plainly.w.Run(5 * time.Second)
	s := newShop(t)
	s.w.Run(505 * ms)
	var at []time.Duration
	for _, nth := range []int{1, 3} {
		_, err := s.w.Trip("b1", afterAck, nth, func() { at = append(at, s.w.now) })
		must(t, err)
	}
	s.w.Run(4495 * ms)
	if len(at) != 2 || at[1]-at[0] != 20*ms {
		t.Errorf("the OKs left at %v", at)
	}
	if s.w.Trace() != plainly.w.Trace() {
		t.Error("the run is another because somebody watched")
	}
}

// TestTripRefused: what cannot be watched.
func TestTripRefused(t *testing.T) {
	w, err := NewWorld(1, []Node{{Name: "l1", Kind: Lookupd}, {Name: "b1"}}, plain)
	must(t, err)
	f := func() {}
	for _, c := range []struct {
		node  string
		point Point
		nth   int
	}{{"b9", beforeAck, 1}, {"b1", "nowhere", 1}, {"b1", beforeAck, 0}, {"l1", beforeAck, 1}} {
		if _, err := w.Trip(c.node, c.point, c.nth, f); err == nil {
			t.Errorf("%+v is watched", c)
		} else if c.node == "l1" && !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	}
}

// TestMount: what a process still does when it is gone has no effect, by names either.
func TestMount(t *testing.T) {
	d := NewDisk()
	m := d.mount()
	f, err := m.Create("a")
	must(t, err)
	_, err = f.Write([]byte("x"))
	must(t, err)
	d.Kill()
	_, create := m.Create("b")
	_, open := m.Open("a")
	_, size := m.Size("a")
	_, list := m.List()
	for i, err := range []error{create, open, size, list, m.Remove("a"), m.Rename("a", "c"), m.SyncDir()} {
		if !errors.Is(err, errKilled) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	if got, err := d.mount().Size("a"); err != nil || got != 1 || len(d.lasting) > 0 {
		t.Errorf("there are %d bytes of it, %v; what lasts: %v", got, err, d.lasting)
	}
	if _, err := d.mount().Open("b"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestTripRemovedWhereItTrips takes a trap away as it springs.
func TestTripRemovedWhereItTrips(t *testing.T) {
	for _, u := range PointUsages {
		s := newShop(t, "--max-bytes-per-file=300")
		tripped := false
		var remove func() int
		remove, err := s.w.Trip("b1", u.Point, 1, func() {
			tripped = true
			if seen := remove(); seen != 1 {
				t.Errorf("%s: seen %d times", u.Point, seen)
			}
		})
		must(t, err)
		s.w.Run(1000 * ms)
		if len(s.acked) < 50 {
			t.Errorf("%s: %d acknowledged, tripped %v", u.Point, len(s.acked), tripped)
		}
	}
}

// TestLookAtPoint: nobody can look into a broker that is in the middle of a call, and nobody waits for it.
func TestLookAtPoint(t *testing.T) {
	s := newShop(t)
	var failed error
	_, err := s.w.Trip("b1", "before-write", 1, func() { _, _, failed = s.w.Look("b1", "/stats") })
	must(t, err)
	s.w.Run(1000 * ms)
	if failed == nil || !strings.Contains(failed.Error(), "before-write") {
		t.Errorf("it says %v", failed)
	}
	if _, _, err := s.w.Look("b1", "/stats"); err != nil {
		t.Error(err)
	}
}
