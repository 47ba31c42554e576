package chaos_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// A dial tells by how much a broker's wall clock is ahead: by the times of the messages that it takes.
type dial struct {
	w     *sim.World
	conn  *client.Conn
	ahead time.Duration
}

func newDial(s *scene, node string) *dial {
	d := &dial{w: s.w}
	start := s.w.Now()
	var began time.Time
	h := client.Handler{Message: func(_ time.Time, m wire.Message) {
		d.ahead = time.Duration(m.Timestamp-began.UnixNano()) - (s.w.Now() - start)
		d.conn.Finish(m.ID, nil)
	}}
	err := s.w.Dial("dial", node, func(now time.Time, wake func()) wire.Endpoint {
		began = now
		d.conn = client.New(now, client.Options{ClientID: "dial"}, h, wake)
		d.conn.Subscribe("dial", "dial", nil)
		d.conn.Ready(10)
		return d.conn
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.w.Run(10 * ms)
	return d
}

// read gives the nearest 10 ms.
func (d *dial) read() time.Duration {
	d.conn.Publish("dial", []byte("x"), nil)
	d.w.Run(5 * ms)
	return d.ahead.Round(10 * ms)
}

// TestClocks: what each fault of clocks makes of a broker's wall clock, a second and a half after it came, and that it is right again when it is
// healed.
func TestClocks(t *testing.T) {
	for _, c := range []struct {
		kind  chaos.Kind
		by    time.Duration
		drift int64
		want  []time.Duration // each half second
	}{
		{chaos.ClockOffset, time.Hour, 0, []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}},
		{chaos.ClockOffset, -time.Minute, 0, []time.Duration{-time.Minute, -time.Minute, -time.Minute, -time.Minute}},
		{chaos.ClockStep, -time.Hour, 0, []time.Duration{-time.Hour, -time.Hour, 0, 0}},
		{chaos.ClockDrift, 0, 500_000, []time.Duration{0, 250 * ms, 500 * ms, 750 * ms}},
		{chaos.ClockDrift, 0, -200_000, []time.Duration{0, -100 * ms, -200 * ms, -300 * ms}},
		{chaos.ClockFreeze, 0, 0, []time.Duration{0, -500 * ms, -1000 * ms, -1500 * ms}},
	} {
		t.Run(fmt.Sprint(c.kind.Name, c.by, c.drift), func(t *testing.T) {
			s := newScene(t)
			b1, b2 := newDial(s, "b1"), newDial(s, "b2")
			a := on(c.kind, "b1")
			a.Durations, a.Counts = map[string]time.Duration{"by": c.by}, map[string]int64{"by": c.drift}
			heal := s.inflict(c.kind, a)
			if got := c.kind.Skew(a); got == (sim.Skew{}) {
				t.Error("it says that it does nothing to a clock")
			}
			var got []time.Duration
			for range c.want {
				got = append(got, b1.read())
				if off := b2.read(); off != 0 {
					t.Errorf("the clock of the other broker is ahead by %v", off)
				}
				s.w.Run(490 * ms)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the clock is ahead by %v, want %v", got, c.want)
			}
			s.mend(heal)
			if off := b1.read(); off != 0 {
				t.Errorf("it was healed, and is ahead by %v", off)
			}
			if states := s.w.States("b1"); slices.Contains(states, "clock-wrong") {
				t.Errorf("its states are %q", states)
			}
			if err := heal(); err != nil {
				t.Error(err)
			}
			s.refused(c.kind, "b9")
		})
	}
}

// TestClockNobodyReads: the clock of a node that is down all the time is read by nobody.
func TestClockNobodyReads(t *testing.T) {
	for _, k := range []chaos.Kind{chaos.ClockOffset, chaos.ClockStep, chaos.ClockDrift, chaos.ClockFreeze} {
		s := newScene(t)
		if err := s.w.Kill("b1"); err != nil {
			t.Fatal(err)
		}
		heal := s.inflict(k, needed(k, "b1"))
		s.w.Run(3 * time.Second)
		if err := heal(); !errors.Is(err, chaos.ErrHitNothing) {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}
