package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

const (
	drainLook  = 100 * time.Millisecond // between two looks at what is left
	drainTold  = 10 * time.Second       // between two lines of the log about it
	drainShown = 5                      // places that such a line names
)

// A drain is what the daemon knows of its drain.
type drain struct {
	resumed chan struct{} // closed when it is taken back; nil: the daemon does not drain
	over    bool
}

// Drain has the daemon take nothing new, or again take it. When consumers have finished what is there, or the time for that is over, Drained
// says so and the drain can no longer be taken back. To call it twice is to call it once.
func (d *Nsqd) Drain(on bool) {
	d.draining.Lock()
	defer d.draining.Unlock()
	if d.drain.over || on == (d.drain.resumed != nil) {
		return
	}
	if !on {
		d.broker.Drain(false)
		close(d.drain.resumed)
		d.drain.resumed = nil
		d.log(Info, "DRAIN: taken back")
		return
	}
	d.broker.Drain(true)
	resumed := make(chan struct{})
	if d.start(func() { d.watchDrain(resumed) }) {
		d.drain.resumed = resumed
	}
}

// Drained is closed when a drain is over: Stop is then to be called, as it is after Failed.
func (d *Nsqd) Drained() <-chan struct{} { return d.drained }

// watchDrain waits for the end of a drain, and logs how it goes.
func (d *Nsqd) watchDrain(resumed <-chan struct{}) {
	look := time.NewTicker(drainLook)
	defer look.Stop()
	began := time.Now()
	told := began
	d.log(Info, "DRAIN: publications and new topics are refused; %s", left(d.broker.Holdings()))
	for {
		now := time.Now()
		all := d.broker.Holdings()
		late := d.drainTimeout > 0 && now.Sub(began) >= d.drainTimeout
		if len(all) == 0 || late {
			d.endDrain(resumed, now.Sub(began), all)
			return
		}
		if now.Sub(told) >= drainTold {
			told = now
			d.log(Info, "DRAIN: for %s; %s", now.Sub(began).Truncate(time.Second), left(all))
		}
		select {
		case <-look.C:
		case <-resumed:
			return
		case <-d.ended:
			return
		}
	}
}

// endDrain ends a drain that was not taken back meanwhile.
func (d *Nsqd) endDrain(resumed <-chan struct{}, after time.Duration, all []broker.Holding) {
	d.draining.Lock()
	defer d.draining.Unlock()
	if d.drain.resumed != resumed {
		return
	}
	d.drain.over = true
	if len(all) == 0 {
		d.log(Info, "DRAIN: all is finished, after %s", after.Truncate(time.Millisecond))
	} else {
		d.log(Warn, "DRAIN: given up after %s; %s, which are %s", after.Truncate(time.Millisecond), left(all), d.fate())
	}
	close(d.drained)
}

// fate is what becomes of the messages that the broker holds when the daemon ends.
func (d *Nsqd) fate() string {
	kept, gone := d.held()
	switch {
	case d.folder == nil:
		return "lost"
	case gone > 0:
		return fmt.Sprintf("kept on disk, but for %d of %d that are ephemeral", gone, kept+gone)
	}
	return "kept on disk"
}

// left says how many messages there are, and where the most of them.
func left(all []broker.Holding) string {
	var n int64
	var places []string
	for i, h := range all {
		n += h.Messages
		if i >= drainShown {
			continue
		}
		place := fmt.Sprintf("%s %d", h.Topic, h.Messages)
		if h.Channel != "" {
			place = fmt.Sprintf("%s/%s %d", h.Topic, h.Channel, h.Messages)
		}
		if h.Stuck != "" {
			place += " (" + h.Stuck + ")"
		}
		places = append(places, place)
	}
	if more := len(all) - drainShown; more > 0 {
		places = append(places, fmt.Sprintf("%d more", more))
	}
	if n == 0 {
		return "0 messages are left"
	}
	return fmt.Sprintf("%d messages are left: %s", n, strings.Join(places, ", "))
}
