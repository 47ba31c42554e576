package httpapi

import "net/http"

// A state is what a daemon does.
type state struct {
	State string `json:"state"`                   // running or draining
	Left  *int64 `json:"messages_left,omitempty"` // while it drains: messages that channels have not finished, each once a channel
}

func (d *nsqd) state() state {
	if !d.broker.Draining() {
		return state{State: "running"}
	}
	left := d.broker.Held()
	return state{"draining", &left}
}

// drain answers POST /drain: from now on publications and new topics are refused, and when consumers have finished what is there the
// daemon ends. The answer is what it does now.
func (d *nsqd) drain(*http.Request) (any, error) { return d.setDrain(true), nil }

// resume answers DELETE /drain: it takes a drain back.
func (d *nsqd) resume(*http.Request) (any, error) { return d.setDrain(false), nil }

func (d *nsqd) setDrain(on bool) state {
	if d.info.Drain != nil {
		d.info.Drain(on)
	} else {
		d.broker.Drain(on)
	}
	return d.state()
}
