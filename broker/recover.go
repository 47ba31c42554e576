package broker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A remnant is what a topic's journal tells of it.
type remnant struct {
	store.Past
	handed   store.Offset
	floor    store.Offset // behind all offsets that are spoken of
	numbers  uint32
	paused   bool
	deleted  bool
	channels []*pastChannel
	gone     []string // channels that were deleted
}

// A pastChannel is what the journal tells of a channel.
type pastChannel struct {
	number   uint32
	name     string
	base     store.Offset // below it only what was returned is owed
	listed   store.Offset // below it only what was returned is owed of what is deferred
	cursor   store.Offset // below it what is owed was given to a consumer once, but for what was deferred
	paused   bool
	finished []store.Offset // from base on
	returned map[store.Offset]store.Entry
	emptied  []gap
	high     store.Offset // nothing that was said of it is of a message behind
	sorted   bool
}

// replay takes in what the journal says next.
func (m *remnant) replay(e store.Entry) {
	m.floor = max(m.floor, e.ID, e.To)
	if e.Channel == 0 {
		m.replayTopic(e)
		return
	}
	if e.Op == store.Opened {
		m.numbers = max(m.numbers, e.Channel)
		m.add(e.Channel, e.Name, e.ID)
		return
	}
	i := slices.IndexFunc(m.channels, func(c *pastChannel) bool { return c.number == e.Channel })
	switch {
	case i < 0: // of a channel that is gone
	case e.Op == store.Deleted:
		m.gone = append(m.gone, m.channels[i].name)
		m.channels = slices.Delete(m.channels, i, i+1)
	default:
		m.channels[i].replay(e)
		m.channels[i].high = max(m.channels[i].high, e.ID, e.To)
	}
}

func (m *remnant) add(number uint32, name string, base store.Offset) {
	m.channels = append(m.channels, &pastChannel{
		number: number, name: name, base: base, cursor: base, listed: m.handed, returned: map[store.Offset]store.Entry{},
	})
}

func (m *remnant) replayTopic(e store.Entry) {
	defer m.Past.Replay(e)
	switch e.Op {
	case store.Deleted:
		*m = remnant{deleted: true, floor: m.floor}
	case store.Paused, store.Unpaused:
		m.paused, m.handed = e.Op == store.Paused, e.ID
	case store.Passed:
		m.handed = e.ID
	}
}

func (c *pastChannel) replay(e store.Entry) {
	switch e.Op {
	case store.Paused, store.Unpaused:
		c.paused = e.Op == store.Paused
	case store.Passed:
		c.cursor = max(c.cursor, e.ID)
	case store.Finished:
		delete(c.returned, e.ID)
		if e.ID >= c.base {
			c.finished = append(c.finished, e.ID)
		}
	case store.Returned:
		c.returned[e.ID] = e
	case store.Emptied:
		maps.DeleteFunc(c.returned, func(o store.Offset, _ store.Entry) bool { return e.ID <= o && o < e.To })
		c.emptied = append(c.emptied, gap{e.ID, e.To})
		if e.ID <= c.base && c.base < e.To {
			c.base = e.To
			c.cursor = max(c.cursor, c.base)
		}
	}
}

// owed says whether the channel has not finished a message.
func (c *pastChannel) owed(id store.Offset, deferred bool) bool {
	if _, ok := c.returned[id]; ok {
		return true
	}
	if id < c.base || deferred && id < c.listed || slices.ContainsFunc(c.emptied, func(g gap) bool { return g.from <= id && id < g.to }) {
		return false
	}
	if !c.sorted {
		slices.Sort(c.finished)
		c.sorted = true
	}
	_, done := slices.BinarySearch(c.finished, id)
	return !done
}

// A revival makes a topic anew of what is left of it.
type revival struct {
	now     time.Time
	topic   *topic
	past    *remnant
	covered []store.Range // runs of offsets that records stand in, in order
	carried map[store.Offset]bool
}

// revive makes a topic anew of the files that are left of it; nil if it was deleted. known is what the metadata says of it, or nil.
func (b *Broker) revive(now time.Time, name string, files []string, known *store.TopicMetadata) (*topic, error) {
	var m remnant
	j, torn, err := store.OpenJournal(b.fs, name, files, m.replay)
	if err != nil {
		return nil, err
	}
	if torn > 0 {
		b.warn("topic %s: the last %d bytes of its journal were not whole; messages that were finished may come again", name, torn)
	}
	if known != nil && !m.deleted {
		m.adopt(known, torn > 0 || m.First == 0)
	}
	t := b.newTopic(name, j, m.First)
	t.numbers, t.paused, t.handed = m.numbers, m.paused, max(m.handed, m.First)
	r := &revival{now: now, topic: t, past: &m, carried: map[store.Offset]bool{}}
	for _, c := range m.channels {
		ch := t.newChannel(c.name, c.number, c.cursor)
		ch.paused = c.paused
		ch.gaps = c.ahead()
		if c.name == keeperName {
			t.keeper = ch
		}
	}
	if t.keeper != nil || b.discover && len(t.channels) == 0 {
		t.undiscover()
	}
	moves := len(m.channels) > 0 && !m.paused
	if moves {
		t.handed = never
	}
	log, rec, err := store.Open(b.fs, name, files, m.Past, b.logOptions(), r.seen, r.skip)
	if err != nil {
		return nil, err
	}
	t.log = log
	log.Skip(max(log.End(), m.floor, b.births)) // no offset of an earlier life is given again
	if moves {
		t.handed = log.End()
	}
	b.report(t, rec)
	if m.deleted && rec.Records == 0 {
		b.births = max(b.births, log.End())
		b.graves = append(b.graves, files...)
		return nil, log.Close()
	}
	return t, nil
}

// adopt takes over from the metadata what the journal does not tell, for its end may be lost, or all of it: all that is left of the log is owed to
// the channels.
func (m *remnant) adopt(known *store.TopicMetadata, damaged bool) {
	m.paused = m.paused || damaged && known.Paused
	for _, c := range known.Channels {
		there := slices.ContainsFunc(m.channels, func(p *pastChannel) bool { return p.name == c.Name })
		if !there && !slices.Contains(m.gone, c.Name) {
			m.numbers++
			m.add(m.numbers, c.Name, 0)
			m.channels[len(m.channels)-1].paused = c.Paused
		}
	}
}

// ahead gives the runs beyond the cursor that are not for the channel.
func (c *pastChannel) ahead() (gaps []gap) {
	slices.SortFunc(c.emptied, func(a, b gap) int { return cmp.Compare(a.from, b.from) })
	for _, g := range c.emptied {
		if g.to > c.cursor {
			gaps = append(gaps, g)
		}
	}
	return gaps
}

// report notes what recovery found.
func (b *Broker) report(t *topic, rec store.Recovery) {
	for _, r := range rec.Lost {
		t.lose(r)
		b.warn("topic %s: no message can be read from offset %d to %d: %d bytes are lost", t.name, r.From, r.To, r.To-r.From)
	}
	if rec.Torn > 0 {
		b.warn("topic %s: %d bytes at the end were never synced, and are of no whole message", t.name, rec.Torn)
	}
}

// seen takes in a record that is left, and says how often it is owed.
func (r *revival) seen(o store.Offset, rec store.Record) (owed int64) {
	t := r.topic
	if rec.ID != o {
		if r.covers(rec.ID) || r.carried[rec.ID] {
			return 0 // it was carried, but what it was carried from is there still
		}
		r.carried[rec.ID] = true
	} else if rec.ID >= t.handed {
		t.waiting++
		if rec.Due != 0 {
			t.postponed = append(t.postponed, postponed{o, r.tick(rec.Due)})
		}
		r.cover(o, rec)
		return 1
	} else {
		r.cover(o, rec)
	}
	for i, c := range t.channels {
		if p := r.past.channels[i]; p.owed(rec.ID, rec.Due != 0) {
			owed++
			r.restore(c, p, o, rec)
		}
	}
	return owed
}

// skip takes in a segment of which nothing was said but that it is there, without looking at its records.
func (r *revival) skip(s store.Seal) (owed int64, ok bool) {
	t := r.topic
	waits := s.From >= t.handed
	if !waits && s.To > t.handed || slices.ContainsFunc(r.past.channels, func(p *pastChannel) bool { return s.From < max(p.high, p.base, p.cursor) }) {
		return 0, false
	}
	r.covered = append(r.covered, s.Range)
	if waits {
		t.waiting += s.Plain
		return s.Plain, true
	}
	for _, c := range t.channels {
		c.lag(c.behind + s.Plain)
	}
	return s.Plain * int64(len(t.channels)), true
}

// restore gives a channel a message that it is owed.
func (r *revival) restore(c *channel, p *pastChannel, o store.Offset, rec store.Record) {
	e, returned := p.returned[rec.ID]
	if !returned && rec.ID >= p.cursor && rec.Due == 0 && rec.ID == o {
		c.lag(c.behind + 1)
		return
	}
	if !returned && rec.Due != 0 {
		e.Due = rec.Due
	} else if !returned && rec.ID < p.cursor {
		e.Attempts = 1
	}
	d := c.newDelivery(rec.ID, o)
	d.attempts, d.exception = e.Attempts, true
	if rec.ID >= p.cursor {
		c.window.addApart(d)
	} else {
		c.window.add(d)
	}
	if e.Due != 0 {
		c.wait(d, r.tick(e.Due))
	} else {
		c.again.push(d)
	}
}

// tick is the broker's time at a time of the wall clock.
func (r *revival) tick(wall int64) int64 { return r.topic.broker.tick(r.now) + wall - r.now.UnixNano() }

// cover notes that a record stands at o under its own name.
func (r *revival) cover(o store.Offset, rec store.Record) {
	end := o + store.SizeOf(rec)
	if last := len(r.covered) - 1; last >= 0 && r.covered[last].To == o {
		r.covered[last].To = end
	} else {
		r.covered = append(r.covered, store.Range{From: o, To: end})
	}
}

func (r *revival) covers(o store.Offset) bool {
	i, _ := slices.BinarySearchFunc(r.covered, o, func(s store.Range, o store.Offset) int {
		if s.To <= o {
			return -1
		}
		return 1
	})
	return i < len(r.covered) && r.covered[i].From <= o
}

// lasting says whether a topic or a channel may have the name, and outlives the process.
func lasting(name string) bool { return wire.ValidName(name) && !wire.IsEphemeral(name) }

// load makes the topics anew that are left in the folder.
func (b *Broker) load(now time.Time) error {
	said, err := store.Migrate(b.fs, store.MigrateOptions{
		First: store.Offset(now.UnixMicro()), SegmentBytes: b.opts.MaxBytesPerFile, MaxBody: b.opts.MaxMsgSize, Valid: lasting,
	})
	for _, line := range said {
		b.warn("%s", line)
	}
	if err != nil {
		return err
	}
	meta, warning, err := store.ReadMetadata(b.fs, lasting)
	if err != nil {
		return err
	}
	if warning != "" {
		b.warn("%s", warning)
	}
	b.births = max(meta.Offsets, store.Offset(now.UnixMicro()))
	files, err := store.Files(b.fs)
	if err != nil {
		return err
	}
	known := map[string]*store.TopicMetadata{}
	for i, t := range meta.Topics {
		known[t.Name] = &meta.Topics[i]
		if files[t.Name] == nil {
			files[t.Name] = []string{}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		t, err := b.revive(now, name, files[name], known[name])
		if err != nil {
			return fmt.Errorf("topic %s: %w", name, err)
		}
		if t != nil {
			b.topics[name] = t
			t.wantSync(now) // what a killed process wrote may not have been synced
		}
	}
	if !b.discover {
		b.Discover(now, false) // what an earlier life waited for
	}
	if err := b.saveMetadata(reserve); err != nil { // so that no offset of this life is given again, whatever is left of it
		b.warn("metadata: %v", err)
		b.metaDue = b.tick(now) + int64(retryTime)
	}
	return nil
}
