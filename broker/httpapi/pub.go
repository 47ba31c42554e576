package httpapi

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

var (
	errMessageTooBig = refusal{http.StatusRequestEntityTooLarge, "MSG_TOO_BIG"}
	errBodyTooBig    = refusal{http.StatusRequestEntityTooLarge, "BODY_TOO_BIG"}
)

// pub answers POST /pub?topic=&defer=: it publishes the body as one message. OK says that the topic has it.
func (d *nsqd) pub(r *http.Request) (any, error) {
	if r.ContentLength > d.opts.MaxMsgSize {
		return nil, errMessageTooBig
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, d.opts.MaxMsgSize+1))
	switch {
	case err != nil:
		return nil, errInternal
	case int64(len(body)) > d.opts.MaxMsgSize:
		return nil, errMessageTooBig
	case len(body) == 0:
		return nil, refusal{http.StatusBadRequest, "MSG_EMPTY"}
	}
	q, name, err := d.publishedTopic(r)
	if err != nil {
		return nil, err
	}
	deferral, err := d.deferral(q)
	if err != nil {
		return nil, err
	}
	return "OK", d.publish(name, deferral, body)
}

// deferral reads how many milliseconds a message is to be held back; none without the parameter.
func (d *nsqd) deferral(q url.Values) (time.Duration, error) {
	if !q.Has("defer") {
		return 0, nil
	}
	ms, err := strconv.ParseInt(q.Get("defer"), 10, 64)
	if err != nil || ms < 0 || ms > d.opts.MaxDeferral().Milliseconds() {
		return 0, refusal{http.StatusBadRequest, "INVALID_DEFER"}
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// publishedTopic reads the name of a topic to publish to, and makes the topic if need be, as in nsqd before all else is checked.
func (d *nsqd) publishedTopic(r *http.Request) (url.Values, string, error) {
	q, err := parseQuery(r)
	if err != nil {
		return nil, "", err
	}
	name, err := validTopic(q)
	if err != nil {
		return nil, "", err
	}
	return q, name, asPublication(d.broker.CreateTopic(d.clock(), name))
}

// validTopic reads the name of a topic that need not be there.
func validTopic(q url.Values) (string, error) {
	if !q.Has("topic") {
		return "", errMissingTopic
	}
	name := q.Get("topic")
	if !broker.ValidName(name) {
		return "", errInvalidTopic
	}
	return name, nil
}

// publish waits until the messages are as safe as their topic's durability promises.
func (d *nsqd) publish(name string, deferral time.Duration, bodies ...[]byte) error {
	done := make(chan error, 1)
	now := d.clock()
	d.broker.Publish(now, name, deferral, bodies, func(err error) { done <- err })
	err := d.outcome(done)
	if err == nil && d.info.Answered != nil {
		d.info.Answered(d.clock().Sub(now))
	}
	return err
}

// outcome gives what a publisher is told.
func (d *nsqd) outcome(done <-chan error) error { return asPublication(d.await(done)) }

// await gives what has become of what was asked for, and waits for it only if it must.
func (d *nsqd) await(done <-chan error) error {
	select {
	case err := <-done:
		return err
	default:
		return d.info.Await(done)
	}
}

// asPublication gives what a publisher is told of an error: EXITING as in nsqd, DRAINING, and of the disk's the reason, which nsqd keeps to
// itself. The status is the same, so a client tries again elsewhere or later.
func asPublication(err error) error {
	if err == nil || errors.Is(err, broker.ErrExiting) || errors.Is(err, broker.ErrDraining) {
		return err
	}
	return refusal{http.StatusServiceUnavailable, "PUB_FAILED: " + err.Error()}
}
