package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/lookup"
)

// maxWait bounds how long /lookup waits for a change.
const maxWait = 5 * time.Minute

// LookupdInfo is what an nsqlookupd tells of itself, and what its API needs of the outside.
type LookupdInfo struct {
	Version  string
	Panicked func(v any)  // as in Info
	Metrics  http.Handler // as in Info

	LookedUp func(found lookup.Found, known bool) // told of each answer to /lookup; nil: nobody is

	// Wait waits until changed is closed, d is over or the request's context is done; nil: nobody waits, and all is answered at once.
	Wait func(ctx context.Context, d time.Duration, changed <-chan struct{})
}

// A lookupd answers for one registry.
type lookupd struct {
	registry *lookup.Registry
	info     LookupdInfo
	clock    func() time.Time
}

var lookupdRoutes = append(profiles[*lookupd]("/debug/pprof"), []route[*lookupd]{
	{"GET", "/ping", (*lookupd).ping, true},
	{"GET", "/info", (*lookupd).about, false},
	{"GET", "/topics", (*lookupd).topics, false},
	{"GET", "/channels", (*lookupd).channels, false},
	{"GET", "/lookup", (*lookupd).lookup, false},
	{"GET", "/nodes", (*lookupd).nodes, false},
	{"GET", "/debug", (*lookupd).debug, false},
	{"POST", "/topic/create", (*lookupd).createTopic, false},
	{"POST", "/topic/delete", (*lookupd).deleteTopic, false},
	{"POST", "/topic/tombstone", (*lookupd).tombstone, false},
	{"POST", "/channel/create", (*lookupd).createChannel, false},
	{"POST", "/channel/delete", (*lookupd).deleteChannel, false},
}...)

// Lookupd is the HTTP API of nsqlookupd. It is safe from any goroutine if clock is.
func Lookupd(reg *lookup.Registry, info LookupdInfo, clock func() time.Time) http.Handler {
	r := newRouter(&lookupd{registry: reg, info: info, clock: clock}, lookupdRoutes, info.Panicked)
	if info.Metrics != nil {
		r.Handler(http.MethodGet, "/metrics", info.Metrics)
	}
	return r
}

// LookupdPaths are those that nsqlookupd answers on.
func LookupdPaths() []string {
	paths := []string{"/metrics"}
	for _, e := range lookupdRoutes {
		paths = append(paths, e.path)
	}
	return paths
}

func (d *lookupd) ping(*http.Request) (any, error) { return "OK", nil }

func (d *lookupd) about(*http.Request) (any, error) {
	return struct {
		Version string `json:"version"`
	}{d.info.Version}, nil
}

// topics answers GET /topics: all there are, also those that nobody has.
func (d *lookupd) topics(*http.Request) (any, error) {
	return struct {
		Topics []string `json:"topics"`
	}{d.registry.Topics()}, nil
}

// channels answers GET /channels?topic=.
func (d *lookupd) channels(r *http.Request) (any, error) {
	name, err := topicArg(r)
	if err != nil {
		return nil, err
	}
	return struct {
		Channels []string `json:"channels"`
	}{d.registry.Channels(name)}, nil
}

// lookup answers GET /lookup?topic=: who has it. The header X-NSQ-Index is a number that changes with the answer, 0 if the topic is not known; with
// ?index= of an answer and ?wait= as in 30s the next comes when it has changed, or after that time. Neither is in nsqlookupd.
func (d *lookupd) lookup(r *http.Request) (any, error) {
	name, err := topicArg(r)
	if err != nil {
		return nil, err
	}
	if err := d.await(r, name); err != nil {
		return nil, err
	}
	found, index, ok := d.registry.Lookup(d.clock(), name)
	if d.info.LookedUp != nil {
		d.info.LookedUp(found, ok)
	}
	if !ok {
		return nil, errTopicNotFound
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-NSQ-Index", strconv.FormatUint(index, 10))
		writeAnswer(w, found)
	}), nil
}

// await waits for a change of what the request knows of a topic, if it asks for that.
func (d *lookupd) await(r *http.Request, name string) error {
	q := r.URL.Query()
	if !q.Has("wait") || d.info.Wait == nil {
		return nil
	}
	wait, err := time.ParseDuration(q.Get("wait"))
	if err != nil || wait < 0 || wait > maxWait {
		return refusal{http.StatusBadRequest, "INVALID_ARG_WAIT"}
	}
	index, err := strconv.ParseUint(q.Get("index"), 10, 64)
	if err != nil {
		return refusal{http.StatusBadRequest, "INVALID_ARG_INDEX"}
	}
	changed := make(chan struct{})
	cancel, ok := d.registry.Watch(name, index, func() { close(changed) })
	if !ok {
		return refusal{http.StatusServiceUnavailable, "TOO_MANY_WAIT"}
	}
	defer cancel()
	d.info.Wait(r.Context(), wait, changed)
	return nil
}

// nodes answers GET /nodes: the producers that live, with their topics.
func (d *lookupd) nodes(*http.Request) (any, error) {
	return struct {
		Producers []lookup.Node `json:"producers"`
	}{d.registry.Nodes(d.clock())}, nil
}

// debug answers GET /debug: all there is.
func (d *lookupd) debug(*http.Request) (any, error) {
	return d.registry.Entries(), nil
}

// createTopic answers POST /topic/create?topic=.
func (d *lookupd) createTopic(r *http.Request) (any, error) {
	name, err := topicArg(r)
	if err != nil {
		return nil, err
	}
	if !broker.ValidName(name) {
		return nil, refusal{http.StatusBadRequest, "INVALID_ARG_TOPIC"}
	}
	d.registry.CreateTopic(name)
	return nil, nil
}

// deleteTopic answers POST /topic/delete?topic=, also if there is none.
func (d *lookupd) deleteTopic(r *http.Request) (any, error) {
	name, err := topicArg(r)
	if err != nil {
		return nil, err
	}
	d.registry.DeleteTopic(name)
	return nil, nil
}

// tombstone answers POST /topic/tombstone?topic=&node=, also if there is neither. A node is broadcast_address:http_port.
func (d *lookupd) tombstone(r *http.Request) (any, error) {
	name, err := topicArg(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	if !q.Has("node") {
		return nil, refusal{http.StatusBadRequest, "MISSING_ARG_NODE"}
	}
	d.registry.Tombstone(d.clock(), name, q.Get("node"))
	return nil, nil
}

// createChannel answers POST /channel/create?topic=&channel=; it makes the topic, too.
func (d *lookupd) createChannel(r *http.Request) (any, error) {
	topic, channel, err := channelArgs(r)
	if err != nil {
		return nil, err
	}
	d.registry.CreateChannel(topic, channel)
	return nil, nil
}

// deleteChannel answers POST /channel/delete?topic=&channel=.
func (d *lookupd) deleteChannel(r *http.Request) (any, error) {
	topic, channel, err := channelArgs(r)
	if err != nil {
		return nil, err
	}
	if !d.registry.DeleteChannel(topic, channel) {
		return nil, errChannelNotFound
	}
	return nil, nil
}

// topicArg reads a topic's name, which is not checked.
func topicArg(r *http.Request) (string, error) {
	q, err := parseQuery(r)
	if err != nil {
		return "", err
	}
	if !q.Has("topic") {
		return "", errMissingTopic
	}
	return q.Get("topic"), nil
}
