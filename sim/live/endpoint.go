package live

import (
	"sync/atomic"
	"time"

	"github.com/nsqlab/nsqlab/broker/server"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// An endpoint is a client's, each of whose calls has the turn.
type endpoint struct {
	wire.Endpoint
	turn   *turn
	driver atomic.Pointer[func()] // the wake of who drives it; nil until its connection stands
}

// run connects, and drives the endpoint at the near end until the link is over.
func (e *endpoint) run(l *link) {
	defer l.end()
	if err := l.connect(); err != nil {
		e.Disconnect(time.Now())
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.relay()
	}()
	// What ended the connection is the endpoint's to know, and not an error of the cluster.
	_ = server.Drive(l.near, func(_ time.Time, wake func()) wire.Endpoint {
		e.driver.Store(&wake)
		return e
	})
	_ = l.near.Close()
	<-done
}

// wake may be called with the turn, so it must not wait for it.
func (e *endpoint) wake() {
	if wake := e.driver.Load(); wake != nil {
		(*wake)()
	}
}

// Receive implements wire.Endpoint.
func (e *endpoint) Receive(now time.Time, p []byte) (int, error) {
	e.turn.Lock()
	defer e.turn.Unlock()
	return e.Endpoint.Receive(now, p)
}

// Transmit implements wire.Endpoint.
func (e *endpoint) Transmit(spare []byte) []byte {
	e.turn.Lock()
	defer e.turn.Unlock()
	return e.Endpoint.Transmit(spare)
}

// NextTimeout implements wire.Endpoint.
func (e *endpoint) NextTimeout() time.Time {
	e.turn.Lock()
	defer e.turn.Unlock()
	return e.Endpoint.NextTimeout()
}

// HandleTimeout implements wire.Endpoint.
func (e *endpoint) HandleTimeout(now time.Time) error {
	e.turn.Lock()
	defer e.turn.Unlock()
	return e.Endpoint.HandleTimeout(now)
}

// Disconnect implements wire.Endpoint.
func (e *endpoint) Disconnect(now time.Time) {
	e.turn.Lock()
	defer e.turn.Unlock()
	e.Endpoint.Disconnect(now)
}
