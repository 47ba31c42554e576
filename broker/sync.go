package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// restShare is the part of the sync timeout that goes by, at the least, between two syncs for which nobody waits.
const restShare = 8

// How long the metadata rests between two times it is written: for each topic so long, but not for the first.
const (
	topicRest = 200 * time.Microsecond
	restless  = 100
)

// reserve is how many offsets are put aside in the metadata, for topics of which a crash leaves nothing.
const reserve = 1 << 34

// A waiter is somebody who waits until a topic lasts as it was. The sync point that was made last, if it is not synced yet, need not have in it all
// that has happened since; the next one has.
type waiter struct {
	point   int64
	session *Session    // or
	done    func(error) //
}

// NextSync is when Sync wants to be called; the zero time means never, a time gone by at once.
func (b *Broker) NextSync() time.Time {
	b.syncMu.Lock()
	defer b.syncMu.Unlock()
	return b.time(min(b.metaDue, b.dirty.next()))
}

// wantSync has the topic synced: at once if publishers wait or much was written, or in a while.
func (t *topic) wantSync(now time.Time) {
	b := t.broker
	due := b.tick(now) + int64(b.opts.SyncTimeout)
	if t.unsynced >= b.opts.SyncEvery {
		due = min(due, t.rested)
	}
	if len(t.waiters) > 0 {
		due = 0
	}
	b.syncMu.Lock()
	defer b.syncMu.Unlock()
	if t.syncing.index >= 0 && t.syncing.due <= due {
		return
	}
	if b.dirty.set(t, due) {
		b.wake()
	}
}

// changed has the metadata written anew, if it has something to say of the topic.
func (b *Broker) changed(t *topic) {
	if t.journal == nil {
		return
	}
	b.syncMu.Lock()
	defer b.syncMu.Unlock()
	if b.metaRested < b.metaDue {
		b.metaDue = b.metaRested
		b.wake()
	}
}

// metaRest is how long the metadata rests when it was written, since all of it is written each time. What it tells is in the topics' journals meanwhile.
func (b *Broker) metaRest() int64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return int64(min(time.Duration(max(len(b.topics)-restless, 0))*topicRest, b.opts.SyncTimeout))
}

// Sync makes what was written last through a power cut, tells those who wait for it, and tidies the folder. It takes as long as the disk takes, without a
// lock; two calls do not run at a time. Its error is for the log: who lost something by it was told.
func (b *Broker) Sync(now time.Time) error {
	b.syncing.Lock()
	defer b.syncing.Unlock()
	tick, rest := b.tick(now), b.metaRest()
	b.syncMu.Lock()
	var due []*topic
	for t := b.dirty.take(tick); t != nil; t = b.dirty.take(tick) {
		due = append(due, t)
	}
	meta, waiters := b.metaDue <= tick, b.metaWaiters
	if meta {
		b.metaWaiters = nil
		b.metaDue, b.metaRested = never, 0
		if rest > 0 {
			b.metaRested = tick + rest
		}
	}
	b.syncMu.Unlock()
	failures := b.syncTopics(now, due)
	if meta {
		err := b.saveMetadata(reserve)
		if err != nil {
			failures = append(failures, err)
			b.syncMu.Lock()
			b.metaDue = tick + int64(retryTime)
			b.syncMu.Unlock()
		}
		for _, done := range waiters {
			done(err)
		}
	}
	return errors.Join(failures...)
}

// maxTogether is how many topics share a sync of the folder.
const maxTogether = 64

// syncTopics syncs topics. Those that have new files, and for which nobody waits, do so together.
func (b *Broker) syncTopics(now time.Time, due []*topic) (failures []error) {
	fail := func(t *topic, err error) {
		if err != nil {
			failures = append(failures, fmt.Errorf("topic %s: %w", t.name, err))
		}
	}
	var topics []*topic
	var points []*store.SyncPoint
	together := func() {
		for i, err := range store.SyncAll(points) {
			fail(topics[i], topics[i].synced(now, points[i], err))
		}
		topics, points = topics[:0], points[:0]
	}
	for _, t := range due {
		p, awaited, err := t.syncPoint(now)
		fail(t, err)
		switch {
		case p == nil:
		case awaited || !p.NewFiles():
			err := p.Sync()
			fail(t, t.synced(now, p, err))
		default:
			topics, points = append(topics, t), append(points, p)
		}
		if len(points) == maxTogether {
			together()
		}
	}
	together()
	return failures
}

// sync makes the topic last.
func (t *topic) sync(now time.Time) error {
	p, _, broken := t.syncPoint(now)
	if p == nil {
		return broken
	}
	return errors.Join(broken, t.synced(now, p, p.Sync()))
}

// syncPoint gives what has to reach the disk, nil if that is nothing, and says whether publishers wait for it. The error is told to those who cannot
// wait any more.
func (t *topic) syncPoint(now time.Time) (p *store.SyncPoint, awaited bool, err error) {
	t.mu.Lock()
	if t.gone {
		waiters := t.waiters
		t.waiters = nil
		t.mu.Unlock()
		release(t, waiters, never, nil)
		return nil, false, nil
	}
	refused, broken := t.repair(now)
	t.carry()
	if int64(t.log.End()) > t.broker.reserved.Load()-reserve/2 {
		t.broker.changed(t)
	}
	t.unsynced = 0
	t.rested = t.broker.tick(now) + int64(t.broker.opts.SyncTimeout)/restShare
	p, awaited = t.log.SyncPoint(t.journal), len(t.waiters) > 0
	var settled []waiter
	if p != nil {
		t.points++
	} else { // what they wait for lasts already
		settled, t.waiters = t.waiters, nil
	}
	if t.journal != nil && !t.journal.Stale() {
		t.whole = t.points
		if p == nil {
			t.opened(t.points + 1)
		}
	}
	t.mu.Unlock()
	release(t, refused, never, broken)
	release(t, settled, never, nil)
	return p, awaited, broken
}

// synced tells those who wait what has become of a sync point, and gives what is for the log.
func (t *topic) synced(now time.Time, p *store.SyncPoint, err error) error {
	t.mu.Lock()
	if t.gone {
		err = nil // its files were closed meanwhile
	}
	failure := t.log.Synced(p, err)
	t.syncError = failure
	if failure == nil && !t.gone {
		t.opened(t.whole)
		t.note(store.Entry{Op: store.Synced, ID: t.log.Lasts()})
	}
	var told []waiter
	t.waiters = slices.DeleteFunc(t.waiters, func(w waiter) bool {
		if w.point > t.points {
			return false
		}
		told = append(told, w)
		return true
	})
	if len(t.waiters) > 0 {
		t.wantSync(now)
	} else if len(told) == 0 && t.caughtUp() {
		t.log.Rest(true)
		t.back.Rest()
	}
	point := t.points
	t.mu.Unlock()
	release(t, told, point, failure)
	return err
}

// opened notes which channels last, by a sync point.
func (t *topic) opened(point int64) {
	for _, c := range t.channels {
		if c.opening <= point {
			c.opening = 0
		}
	}
}

// repair has the journal tried again that could not be written. If that fails too, those who wait are to be told.
func (t *topic) repair(now time.Time) (refused []waiter, err error) {
	if t.failure == nil && len(t.waiters) == 0 {
		return nil, nil
	}
	if err = t.mend(now); err != nil {
		refused, t.waiters = t.waiters, nil
		t.wantSync(now)
	}
	return refused, err
}

// release tells publishers how what they published has fared.
func release(t *topic, told []waiter, point int64, err error) {
	for _, w := range told {
		if w.done != nil {
			w.done(err)
		} else {
			w.session.resolve(t, point, err)
		}
	}
}

// saveMetadata writes what topics and channels there are, and that so many offsets are put aside, and removes the files of those that are gone.
func (b *Broker) saveMetadata(aside store.Offset) error {
	b.mu.RLock()
	m := store.Metadata{Offsets: b.births, Version: Version}
	graves := b.graves
	var removed []int
	topics := make([]*topic, 0, len(b.topics))
	for _, name := range b.names() {
		if t := b.topics[name]; t.journal != nil {
			topics = append(topics, t)
		}
	}
	b.mu.RUnlock()
	for _, t := range topics {
		topic, end, n := t.metadata()
		m.Topics = append(m.Topics, topic)
		m.Offsets = max(m.Offsets, end)
		removed = append(removed, n)
	}
	m.Offsets += aside
	b.reserved.Store(int64(m.Offsets))
	if err := store.WriteMetadata(b.fs, m); err != nil {
		return err
	}
	for i, t := range topics {
		t.mu.Lock()
		t.removed = slices.Delete(t.removed, 0, removed[i])
		t.mu.Unlock()
	}
	if err := b.bury(graves); err != nil {
		return fmt.Errorf("a deleted topic: %w", err)
	}
	b.mu.Lock()
	b.graves = slices.Delete(b.graves, 0, len(graves))
	b.mu.Unlock()
	return nil
}

// bury removes the files of deleted topics; their journals, which say that they were, last.
func (b *Broker) bury(graves []string) error {
	if len(graves) == 0 {
		return nil
	}
	for _, journals := range []bool{false, true} {
		for _, name := range graves {
			if _, _, ok := store.ParseJournalName(name); ok != journals {
				continue
			}
			if err := b.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if err := b.fs.SyncDir(); err != nil {
			return err
		}
	}
	return nil
}

// metadata is what the metadata tells of the topic, which leaves out so many channels that are gone.
func (t *topic) metadata() (m store.TopicMetadata, end store.Offset, removed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m = store.TopicMetadata{Name: t.name, Paused: t.paused}
	for _, c := range t.visible() {
		if !wire.IsEphemeral(c.name) {
			m.Channels = append(m.Channels, store.ChannelMetadata{Name: c.name, Paused: c.paused})
		}
	}
	return m, t.log.End(), len(t.removed)
}

// Save writes and syncs all that is left, when the broker is closed and all sessions have ended. Nothing may be asked of the broker after it.
func (b *Broker) Save(now time.Time) error {
	b.syncing.Lock()
	defer b.syncing.Unlock()
	b.mu.RLock()
	names := b.names()
	b.mu.RUnlock()
	var failures []error
	for _, name := range names {
		if t := b.topics[name]; t.journal != nil {
			if err := t.save(now); err != nil {
				failures = append(failures, fmt.Errorf("topic %s: %w", name, err))
			}
		}
	}
	if b.fs != nil {
		failures = append(failures, b.saveMetadata(0))
	}
	return errors.Join(failures...)
}

// save is Save for a topic.
func (t *topic) save(now time.Time) error {
	t.mu.Lock()
	t.failure = nil // whatever it was, the disk is tried once more
	err := t.log.Write()
	t.mu.Unlock()
	if err == nil {
		err = t.sync(now)
	}
	if err == nil { // and then say in the journal that it lasts
		t.mu.Lock()
		err = t.snapshot(now)
		t.mu.Unlock()
	}
	return errors.Join(err, t.sync(now), t.log.Close(), t.journal.Close())
}
