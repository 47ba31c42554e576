package broker_test

import (
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/sim"
)

// harm makes operations of the disk fail for a while, or no more.
func (c *crasher) harm() {
	if c.heal() {
		return
	}
	if c.rng.IntN(2) == 0 {
		c.fault = c.disk.Fill(int64(c.rng.IntN(3000)))
	} else {
		ops := []sim.DiskOp{sim.DiskWrite, sim.DiskSync, sim.DiskCreate, sim.DiskRemove, sim.DiskRename, sim.DiskSyncDir, sim.DiskRead}
		c.fault, _ = c.disk.Fail(ops[c.rng.IntN(len(ops))], []string{"*", "*.log", "*.journal"}[c.rng.IntN(3)], c.rng.IntN(4), nil)
	}
	c.note("harm: %v", c.fault)
}

// heal ends it, and says whether there was any.
func (c *crasher) heal() bool {
	if c.fault == nil {
		return false
	}
	c.note("healed: %v", c.fault)
	c.fault.Clear()
	c.fault = nil
	return true
}

// crash ends the life without a word.
func (c *crasher) crash() {
	c.heal()
	if c.faults { // what was finished may not have been written
		for _, r := range c.readers {
			clear(r.done)
		}
	}
	if c.cuts {
		c.note("power cut")
		c.disk.PowerCut(c.rng)
		c.forgive()
		for _, r := range c.readers {
			for body := range r.maybe {
				delete(r.done, body)
			}
		}
	} else {
		c.note("kill")
		c.disk.Kill()
	}
	c.open()
}

// forgive notes what a power cut may take in part.
func (c *crasher) forgive() {
	for _, m := range c.messages {
		m.early = m.early || !m.acked && c.anySeen(m.group)
	}
}

func (c *crasher) anySeen(group []*crashMessage) bool {
	return slices.ContainsFunc(group, func(m *crashMessage) bool {
		return slices.ContainsFunc(c.readers, func(r *crashReader) bool { return r.seen[m.body] > 0 })
	})
}

// stop ends the life in order.
func (c *crasher) stop() {
	c.note("stop")
	c.heal()
	if c.faults {
		c.sync()
		c.pass(2 * time.Second) // until the disk is tried again
	}
	c.b.Close(c.now)
	for _, r := range c.readers {
		r.s.Disconnect(c.now)
	}
	c.producer.Disconnect(c.now)
	if err := c.b.Save(c.now); err != nil {
		c.fail("save: %v", err)
	}
	for _, r := range c.readers {
		r.maybe = map[string]bool{}
	}
	c.forgive()
	if c.faults && c.durability != broker.Fsync {
		c.disk.Kill() // a sync that failed takes with it what it was about
	} else {
		c.disk.PowerCut(c.rng) // nothing is left unsynced
	}
	c.open()
}
