package sim

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// A synced is what has to be synced, and notes when it was.
type synced struct {
	w    *World
	s    syncer
	due  time.Duration // of the next sync; -1 is never
	log  []string
	runs func(f func()) // may be nil: its process runs
	then func()         // called by Sync
}

func newSynced(w *World) *synced {
	y := &synced{w: w, due: -1}
	run := func(f func()) {
		if y.runs != nil {
			y.runs(f)
		} else {
			f()
		}
	}
	y.s.init(newNode(w, Node{Name: "b1"}), y.next, y.sync, run)
	return y
}

func (y *synced) next() time.Time {
	if y.due < 0 {
		return time.Time{}
	}
	return epoch.Add(y.due)
}

func (y *synced) sync(now time.Time) error {
	if !now.Equal(y.w.time()) {
		y.log = append(y.log, fmt.Sprintf("told the time %v", now))
	}
	y.log = append(y.log, y.w.now.String())
	y.due = -1
	if y.then != nil {
		y.then()
	}
	return errors.New("for the log")
}

// want lets a minute pass and checks when the syncs were made.
func (y *synced) want(t *testing.T, times ...string) {
	t.Helper()
	y.w.Run(time.Minute - y.w.now)
	if !slices.Equal(y.log, times) {
		t.Errorf("synced at %q, want %q", y.log, times)
	}
}

// dueAt makes a sync due, and says so.
func (y *synced) dueAt(d time.Duration) {
	y.due = d
	y.s.arm()
}

// TestSyncTakesItsTime: a sync is made when the disk has taken its time from when it was due, or at once if that has gone by.
func TestSyncTakesItsTime(t *testing.T) {
	w := newWorld(t, plain)
	y := newSynced(w)
	y.s.arm()
	w.At(10*ms, func() { y.dueAt(20 * ms) })
	w.At(30*ms, func() { y.dueAt(5 * ms) })
	w.At(40*ms, func() { y.dueAt(60 * ms); y.dueAt(50 * ms) }) // earlier
	w.At(70*ms, func() { y.dueAt(80 * ms); y.due = 90 * ms })  // later, or never
	w.At(100*ms, func() { y.dueAt(110 * ms); y.due = -1 })
	y.want(t, "22ms", "32ms", "52ms", "92ms")
}

// TestSyncOneAtATime: a sync that becomes due while the disk is busy begins when it is not any more.
func TestSyncOneAtATime(t *testing.T) {
	w := newWorld(t, plain)
	y := newSynced(w)
	w.At(10*ms, func() { y.dueAt(10 * ms) })
	w.At(11*ms, func() { y.dueAt(11 * ms) }) // part of the one that is on
	more := 2
	y.then = func() {
		if more--; more >= 0 {
			y.due = w.now // written meanwhile
		}
	}
	y.want(t, "12ms", "14ms", "16ms")
}

// TestSyncOfOthers: a sync waits for the end of a pause, and that of a process that is gone is never made.
func TestSyncOfOthers(t *testing.T) {
	w := newWorld(t, plain)
	y := newSynced(w)
	var parked []func()
	park := func(f func()) { parked = append(parked, f) }
	w.At(10*ms, func() { y.dueAt(10 * ms) })
	w.At(11*ms, func() { y.runs = park })
	w.At(20*ms, func() {
		y.runs = nil
		for _, f := range parked {
			f()
		}
	})
	w.At(30*ms, func() { parked, y.runs = nil, park; y.dueAt(30 * ms) })
	w.At(40*ms, func() {
		y.runs = nil
		for _, f := range parked {
			f()
		}
	})
	w.At(50*ms, func() { y.dueAt(50 * ms) })
	w.At(51*ms, func() { y.runs = func(func()) {} })
	w.At(60*ms, func() { y.dueAt(60 * ms) })
	y.want(t, "20ms", "42ms")
}

// TestSlowSync: a slow disk takes longer, several faults together, and counts the syncs that it harms.
func TestSlowSync(t *testing.T) {
	w := newWorld(t, plain)
	y := newSynced(w)
	slow := y.s.node.disk.Slow(100 * ms)
	also := y.s.node.disk.Slow(time.Second)
	w.At(0, func() { y.dueAt(0) })
	w.At(2*time.Second, also.Clear)
	w.At(3*time.Second, func() { y.dueAt(0) })
	w.At(4*time.Second, slow.Clear)
	w.At(5*time.Second, func() { y.dueAt(0) })
	y.want(t, "1.102s", "3.102s", "5.002s")
	if slow.Hits() != 2 || also.Hits() != 1 {
		t.Errorf("%s, %s", slow, also)
	}
}
