package broker_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// mpubOf is an MPUB to the topic t.
func mpubOf(bodies ...string) string {
	body := string(binary.BigEndian.AppendUint32(nil, uint32(len(bodies))))
	for _, b := range bodies {
		body += sized(b)
	}
	return "MPUB t\n" + sized(body)
}

// TestEveryState takes the power after each step of a small history, in every way there is: a broker with durability fsync comes up with all that was
// acknowledged and not finished, with all or none of an MPUB, and with nothing else.
func TestEveryState(t *testing.T) {
	c := newCrasher(t, 0, crashTest{durability: broker.Fsync, cuts: true})
	states := 0
	for i, step := range []func(){
		func() { c.send(c.producer, "PUB t\n"+sized("one")) },
		func() { c.sync() },
		func() { c.send(c.producer, mpubOf("two", "three", "four")) },
		func() { c.sync() },
		func() { c.finishAll() },
		func() { c.send(c.producer, "DPUB t 60000\n"+sized("five")+mpubOf("six", "seven")) },
		func() { c.sync() },
		func() { c.send(c.producer, "PUB t\n"+sized(strings.Repeat("eight", 120))) },
	} {
		step()
		acked := c.hear()
		for crashed, err := range c.disk.States(3000) {
			if err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			states++
			c.checkState(i, crashed, acked)
		}
	}
	if states < 300 {
		t.Errorf("%d states", states)
	}
	t.Logf("%d states", states)
}

// stateMessages are those of TestEveryState, in the order in which they are acknowledged; those of a group come together.
var stateMessages = []string{"one", "two three four", "five", "six seven", strings.Repeat("eight", 120)}

// hear notes what the consumers got, and says how many groups of stateMessages were acknowledged.
func (c *crasher) hear() (acked int) {
	c.frames(c.producer, func(_ wire.FrameType, data []byte) {
		if string(data) == "OK" {
			c.heard++
		}
	})
	for _, r := range c.readers {
		c.frames(r.s, func(f wire.FrameType, p []byte) {
			if f == wire.FrameMessage {
				r.held[string(p[26:])] = crashHeld{wire.ID(p[10:26]), c.now}
			}
		})
	}
	return c.heard
}

// finishAll finishes what the consumers hold.
func (c *crasher) finishAll() {
	for _, r := range c.readers {
		for _, body := range slices.Sorted(maps.Keys(r.held)) {
			c.send(r.s, "FIN "+r.held[body].id.String()+"\n")
			r.done[body] = true
		}
	}
}

// checkState opens a broker on what a power cut left.
func (c *crasher) checkState(step int, disk *sim.Disk, acked int) {
	c.t.Helper()
	dump := disk.Dump()
	b, err := broker.Open(c.now, c.opts, disk, func() {})
	if err != nil {
		c.t.Fatalf("step %d: %v\n%s", step, err, dump)
	}
	for _, r := range c.readers {
		s := b.Connect(c.now, "c:1", func() {})
		c.send(s, wire.Magic+fmt.Sprintf("SUB t %s\nRDY 100\n", r.channel))
		if err := b.Sync(c.now.Add(time.Hour)); err != nil {
			c.t.Fatalf("step %d: %v\n%s", step, err, dump)
		}
		b.HandleTimeout(c.now.Add(2 * time.Minute))
		got := map[string]bool{}
		c.frames(s, func(f wire.FrameType, p []byte) {
			if f == wire.FrameMessage {
				got[string(p[26:])] = true
			}
		})
		for i, group := range stateMessages {
			bodies := strings.Fields(group)
			n := len(slices.DeleteFunc(slices.Clone(bodies), func(body string) bool { return !got[body] && !r.done[body] }))
			if n != 0 && n != len(bodies) || n == 0 && i < acked {
				c.t.Fatalf("step %d: %d groups were acknowledged; %s got %d of %.40q\n%s", step, acked, r.channel, n, group, dump)
			}
			for _, body := range bodies {
				delete(got, body)
			}
		}
		if len(got) > 0 {
			c.t.Fatalf("step %d: %s got %v\n%s", step, r.channel, got, dump)
		}
	}
}
