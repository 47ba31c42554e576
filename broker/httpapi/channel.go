package httpapi

import (
	"net/http"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// createChannel answers POST /channel/create?topic=&channel=. It makes no topic.
func (d *nsqd) createChannel(r *http.Request) (any, error) {
	return d.withChannel(r, d.broker.CreateChannel)
}

// deleteChannel answers POST /channel/delete?topic=&channel=.
func (d *nsqd) deleteChannel(r *http.Request) (any, error) {
	return d.withChannel(r, d.broker.DeleteChannel)
}

// emptyChannel answers POST /channel/empty?topic=&channel=.
func (d *nsqd) emptyChannel(r *http.Request) (any, error) {
	return d.withChannel(r, d.broker.EmptyChannel)
}

// pauseChannel answers POST /channel/pause?topic=&channel=.
func (d *nsqd) pauseChannel(r *http.Request) (any, error) {
	return d.withChannel(r, func(now time.Time, topic, channel string) error {
		return d.broker.PauseChannel(now, topic, channel, true)
	})
}

// unpauseChannel answers POST /channel/unpause?topic=&channel=.
func (d *nsqd) unpauseChannel(r *http.Request) (any, error) {
	return d.withChannel(r, func(now time.Time, topic, channel string) error {
		return d.broker.PauseChannel(now, topic, channel, false)
	})
}

// withChannel does something with the channel that a request names. The names are checked first, with codes other than those of the
// topics' endpoints, as in nsqd.
func (d *nsqd) withChannel(r *http.Request, f func(now time.Time, topic, channel string) error) (any, error) {
	topic, channel, err := channelArgs(r)
	if err != nil {
		return nil, err
	}
	if err := f(d.clock(), topic, channel); err != nil {
		return nil, err
	}
	return nil, d.settle(topic)
}

// channelArgs reads the names of a topic and of a channel, and checks them.
func channelArgs(r *http.Request) (topic, channel string, err error) {
	q, err := parseQuery(r)
	if err != nil {
		return "", "", err
	}
	topic, channel = q.Get("topic"), q.Get("channel")
	switch {
	case !q.Has("topic"):
		return "", "", errMissingTopic
	case !broker.ValidName(topic):
		return "", "", refusal{http.StatusBadRequest, "INVALID_ARG_TOPIC"}
	case !q.Has("channel"):
		return "", "", refusal{http.StatusBadRequest, "MISSING_ARG_CHANNEL"}
	case !broker.ValidName(channel):
		return "", "", refusal{http.StatusBadRequest, "INVALID_ARG_CHANNEL"}
	}
	return topic, channel, nil
}
