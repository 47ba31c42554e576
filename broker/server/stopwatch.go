package server

import (
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// A stopwatch counts how long something took, each time. Safe from any goroutine.
type stopwatch struct {
	mu   sync.Mutex
	took broker.Histogram
}

// add counts n times of d each.
func (s *stopwatch) add(d time.Duration, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took.Add(d, uint64(n))
}

func (s *stopwatch) histogram() broker.Histogram {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took
}

// A measured session counts how long publications took, from when they were read until their OKs left for the connection.
type measured struct {
	*broker.Session
	publications *stopwatch
}

// Transmit implements wire.Endpoint.
func (m measured) Transmit(spare []byte) []byte {
	out := m.Session.Transmit(spare)
	var now time.Time
	for a := range m.Answered() {
		if now.IsZero() {
			now = time.Now()
		}
		m.publications.add(now.Sub(a.Read), a.Commands)
	}
	return out
}
