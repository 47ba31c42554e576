package scenarios

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A finder has a consumer find its brokers as go-nsq does: it asks the nsqlookupds who has the topic, every now and then and when a
// connection has ended, and connects to all that they tell of. One that they do not tell of any more stays connected, but is not dialled again.
type finder struct {
	*consumer
	rng   *rand.Rand
	open  map[string]bool // nsqlookupds that are asked and have not answered
	polls bool            // its polling has begun
}

func newFinder(c *consumer) *finder {
	return &finder{consumer: c, rng: c.run.rand(c.name + " finds"), open: map[string]bool{}}
}

// look asks all nsqlookupds, and sees that they are asked again.
func (f *finder) look() {
	if f.away > 0 || f.run.leaving {
		return
	}
	for _, l := range f.run.scenario.Lookups {
		f.ask(l.Name)
	}
	if !f.polls {
		f.polls = true
		f.poll()
	}
}

// poll asks them all in a while.
func (f *finder) poll() {
	wait := f.line.Poll + time.Duration(f.rng.Int64N(int64(f.line.Poll/3)+1))
	f.run.cluster.At(f.run.cluster.Now()+wait, func() {
		f.look()
		f.poll()
	})
}

// ask asks one nsqlookupd, if it is not asked already.
func (f *finder) ask(node string) {
	if f.open[node] {
		return
	}
	f.open[node] = true
	op := history.Op{Process: f.name, F: history.Lookup, Node: node, Topic: f.line.Topic}
	f.run.record(op, history.Invoke)
	path := "/lookup?topic=" + url.QueryEscape(f.line.Topic)
	f.run.cluster.Fetch(f.line.Name, node, http.MethodGet, path, func(status int, body []byte, err error) {
		f.open[node] = false
		brokers, err := f.read(status, body, err)
		if err != nil {
			op.Error = err.Error()
			f.run.record(op, history.Fail)
			return
		}
		op.Note = strings.Join(brokers, " ")
		f.run.record(op, history.OK)
		for _, b := range brokers {
			f.found(b)
		}
	})
}

// read gives the brokers that an answer tells of. Each tells its name for its address.
func (f *finder) read(status int, body []byte, err error) (brokers []string, _ error) {
	var answer struct {
		Producers []struct {
			BroadcastAddress string `json:"broadcast_address"`
		} `json:"producers"`
	}
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, nil
	case status != http.StatusOK:
		return nil, fmt.Errorf("/lookup is answered with status %d", status)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("/lookup: %w", err)
	}
	for _, p := range answer.Producers {
		if !slices.Contains(f.line.On, p.BroadcastAddress) {
			return nil, fmt.Errorf("/lookup tells of %q, which is no broker", p.BroadcastAddress)
		}
		if !slices.Contains(brokers, p.BroadcastAddress) { // a session may outlive its nsqd for a while
			brokers = append(brokers, p.BroadcastAddress)
		}
	}
	return brokers, nil
}

// found connects to a broker.
func (f *finder) found(node string) {
	if f.run.leaving {
		return
	}
	i := slices.IndexFunc(f.links, func(s *subscription) bool { return s.node == node })
	if i < 0 {
		i = len(f.links)
		f.links = append(f.links, &subscription{consumer: f.consumer, node: node})
	}
	f.links[i].dial()
}
