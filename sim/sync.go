package sim

import "time"

// A syncer has a broker sync when that is due: the disk takes its time, and then the call is made. A sync that becomes due meanwhile
// begins after it. What the broker wrote while the disk was at it is synced too.
type syncer struct {
	world *World
	disk  *Disk
	next  func() time.Time          // the broker's NextSync
	sync  func(now time.Time) error // its Sync
	run   func(f func())            // calls f when its process runs, and not if that is gone
	timer timer
	busy  bool
	ends  func() // end when its process runs, made once
}

func (s *syncer) init(w *World, d *Disk, next func() time.Time, sync func(now time.Time) error, run func(f func())) {
	s.world, s.disk, s.next, s.sync, s.run = w, d, next, sync, run
	s.timer.init(w, func() { s.run(s.begin) })
	s.ends = func() { s.run(s.end) }
}

// arm sees that a sync begins when it is due.
func (s *syncer) arm() {
	if !s.busy {
		s.timer.set(s.next())
	}
}

// begin starts a sync if one is due.
func (s *syncer) begin() {
	due := s.next()
	switch {
	case s.busy || due.IsZero():
	case due.After(s.world.time()):
		s.timer.set(due)
	default:
		s.busy = true
		s.world.At(s.world.now+s.disk.SyncTime(), s.ends)
	}
}

func (s *syncer) end() {
	_ = s.sync(s.world.time()) // who lost something by it was told
	s.busy = false
	s.arm()
}
