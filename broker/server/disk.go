package server

import (
	"fmt"
	"maps"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// sameAgain is how long an error of the disk or of statsd that was logged is not logged again.
const sameAgain = time.Second

// wake is what the broker calls when its next timeout or its next sync may be earlier.
func (d *Nsqd) wake() {
	if l := d.lookups; l != nil { // nil while the broker is opened
		l.wake()
	}
	for _, woken := range []chan struct{}{d.timed, d.synced} {
		select {
		case woken <- struct{}{}:
		default:
		}
	}
}

// punctual calls act whenever the time has come that next tells, which it asks for anew after each call and each token of woken.
// The zero time means never, a time gone by at once.
func punctual(next func() time.Time, act func(now time.Time), woken, ended <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if at := next(); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
		select {
		case <-timer.C:
			act(time.Now())
		case <-woken:
		case <-ended:
			return
		}
	}
}

// syncer has the broker sync, and logs what fails.
func (d *Nsqd) syncer() func(now time.Time) {
	complain := d.complainer("DISK")
	return func(now time.Time) {
		if err := d.broker.Sync(now); err != nil {
			complain(now, err)
		}
	}
}

// complainer logs errors of what is named, each once a second at most.
func (d *daemon) complainer(of string) func(now time.Time, err error) {
	logged := map[string]time.Time{}
	return func(now time.Time, err error) {
		maps.DeleteFunc(logged, func(_ string, at time.Time) bool { return now.Sub(at) >= sameAgain })
		if text := err.Error(); logged[text].IsZero() {
			logged[text] = now
			d.log(Error, "%s: %s", of, text)
		}
	}
}

// await waits for what becomes of a publication. That of a daemon which ends meanwhile is refused, though it may have been saved.
func (d *Nsqd) await(done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-d.ended:
		return broker.ErrExiting
	}
}

// save writes what the broker holds to its folder, once nobody uses the broker any more.
func (d *Nsqd) save() error {
	if err := d.broker.Save(time.Now()); err != nil {
		return fmt.Errorf("failed to save: %w", err)
	}
	if kept, gone := d.held(); d.folder == nil {
		d.log(Info, "%d messages were in memory only and are gone", kept+gone)
	} else {
		d.log(Info, "%d messages are kept on disk", kept)
	}
	return nil
}

// held is how many messages the broker holds, once for each channel that has not finished them: those that its folder keeps, and
// those that are ephemeral.
func (d *Nsqd) held() (kept, gone int64) {
	for _, t := range d.broker.Stats().Topics {
		count := func(name string, n int64) {
			if wire.IsEphemeral(t.Name) || wire.IsEphemeral(name) {
				gone += n
			} else {
				kept += n
			}
		}
		count("", t.Depth)
		for _, c := range t.Channels {
			count(c.Name, c.Depth+int64(c.InFlight)+int64(c.Deferred))
		}
	}
	return kept, gone
}
