package store

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// A SyncPoint is what has to reach the disk so that a topic lasts to a place, and what can go once it has. It is made under the topic's lock,
// synced without, and given back under it.
type SyncPoint struct {
	log      *Log
	journal  *Journal
	segments []*segment
	file     File // the journal's; nil if it has nothing new
	dir      bool
	upTo     Offset   // of the log
	size     int64    // of the journal
	garbage  []string // of the log, then of the journal
	removed  int      // of it
	ofLog    int      // of it
}

// SyncPoint gives what was written and not synced, and what is to be removed; nil if that is nothing, or if there is a sync point already. The
// journal may be nil.
func (l *Log) SyncPoint(j *Journal) *SyncPoint {
	if l.syncing || !l.unsynced() && (j == nil || !j.unsynced()) {
		return nil
	}
	p := &SyncPoint{log: l, journal: j, dir: l.newFiles, upTo: l.written}
	if !slices.ContainsFunc(l.segments, func(s *segment) bool { return s.failed }) { // else what was carried into it may have to be read where it was
		p.garbage, p.ofLog = slices.Clone(l.garbage), len(l.garbage)
	}
	for _, s := range l.segments {
		if s.end > l.synced {
			s.syncing = true
			p.segments = append(p.segments, s)
		}
	}
	l.syncing, l.newFiles = true, false
	if j != nil && j.size > j.synced {
		p.file, p.size, p.dir = j.file, j.size, p.dir || j.synced == 0
		p.garbage = append(p.garbage, j.garbage...)
		j.syncing = true
	}
	return p
}

// shut closes the files that nothing was read from since the last sync.
func (l *Log) shut() {
	for _, s := range l.segments {
		if s.file != nil && !s.used && s != l.last && s.end <= l.synced {
			_ = s.file.Close() // all of it lasts
			s.file = nil
		}
		s.used = false
	}
}

func (l *Log) unsynced() bool { return l.written > l.synced || len(l.garbage) > 0 }

// NewFiles says that the folder has to be synced as well.
func (p *SyncPoint) NewFiles() bool { return p.dir }

// Sync makes it last, and removes what has no use after that. It takes as long as the disk takes; no lock is needed.
func (p *SyncPoint) Sync() error { return SyncAll([]*SyncPoint{p})[0] }

// SyncAll is Sync for points of one folder, which is synced once for all of them. It gives an error for each.
func SyncAll(points []*SyncPoint) []error {
	errs := make([]error, len(points))
	for i, p := range points {
		errs[i] = p.syncFiles()
	}
	var failure error
	done := false
	folder := func(fs FS) error {
		if !done {
			failure, done = fs.SyncDir(), true
		}
		return failure
	}
	for i, p := range points {
		if errs[i] == nil {
			errs[i] = p.tidy(folder)
		}
	}
	return errs
}

// syncFiles makes what stands in the files last.
func (p *SyncPoint) syncFiles() error {
	if p.file != nil {
		if err := p.file.Sync(); err != nil {
			return fmt.Errorf("store: %s: %w", p.journal.name, err)
		}
	}
	for _, s := range p.segments {
		if err := s.file.Sync(); err != nil {
			return fmt.Errorf("store: %s: %w", s.name, err)
		}
	}
	return nil
}

// tidy makes the names of new files last, by a sync of the folder, and removes what has no use any more.
func (p *SyncPoint) tidy(sync func(FS) error) error {
	if p.dir {
		if err := sync(p.log.fs); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	for _, name := range p.garbage {
		if err := p.log.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removal{fmt.Errorf("store: %w", err)}
		}
		p.removed++
	}
	return nil
}

// A removal is that of a file which failed: all is synced all the same.
type removal struct{ error }

func (r removal) Unwrap() error { return r.error }

// Synced takes the point back, with what Sync said, and gives what those who wait for it are told: nil, or why it does not last. After an
// error nothing more goes into the files it was about, and what was to last up to there must be taken not to; it stays readable.
func (l *Log) Synced(p *SyncPoint, err error) error {
	l.syncing = false
	l.garbage = slices.Delete(l.garbage, 0, min(p.removed, p.ofLog))
	if errors.As(err, new(removal)) {
		err = nil
	}
	for _, s := range p.segments {
		s.syncing, s.failed = false, s.failed || err != nil
		l.settle(s)
	}
	if p.journal != nil {
		p.journal.settle(p, err)
	}
	l.synced = max(l.synced, p.upTo)
	l.shut()
	l.failed = l.failed || err != nil
	if !l.failed {
		l.lasts = l.synced
	}
	if err != nil {
		l.newFiles = true
		l.part()
	}
	return err
}
