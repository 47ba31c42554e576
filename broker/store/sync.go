package store

import "fmt"

// A SyncPoint is what has to reach the disk so that a log lasts to a place. It is made under the topic's lock, synced without, and given
// back under it.
type SyncPoint struct {
	log      *Log
	segments []*segment
	dir      bool
	upTo     Offset
}

// SyncPoint gives what was written and not synced; ok is false if that is nothing. There may be one at a time.
func (l *Log) SyncPoint() (p SyncPoint, ok bool) {
	if l.written == l.synced {
		return p, false
	}
	p = SyncPoint{log: l, dir: l.newFiles, upTo: l.written}
	for _, s := range l.segments {
		if s.end > l.synced {
			s.syncing++
			p.segments = append(p.segments, s)
		}
	}
	l.newFiles = false
	return p, true
}

// Sync makes it last. It takes as long as the disk takes; no lock is needed.
func (p SyncPoint) Sync() error {
	for _, s := range p.segments {
		if err := s.file.Sync(); err != nil {
			return fmt.Errorf("store: %s: %w", s.name, err)
		}
	}
	if p.dir {
		if err := p.log.fs.SyncDir(); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	return nil
}

// Synced takes the point back, with what Sync said. After an error nothing more goes into the segments it was about, and what was to last
// up to there must be taken not to; it stays readable.
func (l *Log) Synced(p SyncPoint, err error) {
	for _, s := range p.segments {
		if s.syncing--; s.syncing == 0 && s.owed <= 0 && s != l.last {
			l.drop(s)
		}
	}
	l.synced = max(l.synced, p.upTo)
	if err != nil {
		l.newFiles = true
		l.part()
	}
}
