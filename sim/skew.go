package sim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"
)

const (
	million   = 1_000_000
	maxOffset = 20 * 365 * 24 * time.Hour // of a skew; a time.Time of both clocks is of the years from 1885 to 2157
)

// A nodeClock is a node's clocks: each a straight line since the last change of its skews.
type nodeClock struct {
	since  time.Duration // of the world
	mono   time.Duration // the monotonic clock then
	gained time.Duration // by which the drifts and freezes of skews had put the wall clock ahead then
	offset time.Duration // of the wall clock, by all skews
	drift  int64         // of both, in millionths; -million: they stand still
	skews  []*skew
}

// A skew is one that stands.
type skew struct {
	Skew
	told   int
	gained time.Duration // by which its drift or freeze had put the wall clock ahead when the clock was changed last
}

// Skew implements Clocks.
func (w *World) Skew(name string, s Skew) (clear func() (told int), err error) {
	n, err := w.find(name)
	switch {
	case err != nil:
		return nil, err
	case s == Skew{}:
		return nil, errors.New("sim: a skew of nothing")
	case s.Drift <= -million || s.Drift > million:
		return nil, fmt.Errorf("sim: a clock cannot gain %d millionths", s.Drift)
	case s.Offset > maxOffset || s.Offset < -maxOffset:
		return nil, fmt.Errorf("sim: a clock cannot be off by %v; want %v at the most", s.Offset, maxOffset)
	}
	stands := &skew{Skew: s}
	n.reset(append(slices.Clone(n.clock.skews), stands))
	return func() int {
		n.reset(slices.DeleteFunc(slices.Clone(n.clock.skews), func(other *skew) bool { return other == stands }))
		return stands.told
	}, nil
}

// reset has the node's clocks suffer these skews from now on.
func (n *node) reset(skews []*skew) {
	now := n.world.now
	n.clock.settle(now)
	c := nodeClock{since: now, mono: n.clock.monotonic(now), skews: skews}
	for _, s := range skews {
		c.offset += s.Offset
		c.drift += s.Drift
		c.gained += s.gained
	}
	c.drift = max(min(c.drift, million), -million)
	if slices.ContainsFunc(skews, isFrozen) {
		c.drift = -million
	}
	n.clock = c
	n.wind()
}

func isFrozen(s *skew) bool { return s.Frozen }

// settle tells each skew what it has made the clock gain: one that freezes it all of that, else each what it alone would have, and the first
// what is left.
func (c *nodeClock) settle(now time.Duration) {
	if len(c.skews) == 0 {
		return
	}
	first, left := c.skews[0], c.more(now)
	if i := slices.IndexFunc(c.skews, isFrozen); i >= 0 {
		c.skews[i].gained += left
		return
	}
	for _, s := range c.skews[1:] {
		alone := millionths(now-c.since, s.Drift)
		s.gained += alone
		left -= alone
	}
	first.gained += left
}

// monotonic is what the monotonic clock reads at a time of the world.
func (c *nodeClock) monotonic(now time.Duration) time.Duration {
	return c.mono + now - c.since + c.more(now)
}

// gain is by how much drifts and freezes have put the wall clock ahead.
func (c *nodeClock) gain(now time.Duration) time.Duration { return c.gained + c.more(now) }

// more is what the clocks have gained since they were changed.
func (c *nodeClock) more(now time.Duration) time.Duration { return millionths(now-c.since, c.drift) }

// millionths is so many millionths of a time.
func millionths(d time.Duration, n int64) time.Duration {
	return d/million*time.Duration(n) + d%million*time.Duration(n)/million
}

// reads is when the monotonic clock reads so much, or more, at the first; not ok if it stands still.
func (c *nodeClock) reads(mono time.Duration) (at time.Duration, ok bool) {
	left := int64(mono - c.mono)
	speed := million + c.drift
	switch {
	case left <= 0:
		return c.since, true
	case speed <= 0:
		return 0, false
	case c.drift == 0:
		return c.since + time.Duration(left), true
	}
	if left/speed >= math.MaxInt64/million/2 {
		return 0, false // not in this world
	}
	at = c.since + time.Duration(left/speed*million+left%speed*million/speed)
	for c.monotonic(at) < mono {
		at++
	}
	return at, true
}

// now is what a program of the node reads: both clocks.
func (n *node) now() time.Time {
	at := n.world.now
	c := &n.clock
	for _, s := range c.skews {
		s.told++
	}
	return bothClocks(at+c.gain(at)+c.offset, c.monotonic(at))
}

// due is when the node's clock will read a time of its own; not ok if that is never, as its clock goes.
func (n *node) due(next time.Time) (at time.Duration, ok bool) {
	at, ok = n.clock.reads(next.Sub(begun))
	return max(at, n.world.now), ok
}

// A wait is for a time on a node's monotonic clock.
type wait struct {
	until time.Duration
	f     func()
}

// after calls f when the node's clock has gone on by d, however the node fares meanwhile.
func (n *node) after(d time.Duration, f func()) {
	x := &wait{n.clock.monotonic(n.world.now) + d, f}
	n.waits = append(n.waits, x)
	n.expect(x)
}

// expect sees that the wait ends when it should, as the clock goes now.
func (n *node) expect(x *wait) {
	at, ok := n.clock.reads(x.until)
	if !ok {
		return
	}
	n.world.At(at, func() {
		i := slices.Index(n.waits, x)
		if i < 0 || n.clock.monotonic(n.world.now) < x.until {
			return // it is over, or another event was asked for when the clock changed
		}
		n.waits = slices.Delete(n.waits, i, i+1)
		x.f()
	})
}

// wind sets all that waits for the node's clock anew.
func (n *node) wind() {
	for _, x := range n.waits {
		n.expect(x)
	}
	if n.life != nil && n.life.arm != nil {
		n.life.arm()
	}
	for _, c := range n.world.conns {
		for _, e := range []*end{&c.client, &c.server} {
			if e.node == n && e.endpoint != nil {
				e.timer.set(e.endpoint.NextTimeout())
			}
		}
	}
}

// bothClocks makes a time as time.Now gives it, which has a wall clock and a monotonic one; the standard library has no other way to set the
// two apart. The first word of such a time.Time is a bit, 33 bits of seconds since 1885 and 30 of nanoseconds; the second is the monotonic
// clock in nanoseconds, from 1. The wall clock is told since the epoch.
func bothClocks(wall, monotonic time.Duration) time.Time {
	seconds, nanos := wall/time.Second, wall%time.Second
	if nanos < 0 {
		seconds, nanos = seconds-1, nanos+time.Second
	}
	t := struct {
		wall uint64
		ext  int64
		loc  *time.Location
	}{wall: 1<<63 | uint64(epochIn1885+int64(seconds))<<30 | uint64(nanos), ext: int64(monotonic) + 1}
	return *(*time.Time)(unsafe.Pointer(&t))
}

// begun is what a node reads when a world begins, whose clocks are right.
var begun = bothClocks(0, 0)

// epochIn1885 is the epoch in seconds since the beginning of the year 1885.
const epochIn1885 = epochUnix + 2682288000
