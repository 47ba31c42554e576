package server

import (
	"errors"
	"io"
	"os"
	"time"
)

// An over is why a connection ends, as the reading goroutine came to know it.
type over struct {
	why ending
	err error
}

// read is the reading goroutine: it tells the endpoint all that happens, one thing at a time.
func (d *driver) read() (ending, error) {
	if d.over != nil {
		return d.over.why, d.over.err
	}
	for {
		n, err := d.gather()
		if n > 0 {
			d.lately += n
			d.ahead += n
			if d.enter() {
				d.hand()
			}
			d.economize(d.now) // an endpoint may hear so often from its peer that no timeout of it comes
		}
		if d.layers != nil && d.over == nil && d.ahead > maxAhead { // little that is sent can be much that is read
			d.now = time.Now()
			_ = d.settle() // an error is noted
		}
		switch {
		case d.over != nil && d.over.why != finished:
			return d.over.why, d.over.err
		case d.over != nil || errors.Is(err, io.EOF): // what a layer says of the end does not matter, if the connection has ended
			_, err := d.endpoint.Receive(d.now, nil)
			return finished, err
		case err != nil:
			return mistaken, err // what came is not what the layer reads
		}
	}
}

// gather reads. What layers read into is theirs until something comes, so that is not the inbox, which can be large and is given back.
func (d *driver) gather() (n int, err error) {
	if d.layers == nil {
		n, err = d.source.Read(d.in.room())
		d.in.add(n)
		return n, err
	}
	if d.hall == nil {
		d.hall = make([]byte, idleBuffer)
	}
	hall := d.hall
	n, err = d.source.Read(hall)
	d.in.put(hall[:n])
	if n == len(hall) && n < firstBuffer {
		d.hall = make([]byte, firstBuffer)
	}
	return n, err
}

// settle sends what the endpoint has, and waits if too much was read while the peer did not take it.
func (d *driver) settle() error {
	if err := d.flush(d.now); err != nil {
		return d.end(broken, err)
	}
	if err := d.catchUp(); err != nil {
		return d.end(expired, err)
	}
	return nil
}

// end notes why nothing more can be read.
func (d *driver) end(why ending, err error) error {
	d.over = &over{why, err}
	return err
}

// A rawReader reads from a driver's connection, or nothing when one of the endpoint's timeouts was served. If layers read from it, whom
// that would break, it does not return for those.
type rawReader struct{ *driver }

func (r rawReader) Read(p []byte) (n int, err error) {
	d := r.driver
	if len(d.stash) > 0 {
		n = copy(p, d.stash)
		if d.stash = d.stash[n:]; len(d.stash) == 0 {
			d.stash = nil
		}
		return n, nil
	}
	if d.shaking {
		return d.conn.Read(p)
	}
	n, err = d.await(p)
	for n == 0 && err == nil && d.layers != nil {
		n, err = d.await(p)
	}
	return n, err
}

// await reads until something comes, or the endpoint's next timeout, which it serves: then n is 0.
func (d *driver) await(p []byte) (n int, err error) {
	if err := d.settle(); err != nil {
		return 0, err
	}
	d.arm()
	n, err = d.conn.Read(p)
	d.now = time.Now()
	if d.layers != nil {
		d.ahead += n // TLS answers to some of it, and none of that comes to the endpoint
	}
	switch {
	case n > 0 || err == nil: // an error comes again
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		if err := d.endpoint.HandleTimeout(d.now); err != nil {
			return 0, d.end(expired, err)
		}
		d.rearm()
		d.economize(d.now)
		return 0, nil
	case errors.Is(err, io.EOF):
		return 0, d.end(finished, err)
	}
	return 0, d.end(broken, err)
}

// hand gives the endpoint what has come, and what it needs, until it takes no more.
func (d *driver) hand() {
	for {
		used, err := d.receive(d.now, d.in.waits())
		d.in.consume(used)
		if err != nil {
			_ = d.end(mistaken, err)
			return
		}
		if met := d.meet(); !met || d.in.used == 0 {
			return
		}
	}
}

// receive hands the endpoint what has come: the greetings on a stack that is gone afterwards. They take twice the stack that the
// rest of an idle connection's life does, and the memory that a stack has once had stays with the process for long.
func (d *driver) receive(now time.Time, p []byte) (n int, err error) {
	if d.greeted == greetings {
		return d.endpoint.Receive(now, p)
	}
	d.greeted++
	aside(func() { n, err = d.endpoint.Receive(now, p) })
	return n, err
}

// aside calls f in another goroutine.
func aside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// economize gives the buffers back when little has come for a while: no more than answers to heartbeats.
func (d *driver) economize(now time.Time) {
	if now.Sub(d.counted) < restAfter {
		return
	}
	little := d.lately <= idleBuffer
	d.counted, d.lately = now, 0
	if !little {
		return
	}
	d.in.rest()
	d.hall = nil
	select {
	case d.turn <- struct{}{}:
		d.spare = nil
		if d.layers != nil {
			d.layers.rest()
		}
		<-d.turn
	default:
	}
}

// flush sends what the endpoint has, but does not wait for a slow peer: the writing goroutine goes on from there.
func (d *driver) flush(now time.Time) error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	default:
		d.wake() // it is at it, and shall look again
		return nil
	}
	if len(d.rest) > 0 {
		return nil // it was woken for this
	}
	d.ahead = 0
	if !d.take() {
		return nil
	}
	err := d.send(now, patience)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		d.wake()
		return nil
	}
	return err
}

// catchUp waits for the writing goroutine, if too much was read while it was at it, and serves the timeouts meanwhile.
func (d *driver) catchUp() error {
	if d.ahead <= maxAhead {
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := lookAgain
		if next := d.endpoint.NextTimeout(); !next.IsZero() {
			wait = min(wait, time.Until(next))
		}
		timer.Reset(wait)
		select {
		case d.turn <- struct{}{}:
			sent := len(d.rest) == 0
			<-d.turn
			if sent {
				d.ahead = 0
				return nil
			}
			if d.failed() {
				return nil // nothing can be read any more either
			}
		case <-timer.C:
			if err := d.endpoint.HandleTimeout(time.Now()); err != nil {
				return err
			}
			d.wake() // for what that gave, should the writing goroutine be done just now
		}
	}
}
