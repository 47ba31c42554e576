package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/lookup"
	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	redialAfter    = time.Second          // a connection to an nsqlookupd that ended
	dialTimeout    = time.Second          // for one to come to be
	gatherNames    = 5 * time.Millisecond // in which names change, before they are told
	maxChannelList = 1 << 20              // bytes of an nsqlookupd's answer
)

// lookups are a daemon's talks with nsqlookupds: each has a goroutine of its own, so a slow one delays nobody; so has each topic whose channels
// are looked for.
type lookups struct {
	broker *broker.Broker
	log    Log
	self   lookup.Self
	client *http.Client
	secure *tls.Config     // of connections; nil: they are plain
	ctx    context.Context // ends them all
	cancel context.CancelFunc
	alive  *sync.WaitGroup
	woken  chan struct{} // holds a token when they are to look at the broker
	seen   atomic.Uint64 // the broker's Renames, when its names were taken last

	mu    sync.Mutex
	peers []*lookupPeer // in order
	names lookup.Names
	quest map[string]bool // topics whose channels are looked for
}

// A lookupPeer is one nsqlookupd.
type lookupPeer struct {
	address string // of TCP
	http    string // of HTTP; empty: what it tells itself
	cancel  context.CancelFunc

	mu    sync.Mutex
	agent *lookup.Agent // of the connection that stands; nil: none
}

// newLookups makes them; run has them begin.
func newLookups(cfg Config, b *broker.Broker, alive *sync.WaitGroup) *lookups {
	l := &lookups{
		broker: b, log: cfg.Log.Log, alive: alive, woken: make(chan struct{}, 1), quest: map[string]bool{},
		self: lookup.Self{
			BroadcastAddress: cfg.BroadcastAddress, Hostname: hostname(), HTTPPort: cfg.BroadcastHTTPPort, TCPPort: cfg.BroadcastTCPPort,
			Version: broker.Version, TopologyZone: cfg.Broker.TopologyZone, TopologyRegion: cfg.Broker.TopologyRegion,
		},
		client: &http.Client{
			Timeout:   cfg.Auth.RequestTimeout,
			Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: cfg.Auth.ConnectTimeout}).DialContext, IdleConnTimeout: authIdle},
		},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// wake has them look at the broker, if its names may have changed.
func (l *lookups) wake() {
	if l.seen.Load() != l.broker.Renames() {
		l.look()
	}
}

// look has them look at the broker.
func (l *lookups) look() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// close ends them all.
func (l *lookups) close() {
	l.cancel()
	l.client.CloseIdleConnections()
}

// addresses are those of TCP that they talk to.
func (l *lookups) addresses() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := []string{}
	for _, p := range l.peers {
		all = append(all, p.address)
	}
	return all
}

// set has them talk to these, and to no others. Each of https is the HTTP address of the nsqlookupd at its place; where there is none it is
// what the nsqlookupd tells.
func (l *lookups) set(addresses, https []string) {
	l.mu.Lock()
	old := l.peers
	l.peers = nil
	for i, address := range addresses {
		if slices.ContainsFunc(l.peers, func(p *lookupPeer) bool { return p.address == address }) {
			continue
		}
		if at := slices.IndexFunc(old, func(p *lookupPeer) bool { return p.address == address }); at >= 0 {
			l.peers = append(l.peers, old[at])
			old = slices.Delete(slices.Clone(old), at, at+1)
			continue
		}
		p := &lookupPeer{address: address}
		if i < len(https) {
			p.http = https[i]
		}
		ctx, cancel := context.WithCancel(l.ctx)
		p.cancel = cancel
		l.peers = append(l.peers, p)
		l.alive.Go(func() { l.serve(ctx, p) })
	}
	discover := len(l.peers) > 0
	l.mu.Unlock()
	for _, p := range old {
		p.cancel()
	}
	l.broker.Discover(time.Now(), discover)
	l.look()
}

// run tells the nsqlookupds of the broker's names, and the broker's topics of their channels elsewhere, until all is over.
func (l *lookups) run() {
	for first := true; ; first = false {
		if now := l.broker.Renames(); first || now != l.seen.Load() {
			l.seen.Store(now)
			l.tell()
		}
		for _, topic := range l.broker.Undiscovered() {
			l.seek(topic)
		}
		select {
		case <-l.woken:
		case <-l.ctx.Done():
			return
		}
		select {
		case <-time.After(gatherNames):
		case <-l.ctx.Done():
			return
		}
	}
}

// tell has each nsqlookupd be told of the names as they are.
func (l *lookups) tell() {
	var names lookup.Names
	for _, n := range l.broker.Names() {
		names = append(names, lookup.TopicNames(n))
	}
	l.mu.Lock()
	l.names = names
	peers := slices.Clone(l.peers)
	l.mu.Unlock()
	for _, p := range peers {
		p.mu.Lock()
		if p.agent != nil {
			p.agent.Want(time.Now(), names)
		}
		p.mu.Unlock()
	}
}

// serve talks to one nsqlookupd, connection after connection, until ctx is done.
func (l *lookups) serve(ctx context.Context, p *lookupPeer) {
	told := "" // the last trouble that was logged
	for ctx.Err() == nil {
		err := l.connect(ctx, p, func() { told = "" })
		if ctx.Err() != nil {
			break
		}
		if text := fmt.Sprint(err); text != told {
			l.log(Error, "LOOKUPD(%s): %s; again every %s", p.address, text, redialAfter)
			told = text
		}
		select {
		case <-time.After(redialAfter):
		case <-ctx.Done():
		}
	}
}

// connect is one connection, until its end. stands is called once it does.
func (l *lookups) connect(ctx context.Context, p *lookupPeer, stands func()) error {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	l.mu.Lock()
	names := l.names
	l.mu.Unlock()
	var failed error
	err = l.outside(p).drive(conn, func(now time.Time, wake func()) wire.Endpoint {
		a, err := lookup.NewAgent(now, l.self, names, wake)
		failed = err
		p.mu.Lock()
		p.agent = a
		p.mu.Unlock()
		return &lookupEnd{a, p, func() {
			stands()
			l.log(Info, "LOOKUPD(%s): registered", p.address)
			l.tellOne(p)
		}}
	})
	if failed != nil {
		return failed
	}
	return err
}

// outside has the connection to an nsqlookupd begin with TLS, if it is to.
func (l *lookups) outside(p *lookupPeer) outside {
	if l.secure == nil {
		return outside{}
	}
	cfg := l.secure.Clone()
	cfg.ServerName, _, _ = net.SplitHostPort(p.address)
	return outside{client: cfg}
}

// tellOne tells an nsqlookupd of names that changed while the connection came to be.
func (l *lookups) tellOne(p *lookupPeer) {
	l.mu.Lock()
	names := l.names
	l.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.agent != nil {
		p.agent.Want(time.Now(), names)
	}
}

// A lookupEnd is an agent that says when it was answered first, and when it is gone.
type lookupEnd struct {
	*lookup.Agent
	peer   *lookupPeer
	stands func() // nil once it was called
}

// Receive implements wire.Endpoint.
func (e *lookupEnd) Receive(now time.Time, p []byte) (int, error) {
	n, err := e.Agent.Receive(now, p)
	if _, known := e.Peer(); known && err == nil && e.stands != nil {
		e.stands()
		e.stands = nil
	}
	return n, err
}

// Disconnect implements wire.Endpoint.
func (e *lookupEnd) Disconnect(now time.Time) {
	e.peer.mu.Lock()
	e.peer.agent = nil
	e.peer.mu.Unlock()
	e.Agent.Disconnect(now)
}

// seek looks for the channels of a topic, if nobody does.
func (l *lookups) seek(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quest[topic] {
		return
	}
	l.quest[topic] = true
	l.alive.Go(func() {
		l.find(topic)
		l.mu.Lock()
		delete(l.quest, topic)
		l.mu.Unlock()
		l.look() // it may have been made anew meanwhile
	})
}

// find asks all nsqlookupds for a topic's channels, again and again until they are known, and tells the broker.
func (l *lookups) find(topic string) {
	q := lookup.NewQuest(time.Now())
	for {
		l.ask(q, topic)
		over := q.Over(time.Now(), l.addresses())
		if l.broker.Discovered(time.Now(), topic, q.Channels(), over); over {
			return
		}
		select {
		case <-time.After(lookup.AskAgain):
		case <-l.ctx.Done():
			return
		}
	}
}

// ask asks those for a topic's channels that have not answered, all at a time.
func (l *lookups) ask(q *lookup.Quest, topic string) {
	var mu sync.Mutex
	var asked sync.WaitGroup
	for _, address := range q.Left(l.addresses()) {
		base := l.httpOf(address)
		if base == "" {
			continue
		}
		asked.Go(func() {
			channels, err := l.channels(base, topic)
			if err != nil {
				l.log(Warn, "LOOKUPD(%s): the channels of %s: %s", address, topic, err)
				return
			}
			l.broker.Discovered(time.Now(), topic, channels, false) // the others may take long
			mu.Lock()
			defer mu.Unlock()
			q.Answer(address, channels, l.gathered(address))
		})
	}
	asked.Wait()
}

// gathered says whether an nsqlookupd knows all there is to know, as far as its connection shows that.
func (l *lookups) gathered(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.peers {
		if p.address == address {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.agent != nil && p.agent.Gathered(time.Now())
		}
	}
	return false
}

// httpOf is the HTTP address of an nsqlookupd, empty if it is not known yet.
func (l *lookups) httpOf(address string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.peers {
		if p.address != address {
			continue
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.http != "" || p.agent == nil {
			return p.http
		}
		if id, known := p.agent.Peer(); known {
			return net.JoinHostPort(id.BroadcastAddress, strconv.Itoa(id.HTTPPort))
		}
	}
	return ""
}

// channels asks one nsqlookupd for a topic's channels.
func (l *lookups) channels(base, topic string) ([]string, error) {
	req, err := http.NewRequestWithContext(l.ctx, http.MethodGet, "http://"+base+"/channels?topic="+url.QueryEscape(topic), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.nsq; version=1.0")
	answer, err := l.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxChannelList))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answered %s", answer.Status)
	}
	if err != nil {
		return nil, err
	}
	var found struct {
		Channels []string `json:"channels"`
	}
	err = json.Unmarshal(body, &found)
	return found.Channels, err
}
