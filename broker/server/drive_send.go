package server

import (
	"errors"
	"os"
	"time"
)

// write is the writing goroutine. It is there while there is something to write.
func (d *driver) write() {
	for d.asks() {
		if err := d.drain(); err != nil {
			d.fail(err)
		}
	}
}

// asks says whether the endpoint is to be looked at again; if not the writing goroutine is gone.
func (d *driver) asks() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stage == stopped {
		close(d.rested)
		return false
	}
	d.writing, d.asked = d.asked, false
	return d.writing
}

// fail ends the reading goroutine when the writing one cannot go on.
func (d *driver) fail(err error) {
	d.mu.Lock()
	first := d.stage == running && d.failure == nil
	if first {
		d.failure = err
	}
	d.mu.Unlock()
	if first {
		_ = d.conn.Close()
	}
}

// failed says whether the writing goroutine could not go on, and so has closed the connection.
func (d *driver) failed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failure != nil
}

// drain sends until nothing is left. While the peer takes nothing it looks at the endpoint every second or two, and lets the
// reading goroutine have its turn.
func (d *driver) drain() error {
	moved := time.Now()
	for more := true; more; {
		d.turn <- struct{}{}
		more = d.take()
		d.arm()
		var err error
		if left := len(d.rest); more {
			now := time.Now()
			err = d.send(now, lookAgain)
			if len(d.rest) < left {
				moved = now
			}
			if errors.Is(err, os.ErrDeadlineExceeded) && now.Sub(moved) < stall {
				err = nil
			}
		}
		<-d.turn
		if err != nil {
			return err
		}
	}
	return nil
}

// take makes sure that rest is what is to be sent next, and says whether there is anything. Needs the turn.
func (d *driver) take() bool {
	if len(d.rest) == 0 {
		d.out = d.endpoint.Transmit(d.spare)
		d.rest = d.out
		d.spare = nil
		if d.layers != nil {
			d.rest, d.garbled = d.layers.wrap(d.out)
		}
		d.recycle()
	}
	return len(d.rest) > 0 || d.garbled != nil
}

// send writes rest; what remains of it after an error is not sent. The peer has from least to twice that. Needs the turn.
func (d *driver) send(now time.Time, least time.Duration) error {
	if d.garbled != nil && len(d.rest) == 0 {
		return d.garbled
	}
	if left := d.writeBy.Sub(now); left < least || left > 2*least {
		d.writeBy = now.Add(2 * least)
		if err := d.conn.SetWriteDeadline(d.writeBy); err != nil {
			return err
		}
	}
	n, err := d.conn.Write(d.rest)
	d.rest = d.rest[n:]
	d.recycle()
	return err
}

// recycle makes what is sent the next spare. Needs the turn.
func (d *driver) recycle() {
	if len(d.rest) == 0 {
		d.spare, d.out, d.rest = d.out[:0], nil, nil
	}
}
