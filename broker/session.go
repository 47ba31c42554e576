package broker

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A handler carries out one command. Its error is what the client is told.
type handler func(*Session, time.Time, wire.Command) error

// A reader takes a command's body, of n bytes in all, from the front of p; n is 0 if it has not all come.
type reader func(s *Session, name string, p []byte) (body []byte, n int, err error)

// A command is an entry of the protocol: what is refused before its body has come, how its body is read, and what it does.
type command struct {
	name   string
	check  handler // may be nil
	read   reader  // may be nil
	handle handler
}

// commands is the protocol, one file each.
var commands = []command{
	{name: "FIN", handle: (*Session).fin},
	{name: "PUB", check: (*Session).checkPub, read: (*Session).messageBody, handle: (*Session).pub},
	{name: "MPUB", check: (*Session).checkMPub, read: (*Session).mpubBody, handle: (*Session).mpub},
	{name: "DPUB", check: (*Session).checkDPub, read: (*Session).messageBody, handle: (*Session).dpub},
	{name: "RDY", handle: (*Session).rdy},
	{name: "REQ", handle: (*Session).req},
	{name: "TOUCH", handle: (*Session).touch},
	{name: "NOP", handle: (*Session).nop},
	{name: "SUB", handle: (*Session).sub},
	{name: "CLS", handle: (*Session).cls},
	{name: "IDENTIFY", check: (*Session).checkIdentify, read: (*Session).sizedBody, handle: (*Session).identify},
	{name: "AUTH", check: (*Session).checkAuth, read: (*Session).sizedBody, handle: (*Session).auth},
}

// A state is where a session stands, with upstream's numbers, which /stats shows.
type state int

const (
	stateInit       state = 0
	stateSubscribed state = 3
	stateClosing    state = 4
)

const (
	defaultHeartbeat = 30 * time.Second // upstream's client timeout of 60 s, halved
	maxIdle          = 64 << 10         // bytes of memory for what goes out that are kept while nothing does
	maxBatch         = 1024             // commands a topic's lock is kept for
	maxFanOut        = 16 * maxBatch    // deliveries, at least, of messages that are published meanwhile
)

// A Session is the broker's end of a client's connection: a wire.Endpoint.
type Session struct {
	broker *Broker
	number uint64
	wake   func()

	// Of whoever calls Receive, HandleTimeout and Disconnect.
	greeted    bool
	identified bool
	holding    *topic        // locked
	batch      int           // commands since it was locked
	last       *topic        // that was published to, likely again
	again      []byte        // the line that publishes to it
	published  uint64        // messages to holding since it was locked
	replies    []reply       // to commands since then
	broken     error         // what the client was told that ends the session
	missing    func() error  // what the client is told if no more bytes come
	scan       scan          // how far an MPUB's body has been looked at
	deferral   time.Duration // of one DPUB
	silence    time.Duration // the client may say nothing for so long; 0: for ever
	interval   time.Duration // between heartbeats; 0: none
	needs      []wire.Need   // what it waits for, the first now
	rng        *rand.Rand    // for its sample rate; nil if it has none
	secret     string        // of AUTH
	permit     *permit       // that it brought; nil before

	consumer

	mu       sync.Mutex
	out      []byte
	waiting  []reply    // until a topic lasts, or for their turn behind such
	answered []answered // whose OKs are in out
	told     []answered // whose OKs the last Transmit gave; of its caller
	stalled  bool       // full, and not all sent yet
	resume   bool       // full, and all sent: deliveries can go on
	unsent   bool       // out has not been taken since the last heartbeat
	needy    bool       // needs is not empty
	buffer   outputBuffer
	doomed   error
	nextBeat time.Time
	deadline time.Time // the client is gone if it says nothing until then
	client   clientInfo
	counts   []PubCount
}

// clientInfo is what /stats tells of a client beyond its figures. Guarded by Session.mu.
type clientInfo struct {
	identity
	state     state
	connected time.Time
	remote    string
	secure    bool // it is in TLS, about which tls tells
	tls       wire.TLSState
	snappy    bool
	deflate   bool

	authed          bool // an auth server lets it do something
	authIdentity    string
	authIdentityURL string
}

// Connect begins a session. wake, which must not block, is called when it has something to send, or another deadline,
// that its driver does not learn of by a call of its own. remote is the peer's address, host:port.
func (b *Broker) Connect(now time.Time, remote string, wake func()) *Session {
	b.mu.RLock()
	defer b.mu.RUnlock()
	b.sessionsMu.Lock()
	defer b.sessionsMu.Unlock()
	b.connected++
	s := &Session{
		broker: b, number: b.connected, wake: wake,
		consumer: consumer{msgTimeout: b.opts.MsgTimeout},
	}
	host := hostOf(remote)
	s.client = clientInfo{connected: now, remote: remote, identity: identity{ClientID: host, Hostname: host}}
	if b.exiting {
		s.doomed = errClosed
	}
	b.sessions[s.number] = s
	return s
}

// hostOf is an address without its port, and "" if it has none, as that of a unix socket.
func hostOf(remote string) string {
	i := strings.LastIndexByte(remote, ':')
	if i < 0 {
		return ""
	}
	return strings.Trim(remote[:i], "[]")
}

// Receive implements wire.Endpoint.
func (s *Session) Receive(now time.Time, p []byte) (n int, err error) {
	if len(p) == 0 {
		err = s.endOfStream(now)
	} else {
		n, err = s.receive(now, p)
	}
	if s.release(now); err == nil {
		err = s.broken
	}
	if err != nil || len(p) == 0 {
		s.retire(now)
		s.release(now)
	}
	if n > 0 && err == nil {
		s.heard(now)
	}
	return n, err
}

// receive carries out the commands that p begins with.
func (s *Session) receive(now time.Time, p []byte) (n int, err error) {
	if !s.greeted {
		if len(p) < len(wire.Magic) {
			return 0, nil
		}
		if string(p[:len(wire.Magic)]) != wire.Magic {
			s.respond(wire.FrameError, "E_BAD_PROTOCOL")
			return 0, errors.New("broker: bad protocol magic")
		}
		s.greet(now)
		n = len(wire.Magic)
	}
	for n < len(p) && s.broken == nil && len(s.needs) == 0 {
		used, err := s.execute(now, p[n:])
		if err != nil {
			if errors.Is(err, errWaits) {
				break
			}
			if err = s.tell(now, err); err != nil {
				return n, err
			}
		}
		if used == 0 {
			break
		}
		n += used
		if s.batch++; s.batch >= maxBatch || s.holding.laden() {
			s.release(now)
		}
	}
	return n, nil
}

// execute carries out the command at the front of p, if it is all there.
func (s *Session) execute(now time.Time, p []byte) (n int, err error) {
	s.missing = nil
	if n := s.quick(now, p); n > 0 {
		return n, nil
	}
	c, n, err := wire.ParseLine(p)
	if err != nil || n == 0 {
		return 0, err
	}
	e := lookUp(c.Name)
	if s.broker.opts.TLSRequired && !s.client.secure && string(c.Name) != "IDENTIFY" {
		return 0, violation("E_INVALID cannot %s in current state (TLS required)", c.Name)
	}
	if e == nil {
		return 0, violation("E_INVALID invalid command %s", c.Name)
	}
	if e.check != nil {
		if err := e.check(s, now, c); err != nil {
			return 0, err
		}
	}
	if e.read != nil {
		body, used, err := e.read(s, e.name, p[n:])
		if err != nil || used == 0 {
			return 0, err
		}
		c.Body = body
		n += used
	}
	return n, e.handle(s, now, c)
}

func lookUp(name []byte) *command {
	for i := range commands {
		if string(name) == commands[i].name {
			return &commands[i]
		}
	}
	return nil
}

// greet begins the heartbeats.
func (s *Session) greet(now time.Time) {
	s.greeted = true
	s.interval, s.silence = defaultHeartbeat, 2*defaultHeartbeat
	s.mu.Lock()
	s.nextBeat = now.Add(s.interval)
	s.mu.Unlock()
}

// heard notes that the client has said something.
func (s *Session) heard(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = time.Time{}
	if s.silence > 0 {
		s.deadline = now.Add(s.silence)
	}
}

// hold locks a topic until the end of the read, or until another is needed.
func (s *Session) hold(now time.Time, t *topic) {
	if s.holding != t {
		s.release(now)
		t.mu.Lock()
		s.holding = t
	}
}

// release gives the held topic back, and with it delivers what the commands stirred up.
func (s *Session) release(now time.Time) {
	t := s.holding
	s.batch = 0
	if t == nil {
		return
	}
	s.holding = nil
	t.unlock(now, s)
	if s.published > 0 {
		s.countPublished(t.name, s.published)
		s.published = 0
	}
}

// Transmit implements wire.Endpoint.
func (s *Session) Transmit(spare []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = emptied(s.told)
	if len(s.out) == 0 || s.buffer.lingers {
		return spare[:0]
	}
	out := s.out
	s.out = spare[:0]
	s.told, s.answered = s.answered, s.told
	s.unsent = false
	if s.stalled {
		s.stalled, s.resume = false, true
	}
	return out
}

// NextTimeout implements wire.Endpoint.
func (s *Session) NextTimeout() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doomed != nil || s.resume {
		return time.Unix(0, 0)
	}
	next := s.nextBeat
	if next.IsZero() || (!s.deadline.IsZero() && s.deadline.Before(next)) {
		next = s.deadline
	}
	return s.buffer.next(next)
}

// HandleTimeout implements wire.Endpoint: it sends heartbeats, and ends a session whose client says nothing for two of them, or
// has read nothing between two.
func (s *Session) HandleTimeout(now time.Time) (err error) {
	s.mu.Lock()
	doomed, resume := s.doomed, s.resume
	s.resume = false
	s.buffer.expire(now)
	silent := !s.deadline.IsZero() && !now.Before(s.deadline)
	beat := !s.nextBeat.IsZero() && !now.Before(s.nextBeat)
	deaf := beat && s.unsent
	if beat && !deaf {
		s.nextBeat = now.Add(s.interval)
		if len(s.out) == 0 && cap(s.out) > maxIdle {
			s.out = nil
		}
		s.out = wire.AppendFrame(s.out, wire.FrameResponse, []byte(wire.Heartbeat))
		s.buffer.lingers = false
		s.unsent = true
	}
	s.mu.Unlock()
	defer s.release(now)
	switch {
	case doomed != nil:
		err = doomed
	case silent:
		err = errors.New("broker: the client said nothing for two heartbeat intervals")
	case deaf:
		err = errors.New("broker: the client read nothing for a heartbeat interval")
	case resume:
		s.goOn(now)
	}
	if err != nil {
		s.retire(now)
	}
	return err
}

// doom ends the session at its driver's next look.
func (s *Session) doom(err error) {
	s.mu.Lock()
	s.doomed = err
	s.mu.Unlock()
}

// Disconnect implements wire.Endpoint. What the client has in flight stays so until its timeout, as in nsqd, or comes
// again at once with RequeueOnDisconnect.
func (s *Session) Disconnect(now time.Time) {
	if s.channel != nil {
		s.broker.depart(now, s)
	}
	s.broker.sessionsMu.Lock()
	delete(s.broker.sessions, s.number)
	s.broker.sessionsMu.Unlock()
}

// countPublished adds to what /stats tells of a publisher.
func (s *Session) countPublished(name string, n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.counts {
		if s.counts[i].Topic == name {
			s.counts[i].Count += n
			return
		}
	}
	s.counts = append(s.counts, PubCount{Topic: name, Count: n})
}
