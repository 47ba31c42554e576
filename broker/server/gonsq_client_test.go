package server

import (
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqio/go-nsq"
	"github.com/nsqlab/nsqlab/broker"
)

// The tests beside have the official client talk to a daemon over loopback.

var silent = log.New(io.Discard, "", 0)

func newProducer(t testing.TB, d *Nsqd, cfg *nsq.Config) *nsq.Producer {
	p, err := nsq.NewProducer(d.TCPAddr(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.SetLogger(silent, nsq.LogLevelError)
	t.Cleanup(p.Stop)
	return p
}

// A got is a delivery as a consumer saw it.
type got struct {
	body     string
	attempts uint16
	at       time.Time
}

// consume runs a consumer that tells of each delivery, and answers it as handle does.
func consume(t testing.TB, d *Nsqd, channel string, cfg *nsq.Config, handle func(*nsq.Message) error) (*nsq.Consumer, <-chan got) {
	c, err := nsq.NewConsumer("t", channel, cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.SetLogger(silent, nsq.LogLevelError)
	deliveries := make(chan got, 10000)
	c.AddConcurrentHandlers(nsq.HandlerFunc(func(m *nsq.Message) error {
		deliveries <- got{string(m.Body), m.Attempts, time.Now()}
		return handle(m)
	}), 4)
	if err := c.ConnectToNSQD(d.TCPAddr()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		<-c.StopChan
	})
	await(t, "subscribed", func() bool { // the client does not wait for the answer to SUB
		for _, topic := range d.broker.Stats().Topics {
			for _, ch := range topic.Channels {
				if ch.Name == channel && len(ch.Clients) > 0 {
					return true
				}
			}
		}
		return false
	})
	return c, deliveries
}

func accept(*nsq.Message) error { return nil }

// receive gives the next n deliveries.
func receive(t testing.TB, from <-chan got, n int) (all []got) {
	t.Helper()
	for range n {
		select {
		case g := <-from:
			all = append(all, g)
		case <-time.After(patienceOfTests):
			t.Fatalf("%d messages came of %d", len(all), n)
		}
	}
	return all
}

// bodies are those of deliveries, sorted.
func bodies(all []got) (list []string) {
	for _, g := range all {
		list = append(list, g.body)
	}
	slices.Sort(list)
	return list
}

// eventually waits until what the daemon tells of the first channel of topic t is so.
func eventually(t testing.TB, d *Nsqd, what string, so func(broker.ChannelStats) bool) {
	t.Helper()
	await(t, what, func() bool {
		topics := d.broker.Stats().Topics
		return len(topics) > 0 && len(topics[0].Channels) > 0 && so(topics[0].Channels[0])
	})
}

// post makes a request, which must succeed.
func post(t testing.TB, d served, target, body string) {
	t.Helper()
	answer, err := http.Post("http://"+d.HTTPAddr()+target, "", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", target, answer.Status)
	}
}
