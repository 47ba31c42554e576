package broker

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
)

const (
	retryTime   = time.Second // after which a disk that failed is tried again, at the earliest
	lazyBytes   = 1 << 20     // of a topic of durability memory that wait to be written
	journalSize = 4 << 20     // bytes of a journal that is made anew, if max-bytes-per-file is not less
	maxLost     = 100         // runs of lost offsets that are remembered, of a topic
	maxCarried  = 4096        // records carried forward at a time
)

// lazy says that what was published is written only when too much of it waits.
func (t *topic) lazy() bool { return t.durability == Memory || t.journal == nil }

// commit writes the batch, or all that waits. If that fails the batch is as if it had never been.
func (t *topic) commit(now time.Time) error {
	b := t.batch
	if b.records == 0 {
		return nil
	}
	t.batch = batch{}
	if err := t.write(now); err != nil {
		t.log.Abandon(b.from, b.records, int64(b.deferred), b.records)
		t.postponed = t.postponed[:len(t.postponed)-b.deferred]
		return err
	}
	t.waiting += b.records
	t.messages += uint64(b.records)
	t.bytes += b.bytes
	t.unsynced += b.records
	return nil
}

// write puts what was gathered where the topic's durability wants it. What it returns is told to the publishers.
func (t *topic) write(now time.Time) error {
	if t.lazy() {
		bytes, messages := t.log.Gathered()
		if bytes <= lazyBytes && messages <= t.broker.opts.MemQueueSize {
			return nil
		}
	}
	err := t.mend(now)
	if err == nil {
		err = t.log.Write()
	}
	t.failure = err
	if err == nil && t.journal != nil {
		t.wantSync(now)
	}
	return err
}

// mend makes the journal anew if it cannot be written: what it does not know of a channel would be lost with the process.
func (t *topic) mend(now time.Time) error {
	if t.journal == nil || !t.journal.Stale() {
		return nil
	}
	if t.failure != nil && t.broker.tick(now) < t.retry {
		return t.failure
	}
	return t.snapshot(now)
}

// record writes what has happened to the channels.
func (t *topic) record(now time.Time) {
	if t.journal == nil {
		if n := t.log.Segments(); n > t.rolled {
			t.carry()
		}
		t.rolled = t.log.Segments()
		return
	}
	for _, r := range t.log.Seals(false) {
		t.note(store.Entry{Op: store.Sealed, ID: r.From, To: r.To, Plain: r.Plain})
	}
	gathered := t.journal.Gathered()
	if gathered == 0 || t.lazy() && !t.urgent && gathered < lazyBytes {
		return
	}
	t.urgent = false
	switch {
	case t.journal.Stale():
		t.journal.Forget()
		t.suffer(t.mend(now))
	case t.journal.Size() > t.large:
		t.suffer(t.snapshot(now))
	default:
		t.suffer(t.journal.Write())
	}
	t.wantSync(now)
}

// suffer notes what is wrong with the disk, if anything.
func (t *topic) suffer(err error) {
	if err != nil {
		t.failure = err
	}
}

// lose notes that a run of the log is lost.
func (t *topic) lose(r store.Range) {
	if len(t.lost) < maxLost && !slices.Contains(t.lost, r) {
		t.lost = append(t.lost, r)
	}
}

// snapshot makes the journal anew.
func (t *topic) snapshot(now time.Time) error {
	err := t.journal.Snapshot(t.entries(now))
	t.large = max(min(journalSize, t.broker.opts.MaxBytesPerFile), 4*t.journal.Size())
	t.failure = err
	if err != nil {
		t.retry = t.broker.tick(now) + int64(retryTime)
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// entries are all that the journal has to say of the topic as it stands.
func (t *topic) entries(now time.Time) iter.Seq[store.Entry] {
	return func(yield func(store.Entry) bool) {
		ok := yield(store.Entry{Op: store.Opened, ID: t.first}) && yield(store.Entry{Op: store.Synced, ID: t.log.Lasts()}) &&
			yield(store.Entry{Op: store.Passed, ID: t.handed}) &&
			(!t.paused || yield(store.Entry{Op: store.Paused, ID: t.handed}))
		for _, r := range t.log.Seals(true) {
			ok = ok && yield(store.Entry{Op: store.Sealed, ID: r.From, To: r.To, Plain: r.Plain})
		}
		for _, r := range t.log.Holes() {
			ok = ok && yield(store.Entry{Op: store.Emptied, ID: r.From, To: r.To})
		}
		for _, c := range t.channels {
			if ok = ok && (c.number == 0 || c.entries(now, yield)); !ok {
				return
			}
		}
		for _, e := range t.removed {
			ok = ok && yield(e) && yield(store.Entry{Op: store.Deleted, Channel: e.Channel})
		}
		if ok && t.gone {
			yield(store.Entry{Op: store.Deleted, ID: t.log.End()})
		}
	}
}

// entries are what the journal has to say of the channel.
func (c *channel) entries(now time.Time, yield func(store.Entry) bool) bool {
	if !yield(store.Entry{Op: store.Opened, Channel: c.number, ID: c.cursor, Name: c.name}) ||
		c.paused && !yield(store.Entry{Op: store.Paused, Channel: c.number}) {
		return false
	}
	for _, g := range c.gaps {
		if !yield(store.Entry{Op: store.Emptied, Channel: c.number, ID: g.from, To: g.to}) {
			return false
		}
	}
	tick := c.topic.broker.tick(now)
	for _, d := range c.window.all() {
		e := store.Entry{Op: store.Returned, Channel: c.number, ID: d.offset, Attempts: d.attempts}
		if d.holder == nil && c.topic.timers.waits(d) {
			e.Due = max(now.UnixNano()+d.due-tick, 1)
		}
		if !yield(e) {
			return false
		}
	}
	return true
}

// note has the journal say what happened to the topic.
func (t *topic) note(e store.Entry) {
	if t.journal != nil {
		t.journal.Add(e)
	}
}

// note has the journal say what happened to the channel.
func (c *channel) note(e store.Entry) {
	if c.number != 0 {
		e.Channel = c.number
		c.topic.journal.Add(e)
	}
}

// carry writes what little is owed of old segments once more, so that they can go.
func (t *topic) carry() {
	passed := t.handed
	for _, c := range t.channels {
		passed = min(passed, c.cursor)
	}
	for left := maxCarried; left > 0; {
		from, to, ok := t.log.Sparse(passed)
		if !ok {
			return
		}
		owed := t.standing(from, to)
		if len(owed) == 0 {
			t.log.Clear(from) // what is owed of it is lost
			continue
		}
		some := owed[:min(len(owed), left)]
		if err := t.move(some); err != nil {
			t.suffer(err)
			return
		}
		left -= len(some)
	}
}

// standing are the deliveries whose records stand in a range, in the order of their places.
func (t *topic) standing(from, to store.Offset) (owed []*delivery) {
	for _, c := range t.channels {
		for _, d := range c.window.all() {
			if from <= d.place && d.place < to {
				owed = append(owed, d)
			}
		}
	}
	slices.SortStableFunc(owed, func(a, b *delivery) int { return cmp.Compare(a.place, b.place) })
	return owed
}

// move writes the records of deliveries, which are in the order of their places, once more, and has them stand there.
func (t *topic) move(owed []*delivery) error {
	begin := t.log.End()
	moved := make([]store.Offset, 0, len(owed)) // for each delivery, where its record stands now
	for len(moved) < len(owed) {
		d := owed[len(moved)]
		sharing := 1
		for _, other := range owed[len(moved)+1:] {
			if other.place != d.place {
				break
			}
			sharing++
		}
		var r store.Record
		place, _, err := t.log.At(d.place, &t.back, &r)
		if err != nil || place != d.place {
			t.log.Abandon(begin, 0, 0, int64(len(moved)))
			return err
		}
		r.More, r.And = false, false
		to := t.log.Carry(r, int64(sharing))
		for range sharing {
			moved = append(moved, to)
		}
	}
	if err := t.log.Write(); err != nil {
		t.log.Abandon(begin, 0, 0, int64(len(moved)))
		return err
	}
	for i, d := range owed {
		t.log.Owe(d.place, -1)
		d.place = moved[i]
	}
	return nil
}
