package sim

import "time"

// A syncer has a broker sync when that is due: the disk takes its time, and then the call is made. A sync that becomes due meanwhile
// begins after it. What the broker wrote while the disk was at it is synced too.
type syncer struct {
	node  *node
	next  func() time.Time          // the broker's NextSync
	sync  func(now time.Time) error // its Sync
	run   func(f func())            // calls f when its process runs, and not if that is gone
	timer timer
	busy  bool
	ends  func() // end when its process runs, made once
}

func (s *syncer) init(n *node, next func() time.Time, sync func(now time.Time) error, run func(f func())) {
	s.node, s.next, s.sync, s.run = n, next, sync, run
	s.timer.init(n.world, func() { s.run(s.begin) })
	s.timer.node = n
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
	case due.After(s.node.now()):
		s.timer.set(due)
	default:
		s.busy = true
		w := s.node.world
		w.At(w.now+s.node.disk.SyncTime(), s.ends)
	}
}

func (s *syncer) end() {
	_ = s.sync(s.node.now()) // who lost something by it was told
	s.busy = false
	s.arm()
}
