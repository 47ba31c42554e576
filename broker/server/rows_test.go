package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// These are the rows of README.md's table of what nsqd loses that only a daemon can show; see also rows_test.go in broker.

// A busyNsqd is a daemon in a folder, and what its clients saw.
type busyNsqd struct {
	*Nsqd
	t       *testing.T
	cfg     Config
	clients sync.WaitGroup

	mu       sync.Mutex
	number   int
	acked    map[string]bool // messages, by topic and body
	finished map[string]bool
	enough   chan struct{} // closed when a good deal was acknowledged
}

// newBusy starts a daemon of durability memory, for which a clean stop is all there is between it and a loss.
func newBusy(t *testing.T) *busyNsqd {
	b := &busyNsqd{t: t, acked: map[string]bool{}, finished: map[string]bool{}, enough: make(chan struct{})}
	b.Nsqd = startNsqd(t, func(c *Config) {
		c.DataPath, c.Broker.Durability, c.Broker.MsgTimeout = t.TempDir(), broker.Memory, time.Hour
		b.cfg = *c
	})
	return b
}

// body gives the next message's.
func (b *busyNsqd) body() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.number++
	return fmt.Sprint("m", b.number)
}

// ack notes that a publisher has its OK.
func (b *busyNsqd) ack(topic, body string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acked[topic+" "+body] = true
	if len(b.acked) == 100 {
		close(b.enough)
	}
}

// publish publishes one message after the other by TCP, until the connection ends.
func (b *busyNsqd) publish(topic string) {
	conn, err := net.Dial("tcp", b.TCPAddr())
	if err != nil {
		if !b.isEnding() { // then it is too late
			b.t.Error(err)
		}
		return
	}
	p := newPeer(b.t, conn)
	_, _ = io.WriteString(conn, wire.Magic)
	for {
		body := b.body()
		if _, err := io.WriteString(conn, pub(topic, body)); err != nil || p.next() != "OK" {
			return
		}
		b.ack(topic, body)
	}
}

// post publishes by HTTP, on a connection that is kept alive, each message to the topic that it is told, until the daemon is gone.
func (b *busyNsqd) post(topic func(body string) string) {
	web := http.Client{Transport: &http.Transport{}}
	defer web.CloseIdleConnections()
	for {
		body := b.body()
		answer, err := web.Post(fmt.Sprintf("http://%s/pub?topic=%s", b.HTTPAddr(), topic(body)), "", strings.NewReader(body))
		if err != nil {
			return
		}
		text, err := io.ReadAll(answer.Body)
		if answer.Body.Close(); err == nil && string(text) == "OK" {
			b.ack(topic(body), body)
		}
	}
}

// consume finishes every other message, and holds the rest.
func (b *busyNsqd) consume(where string) {
	conn, err := net.Dial("tcp", b.TCPAddr())
	if err != nil {
		if !b.isEnding() { // then it is too late
			b.t.Error(err)
		}
		return
	}
	p := newPeer(b.t, conn)
	fmt.Fprintf(conn, "%sSUB %s\nRDY 2500\n", wire.Magic, where)
	topic, _, _ := strings.Cut(where, " ")
	for n := 0; ; {
		frame := p.next()
		body, isMessage := strings.CutPrefix(frame, "message 1 ")
		switch {
		case frame == "OK":
		case !isMessage:
			return
		case n%2 == 0:
			b.mu.Lock()
			b.finished[topic+" "+body] = true // before it is on its way: it may have come, whatever follows
			b.mu.Unlock()
			if _, err := io.WriteString(conn, p.fin()); err != nil {
				return
			}
			n++
		default:
			p.ids = p.ids[1:]
			n++
		}
	}
}

// stopAndCount stops the daemon in the middle of it all, starts another in its folder, and checks that it delivers to the channel c of each
// topic what was acknowledged; only what the consumers may have finished can be missing.
func (b *busyNsqd) stopAndCount(topics ...string) {
	b.t.Helper()
	<-b.enough
	if err := b.Stop(); err != nil {
		b.t.Fatal(err)
	}
	b.clients.Wait()
	again, err := Start(b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	defer again.Kill()
	held := map[string]int64{}
	for _, t := range again.broker.Stats().Topics {
		held[t.Name] = t.Depth
		for _, c := range t.Channels {
			held[t.Name] += c.Depth
		}
	}
	got := map[string]bool{}
	for _, topic := range topics {
		p := dial(b.t, again)
		p.say("SUB " + topic + " c\nRDY 2500\n")
		p.want("OK")
		for range held[topic] {
			frame := p.next()
			_, body, ok := strings.Cut(strings.TrimPrefix(frame, "message "), " ")
			if got[topic+" "+body] = true; !ok {
				b.t.Fatalf("%s has %q", topic, frame)
			}
			p.say(p.finAll())
		}
	}
	for m := range b.acked {
		if !got[m] && !b.finished[m] {
			b.t.Fatalf("%s was acknowledged, and is gone; so many were: %d", m, len(b.acked))
		}
	}
}

// rounds is how often each of these is tried: what they look for is a matter of microseconds.
const rounds = 3

// Row 18. A publisher of nsqd's that has passed the check whether it is exiting puts a message into memory after that was written to
// disk. Ours saves when no client can publish any more.
func TestRow18StopWhilePublishing(t *testing.T) {
	for range rounds {
		b := newBusy(t)
		post(t, b.Nsqd, "/topic/create?topic=t", "")
		post(t, b.Nsqd, "/channel/create?topic=t&channel=c", "")
		for range 4 {
			b.clients.Go(func() { b.publish("t") })
			b.clients.Go(func() { b.publish("waiting") })
		}
		b.stopAndCount("t", "waiting")
	}
}

// Row 19. A message that nsqd's delivery loop has taken from the queue, and not yet noted as in flight, is in neither when they are written
// at a stop. In ours it is in the log until the channel has finished it.
func TestRow19StopWhileDelivering(t *testing.T) {
	for range rounds {
		b := newBusy(t)
		for range 3 {
			b.clients.Go(func() { b.consume("t c") })
			b.clients.Go(func() { b.publish("t") })
		}
		b.stopAndCount("t")
	}
}

// Row 20. nsqd writes its metadata while HTTP connections are still served, and a topic that is made then is not in it. Ours saves when
// they have ended.
func TestRow20StopWhilePostingToNewTopics(t *testing.T) {
	for range rounds {
		b := newBusy(t)
		for range 4 {
			b.clients.Go(func() { b.post(func(body string) string { return "t" + body }) })
		}
		<-b.enough
		if err := b.Stop(); err != nil {
			t.Fatal(err)
		}
		b.clients.Wait()
		again, err := Start(b.cfg)
		if err != nil {
			t.Fatal(err)
		}
		depths := map[string]int64{}
		for _, topic := range again.broker.Stats().Topics {
			depths[topic.Name] = topic.Depth
		}
		again.Kill()
		for m := range b.acked {
			if topic, _, _ := strings.Cut(m, " "); depths[topic] != 1 {
				t.Fatalf("%s was acknowledged, and holds %d messages; so many were: %d", topic, depths[topic], len(b.acked))
			}
		}
	}
}
