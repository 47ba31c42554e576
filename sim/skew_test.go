package sim

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// TestBothClocks: a time of both clocks is one as the library makes them.
func TestBothClocks(t *testing.T) {
	typ := reflect.TypeFor[time.Time]()
	var fields []string
	for i := range typ.NumField() {
		fields = append(fields, fmt.Sprint(typ.Field(i).Name, " ", typ.Field(i).Type, " ", typ.Field(i).Offset))
	}
	if got, want := strings.Join(fields, ", "), "wall uint64 0, ext int64 8, loc *time.Location 16"; got != want {
		t.Fatalf("a time.Time is made of %s, want %s", got, want)
	}
	base := bothClocks(0, 0)
	for _, wall := range []time.Time{epoch, epoch.Add(-19 * 365 * 24 * time.Hour), epoch.Add(time.Hour + 123456789), epoch.Add(-1)} {
		for _, monotonic := range []time.Duration{0, 1, time.Hour} {
			got := bothClocks(wall.Sub(epoch), monotonic)
			if !got.Round(0).Equal(wall) || got.UnixNano() != wall.UnixNano() || got.Location() != time.UTC {
				t.Errorf("the wall clock reads %v, want %v", got, wall)
			}
			if since := got.Sub(base); since != monotonic {
				t.Errorf("at %v it is %v since the beginning, want %v", got, since, monotonic)
			}
			later := got.Add(time.Minute)
			if later.Sub(base) != monotonic+time.Minute || later.UnixNano() != wall.UnixNano()+int64(time.Minute) {
				t.Errorf("a minute after %v is %v", got, later)
			}
		}
	}
	if !strings.Contains(base.String(), "m=+") {
		t.Errorf("a time of both clocks is written %v", base)
	}
}

// TestClocks: what a node reads while its clocks are wrong, and after.
func TestClocks(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name  string
		skews []Skew // from 10 s on; the first ends at 20 s, all at 30 s
		wall  [4]time.Duration
		mono  [4]time.Duration // at 20 s before the first ends and after that, at 30 s before and after
	}{
		{"ahead", []Skew{{Offset: time.Hour}}, [4]time.Duration{20*s + time.Hour, 20 * s, 30 * s, 30 * s}, [4]time.Duration{20 * s, 20 * s, 30 * s, 30 * s}},
		{"behind", []Skew{{Offset: -5 * s}}, [4]time.Duration{15 * s, 20 * s, 30 * s, 30 * s}, [4]time.Duration{20 * s, 20 * s, 30 * s, 30 * s}},
		{"fast", []Skew{{Drift: 500_000}}, [4]time.Duration{25 * s, 20 * s, 30 * s, 30 * s}, [4]time.Duration{25 * s, 25 * s, 35 * s, 35 * s}},
		{"slow", []Skew{{Drift: -300_000}}, [4]time.Duration{17 * s, 20 * s, 30 * s, 30 * s}, [4]time.Duration{17 * s, 17 * s, 27 * s, 27 * s}},
		{"frozen", []Skew{{Frozen: true}}, [4]time.Duration{10 * s, 20 * s, 30 * s, 30 * s}, [4]time.Duration{10 * s, 10 * s, 20 * s, 20 * s}},
		{"frozen and fast", []Skew{{Frozen: true}, {Drift: 100_000}}, [4]time.Duration{10 * s, 20 * s, 31 * s, 30 * s}, [4]time.Duration{10 * s, 10 * s, 21 * s, 21 * s}},
		{"fast and frozen", []Skew{{Drift: 100_000}, {Frozen: true}}, [4]time.Duration{10 * s, 10 * s, 10 * s, 30 * s}, [4]time.Duration{10 * s, 10 * s, 10 * s, 10 * s}},
		{"two", []Skew{{Drift: 500_000, Offset: s}, {Drift: 100_000, Offset: time.Minute}},
			[4]time.Duration{27*s + time.Minute, 21*s + time.Minute, 32*s + time.Minute, 30 * s}, [4]time.Duration{26 * s, 26 * s, 37 * s, 37 * s}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := memoryWorld(t, 1)
			n := w.node("b1")
			var wall, mono []time.Duration
			read := func() {
				now := n.now()
				wall = append(wall, time.Duration(now.UnixNano()-epoch.UnixNano()))
				mono = append(mono, now.Sub(bothClocks(0, 0)))
			}
			w.Run(10 * s)
			var clears []func() int
			for _, skew := range c.skews {
				clear, err := w.Skew("b1", skew)
				must(t, err)
				clears = append(clears, clear)
			}
			w.Run(10 * s)
			read()
			told := []int{clears[0]()}
			read()
			w.Run(10 * s)
			read()
			for _, clear := range clears[1:] {
				told = append(told, clear())
			}
			read()
			if !slices.Equal(wall, c.wall[:]) || !slices.Equal(mono, c.mono[:]) {
				t.Errorf("wall %v, want %v; monotonic %v, want %v", wall, c.wall, mono, c.mono)
			}
			for i, n := range told {
				if want := []int{1, 3}[i]; n != want {
					t.Errorf("skew %d was told %d times, want %d", i, n, want)
				}
			}
		})
	}
}

// TestClockReads: when a clock reads something is told to the nanosecond, or late by less than one of the clock's own.
func TestClockReads(t *testing.T) {
	for _, drift := range []int64{0, 1, 200, 500_000, million, -1, -333_333, -999_000} {
		c := nodeClock{since: 7, mono: 3, drift: drift}
		for _, mono := range []time.Duration{4, 5, 1000, 999_999, time.Second + 1, time.Hour} {
			at, ok := c.reads(mono)
			if before := c.monotonic(at - 1); !ok || c.monotonic(at) < mono || before > mono || (drift >= 0 && before == mono) {
				t.Errorf("drift %d: it reads %v at %v, and %v before that", drift, c.monotonic(at), at, before)
			}
		}
	}
	still := nodeClock{mono: 3, drift: -million}
	if _, ok := still.reads(4); ok {
		t.Error("a clock that stands still reads something later")
	}
	if at, ok := still.reads(3); !ok || at != 0 {
		t.Error("it does not read what it stands at")
	}
}

// TestSkewRefused: what no clock can do.
func TestSkewRefused(t *testing.T) {
	w, _ := memoryWorld(t, 1)
	for _, s := range []Skew{{}, {Drift: -million}, {Drift: million + 1}, {Offset: maxOffset + 1}, {Offset: -maxOffset - 1}} {
		if _, err := w.Skew("b1", s); err == nil {
			t.Errorf("the skew %+v is possible", s)
		}
	}
	if _, err := w.Skew("b9", Skew{Frozen: true}); err == nil {
		t.Error("a node that is not there has a clock")
	}
}

// A holder consumes and finishes nothing; it notes when each message came.
type holder struct {
	w    *World
	came map[string][]time.Duration
}

func (h *holder) dial(t *testing.T) {
	var conn *client.Conn
	handler := client.Handler{
		Message: func(_ time.Time, m wire.Message) { h.came[string(m.Body)] = append(h.came[string(m.Body)], h.w.now) },
		Closed:  func(time.Time, error) { h.w.At(h.w.now+10*ms, func() { h.dial(t) }) },
	}
	must(t, h.w.Dial("c", "b1", func(now time.Time, wake func()) wire.Endpoint {
		conn = client.New(now, client.Options{ClientID: "c"}, handler, wake)
		conn.Subscribe("t", "c", nil)
		conn.Ready(100)
		return conn
	}))
}

// TestTimersOfAWrongClock: a broker counts with the clock that is never set, and over a restart with the wall clock.
func TestTimersOfAWrongClock(t *testing.T) {
	for _, c := range []struct {
		name     string
		skew     Skew
		from, to time.Duration // when it is on
		restart  time.Duration // 0: never
		again    time.Duration // when a message that came at 1 s and times out after 10 s comes again
		deferred time.Duration // when one comes that is deferred by 20 s then
	}{
		{"right", Skew{Offset: 1}, 90 * time.Second, 91 * time.Second, 0, 11 * time.Second, 21 * time.Second},
		{"ahead", Skew{Offset: time.Hour}, 2 * time.Second, 90 * time.Second, 0, 11 * time.Second, 21 * time.Second},
		{"fast", Skew{Drift: million}, 3 * time.Second, 90 * time.Second, 0, 7 * time.Second, 12 * time.Second},
		{"fast for a while", Skew{Drift: million}, 3 * time.Second, 5 * time.Second, 0, 9 * time.Second, 19 * time.Second},
		{"slow", Skew{Drift: -500_000}, 3 * time.Second, 90 * time.Second, 0, 19 * time.Second, 39 * time.Second},
		{"frozen", Skew{Frozen: true}, 3 * time.Second, 33 * time.Second, 0, 41 * time.Second, 51 * time.Second},
		{"ahead over a restart", Skew{Offset: 5 * time.Second}, 2 * time.Second, 90 * time.Second, 8 * time.Second, 8 * time.Second, 16 * time.Second},
		{"back over a restart", Skew{Offset: -5 * time.Second}, 2 * time.Second, 90 * time.Second, 8 * time.Second, 8 * time.Second, 26 * time.Second},
		{"ahead and right again before a restart", Skew{Offset: time.Hour}, 2 * time.Second, 7 * time.Second, 8 * time.Second, 8 * time.Second, 21 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := NewWorld(1, []Node{{Name: "b1", Args: []string{"--msg-timeout=10s"}}}, Links{})
			must(t, err)
			h := &holder{w, map[string][]time.Duration{}}
			h.dial(t)
			must(t, w.Dial("p", "b1", func(now time.Time, wake func()) wire.Endpoint {
				p := client.New(now, client.Options{ClientID: "p"}, client.Handler{}, wake)
				w.At(time.Second, func() {
					p.Publish("t", []byte("a"), nil)
					p.PublishDeferred("t", 20*time.Second, []byte("b"), nil)
				})
				return p
			}))
			w.At(c.from, func() {
				clear, err := w.Skew("b1", c.skew)
				must(t, err)
				w.At(c.to, func() { clear() })
			})
			if c.restart > 0 {
				w.At(c.restart, func() {
					must(t, w.Kill("b1"))
					must(t, w.Start("b1"))
				})
			}
			w.Run(100 * time.Second)
			near := func(got []time.Duration, i int, want time.Duration) {
				t.Helper()
				if len(got) <= i || got[i] < want || got[i] > want+50*ms {
					t.Errorf("came at %v, want number %d at %v", got, i, want)
				}
			}
			near(h.came["a"], 0, time.Second)
			near(h.came["a"], 1, c.again)
			near(h.came["b"], 0, c.deferred)
		})
	}
}

// TestOthersClocks: what is wrong with one node's clock changes nothing for the others.
func TestOthersClocks(t *testing.T) {
	trace := func(skew Skew) string {
		w, err := NewWorld(1, []Node{{Name: "b1"}, {Name: "b2", Args: []string{"--msg-timeout=1s"}}}, DefaultLinks)
		must(t, err)
		l := newLoad(t, w, 100)
		l.produce("shop", "b2", 8*ms)
		l.consume("billing", "b2", 50)
		if skew != (Skew{}) {
			_, err := w.Skew("b1", skew)
			must(t, err)
		}
		w.Run(5 * time.Second)
		return w.Trace()
	}
	if right, wrong := trace(Skew{}), trace(Skew{Offset: time.Hour, Drift: 1000}); right != wrong {
		t.Errorf("the trace is %s with a right clock, and %s with a wrong one of another node", right, wrong)
	}
}
