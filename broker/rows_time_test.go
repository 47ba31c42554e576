package broker_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// step gives the time as a program reads it after the wall clock was set by so many seconds: the monotonic clock does not move with it.
// The first word of a time.Time with both clocks is a bit, 33 bits of seconds and 30 of nanoseconds.
func step(now time.Time, seconds int64) time.Time {
	*(*uint64)(unsafe.Pointer(&now)) += uint64(seconds << 30)
	return now
}

func TestStep(t *testing.T) {
	now := time.Now()
	for _, seconds := range []int64{-3600, 3600} {
		stepped := step(now, seconds)
		if wall, monotonic := stepped.Unix()-now.Unix(), stepped.Sub(now); wall != seconds || monotonic != 0 {
			t.Fatalf("stepped by %d s it is %d s, and %v", seconds, wall, monotonic)
		}
	}
}

// Row 26. When the clock is set back nsqd's publishers wait until it has caught up, for an id, and its timeouts and deferrals are of the wall
// clock. Ours makes ids of places in the log and measures with the clock that is never set; over a restart, where there is none, with
// the wall clock.
func TestRow26ClockIsSet(t *testing.T) {
	for _, seconds := range []int64{-3600, 3600} {
		t.Run(fmt.Sprint(seconds), func(t *testing.T) {
			n := newNode(t, nil)
			n.now = time.Now()
			n.start()
			c := n.subscribe("t/c", 100)
			n.pub("t", "a", "requeued")
			n.dpub("t", 90*time.Second, "b")
			c.want("a", "requeued")
			c.req("requeued", 80*time.Second)

			n.now = step(n.now, seconds)
			n.pub("t", "c")
			n.dpub("t", 100*time.Second, "d")
			n.pub("new", "x")
			c.want("c")
			n.pass(60*time.Second - 1)
			c.want()
			n.pass(1)
			c.want("a#2", "c#2")
			c.fin("a", "c")
			n.pass(20*time.Second - 1)
			c.want()
			n.pass(1)
			c.want("requeued#2")
			n.pass(10 * time.Second)
			c.want("b")
			n.pass(10 * time.Second)
			c.want("d")
			if at := n.b.NextTimeout(); at.Sub(n.now) != 40*time.Second {
				t.Fatalf("the next timeout is in %v", at.Sub(n.now))
			}
			ids := map[wire.ID]bool{}
			for _, id := range c.ids {
				ids[id] = true
			}
			if len(ids) != 5 {
				t.Fatalf("5 messages have %d ids", len(ids))
			}
		})
	}
}

// Row 26, over a restart: ids are new also if the clock was set back in between, and a topic that was deleted can be made again.
func TestRow26ClockIsSetBackOverARestart(t *testing.T) {
	n := newNode(t, nil)
	ids := map[string]string{} // in each topic
	for life := range 4 {
		for _, topic := range []string{"t", "gone"} {
			c := n.subscribe(topic+"/c", 100)
			bodies := numbered(fmt.Sprint(topic, life, "."), 0, 20)
			n.pub(topic, bodies...)
			c.want(bodies...)
			c.fin(bodies...)
			for body, id := range c.ids {
				if other, ok := ids[topic+id.String()]; ok {
					t.Fatalf("%s has the id of %s", body, other)
				}
				ids[topic+id.String()] = body
			}
		}
		n.must(n.b.DeleteTopic(n.now, "gone"))
		n.now = n.now.Add(-time.Hour)
		n.kill()
		if life%2 == 0 { // and with it goes the last file of messages, from whose end ids would go on
			n.sync()
			n.kill()
		}
	}
}

// Row 26, of a channel that is made while its topic waits to be told of its channels elsewhere: it has what was published before, and what of that is
// deferred is due, over a restart, by the wall clock as it was when the channel was made.
func TestRow26ClockIsSetBeforeAChannelIsMade(t *testing.T) {
	n := newNode(t, discovers)
	n.now = time.Now()
	n.start()
	n.subscribe("t/first", 100)
	n.now = step(n.now, 3600)
	n.dpub("t", 90*time.Second, "a")
	n.subscribe("t/second", 100)
	n.kill()
	first, second := n.subscribe("t/first", 100), n.subscribe("t/second", 100)
	n.pass(90*time.Second - 1)
	first.want()
	second.want()
	n.pass(1)
	first.want("a")
	second.want("a")
}

// Row 28. nsqd looks at 20 channels, drawn at random, every 100 ms: with thousands of them a timeout or a deferral may be late by much.
// Ours is due at the moment, whatever else there is.
func TestRow28ThousandChannels(t *testing.T) {
	const channels, same = 1000, 20 // so many at the same time
	n := newNode(t, func(o *broker.Options) { o.MsgTimeout = time.Second })
	var clients []*client
	for i := range channels {
		clients = append(clients, n.subscribe(fmt.Sprintf("t/c%d", i), 1))
	}
	n.pub("t", "a")
	published := n.now
	times := make([]time.Duration, channels) // after which each is to get it again
	for i, c := range clients {
		if i%same == 0 {
			n.now = n.now.Add(time.Microsecond)
		}
		c.want("a")
		if times[i] = time.Second; i%2 == 1 {
			c.req("a", time.Second)
			times[i] = n.now.Add(time.Second).Sub(published)
		}
	}
	n.dpub("t", 2*time.Second, "deferred")
	last := n.now.Add(2 * time.Second)
	got := make([]int, channels)
	for slices.Contains(got, 0) && n.now.Before(last.Add(-time.Second/2)) {
		due := n.b.NextTimeout()
		n.now = due.Add(-1)
		n.b.HandleTimeout(n.now)
		if next := n.b.NextTimeout(); !next.Equal(due) {
			t.Fatalf("just before %v the next timeout is at %v", due, next)
		}
		n.now = due
		n.b.HandleTimeout(due)
		for i, c := range clients {
			if all := c.got(); slices.Equal(all, []string{"a#2"}) {
				got[i]++
				if want := published.Add(times[i]); !due.Equal(want) {
					t.Fatalf("channel %d had it again at %v, want %v", i, due, want)
				}
				c.fin("a")
			} else if len(all) > 0 {
				t.Fatalf("channel %d got %q", i, all)
			}
		}
	}
	if slices.Contains(got, 0) || slices.Max(got) > 1 {
		t.Fatalf("the second attempts: %v", got)
	}
	n.pass(last.Add(-1).Sub(n.now))
	for i, c := range clients {
		if all := c.got(); len(all) > 0 {
			t.Fatalf("channel %d got %q too early", i, all)
		}
	}
	n.pass(1)
	for _, c := range clients {
		c.want("deferred")
	}
}
