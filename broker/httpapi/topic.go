package httpapi

import (
	"net/http"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// createTopic answers POST /topic/create?topic=.
func (d *nsqd) createTopic(r *http.Request) (any, error) {
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	name, err := validTopic(q)
	if err != nil {
		return nil, err
	}
	if err := d.broker.CreateTopic(d.clock(), name); err != nil {
		return nil, err
	}
	return nil, d.settle(name)
}

// deleteTopic answers POST /topic/delete?topic=.
func (d *nsqd) deleteTopic(r *http.Request) (any, error) {
	return d.withTopic(r, d.broker.DeleteTopic)
}

// emptyTopic answers POST /topic/empty?topic=. As in nsqd it alone of those that want a topic checks its name first.
func (d *nsqd) emptyTopic(r *http.Request) (any, error) {
	return d.withTopic(r, func(now time.Time, name string) error {
		if !broker.ValidName(name) {
			return errInvalidTopic
		}
		return d.broker.EmptyTopic(now, name)
	})
}

// pauseTopic answers POST /topic/pause?topic=.
func (d *nsqd) pauseTopic(r *http.Request) (any, error) {
	return d.withTopic(r, func(now time.Time, name string) error { return d.broker.PauseTopic(now, name, true) })
}

// unpauseTopic answers POST /topic/unpause?topic=.
func (d *nsqd) unpauseTopic(r *http.Request) (any, error) {
	return d.withTopic(r, func(now time.Time, name string) error { return d.broker.PauseTopic(now, name, false) })
}

// withTopic does something with the topic that a request names.
func (d *nsqd) withTopic(r *http.Request, f func(now time.Time, name string) error) (any, error) {
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	if !q.Has("topic") {
		return nil, errMissingTopic
	}
	name := q.Get("topic")
	if err := f(d.clock(), name); err != nil {
		return nil, err
	}
	return nil, d.settle(name)
}

// settle waits until what was done to a topic is as safe as its durability promises.
func (d *nsqd) settle(name string) error {
	done := make(chan error, 1)
	d.broker.Settle(d.clock(), name, func(err error) { done <- err })
	return d.await(done)
}
