package lookup

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	pingTime   = 15 * time.Second // between two PINGs, as nsqd has it
	answerTime = 5 * time.Second  // in which each command is to be answered
	maxAnswer  = 1 << 20          // bytes of an answer

	// gatherTime is how long an nsqlookupd that has come up may not know yet what others have: each dials it every second or two.
	gatherTime = 3 * time.Second
)

// A Self is what an nsqd tells of itself when it connects.
type Self struct {
	BroadcastAddress string `json:"broadcast_address"`
	Hostname         string `json:"hostname"`
	HTTPPort         int    `json:"http_port"`
	TCPPort          int    `json:"tcp_port"`
	Version          string `json:"version"`
	TopologyZone     string `json:"topology_zone"`
	TopologyRegion   string `json:"topology_region"`
}

// Names are topics with their channels, both sorted, that an nsqd has.
type Names []TopicNames

// TopicNames are a topic and its channels.
type TopicNames struct {
	Topic    string
	Channels []string
}

// An Agent is nsqd's end of one connection to one nsqlookupd: a wire.Endpoint. It says who it is, registers what is wanted, takes back what no longer
// is, and pings. It is over when an answer is wrong or does not come; who runs it then connects anew, with another.
type Agent struct {
	wake func()

	mu      sync.Mutex
	out     []byte
	asked   []asked // commands that are not answered, the oldest first
	told    Names   // what is registered there, once all is answered
	wanted  Names
	peer    Identity
	known   bool      // peer is: it has answered IDENTIFY
	since   time.Time // that it is
	pinging time.Time
}

// An asked is a command on its way.
type asked struct {
	name string
	by   time.Time // when its answer is to be here
}

// NewAgent begins the talk, with what is to be registered. wake, which must not block, is called when there is something to send.
func NewAgent(now time.Time, self Self, wanted Names, wake func()) (*Agent, error) {
	id, err := json.Marshal(self)
	if err != nil {
		return nil, fmt.Errorf("lookup: IDENTIFY: %w", err)
	}
	a := &Agent{wake: wake, wanted: wanted, pinging: now.Add(pingTime)}
	a.out = append(a.out, wire.MagicV1...)
	a.ask(now, "IDENTIFY")
	a.out = wire.AppendBody(a.out, id)
	a.settle(now)
	return a, nil
}

// Want says anew what is to be registered.
func (a *Agent) Want(now time.Time, wanted Names) {
	a.mu.Lock()
	a.wanted = wanted
	a.settle(now)
	a.mu.Unlock()
	a.wake()
}

// Peer is what the nsqlookupd has told of itself; not ok before that.
func (a *Agent) Peer() (id Identity, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.peer, a.known
}

// Gathered says whether the nsqlookupd has been there for so long that who registers with it has done so, also if it knew nothing when it came up.
func (a *Agent) Gathered(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known && now.Sub(a.since) >= gatherTime
}

// ask adds a command. Needs a.mu.
func (a *Agent) ask(now time.Time, name string, params ...string) {
	a.out = wire.AppendCommand(a.out, name, params...)
	a.asked = append(a.asked, asked{name, now.Add(answerTime)})
}

// settle asks for all that makes what is told what is wanted. Needs a.mu.
func (a *Agent) settle(now time.Time) {
	old, fresh := a.told, a.wanted
	for len(old) > 0 || len(fresh) > 0 {
		switch {
		case len(fresh) == 0 || len(old) > 0 && old[0].Topic < fresh[0].Topic:
			a.ask(now, "UNREGISTER", old[0].Topic)
			old = old[1:]
		case len(old) == 0 || fresh[0].Topic < old[0].Topic:
			a.settleTopic(now, TopicNames{Topic: fresh[0].Topic}, fresh[0], true)
			fresh = fresh[1:]
		default:
			a.settleTopic(now, old[0], fresh[0], false)
			old, fresh = old[1:], fresh[1:]
		}
	}
	a.told = a.wanted
}

// settleTopic is settle for one topic. A new one is registered with its channels, or alone if it has none.
func (a *Agent) settleTopic(now time.Time, old, fresh TopicNames, isNew bool) {
	if isNew && len(fresh.Channels) == 0 {
		a.ask(now, "REGISTER", fresh.Topic)
	}
	for _, c := range old.Channels {
		if _, found := slices.BinarySearch(fresh.Channels, c); !found {
			a.ask(now, "UNREGISTER", fresh.Topic, c)
		}
	}
	for _, c := range fresh.Channels {
		if _, found := slices.BinarySearch(old.Channels, c); !found {
			a.ask(now, "REGISTER", fresh.Topic, c)
		}
	}
}

// Receive implements wire.Endpoint.
func (a *Agent) Receive(now time.Time, p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, errors.New("lookup: nsqlookupd closed the connection")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		data, used, ok := wire.ParseAnswer(p[n:], maxAnswer)
		if !ok {
			return n, errors.New("lookup: an answer that is none")
		}
		if used == 0 {
			return n, nil
		}
		n += used
		if err := a.answered(now, string(data)); err != nil {
			return n, err
		}
	}
}

// answered takes the answer to the oldest command. Needs a.mu.
func (a *Agent) answered(now time.Time, data string) error {
	if len(a.asked) == 0 {
		return fmt.Errorf("lookup: an answer to nothing: %.100q", data)
	}
	name := a.asked[0].name
	a.asked = a.asked[1:]
	switch {
	case strings.HasPrefix(data, "E_"):
		return fmt.Errorf("lookup: %s is answered %.200s", name, data)
	case name == "IDENTIFY":
		if err := json.Unmarshal([]byte(data), &a.peer); err != nil {
			return fmt.Errorf("lookup: IDENTIFY is answered %.100q: %w", data, err)
		}
		a.known, a.since = true, now
	}
	return nil
}

// Transmit implements wire.Endpoint.
func (a *Agent) Transmit(spare []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.out
	a.out = spare[:0]
	return out
}

// NextTimeout implements wire.Endpoint.
func (a *Agent) NextTimeout() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.asked) > 0 && a.asked[0].by.Before(a.pinging) {
		return a.asked[0].by
	}
	return a.pinging
}

// HandleTimeout implements wire.Endpoint: it pings, and ends if an answer is overdue.
func (a *Agent) HandleTimeout(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.asked) > 0 && !now.Before(a.asked[0].by) {
		return fmt.Errorf("lookup: %s is not answered within %s", a.asked[0].name, answerTime)
	}
	if !now.Before(a.pinging) {
		a.pinging = now.Add(pingTime)
		a.ask(now, "PING")
	}
	return nil
}

// Disconnect implements wire.Endpoint.
func (a *Agent) Disconnect(time.Time) {}
