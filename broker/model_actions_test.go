package broker

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// TestModel does random things to a broker and to a model of it, and compares them after each.
func TestModel(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("1000"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		for _, name := range modelChannels {
			client := m.join(name)
			client.ready = 2
			m.say(client, "RDY 2\n")
		}
		t.Repeat(map[string]func(*rapid.T){
			"publish": m.publish, "subscribe": m.subscribe, "ready": m.ready, "finish": m.finish, "requeue": m.requeue,
			"touch": m.touch, "pass": m.pass, "upset": m.upset, "": func(*rapid.T) { m.settle() },
		})
		m.drain()
	})
}

const (
	modelTimeout    = 10 * time.Second
	modelMaxTimeout = 12 * time.Second
)

var modelChannels = []string{"a", "b", "tail#ephemeral"}

func newModel(t *rapid.T) *model {
	opts := DefaultOptions("model")
	opts.MsgTimeout, opts.MaxMsgTimeout = modelTimeout, modelMaxTimeout
	opts.MemQueueSize = rapid.Int64Range(0, 4).Draw(t, "mem-queue-size")
	opts.RequeueOnDisconnect = rapid.Bool().Draw(t, "requeue-on-disconnect")
	if rapid.Bool().Draw(t, "topology") {
		opts.Experiments, opts.TopologyZone = Experiments{TopologyAware}, "z"
	}
	m := &model{t: t, now: birth, limit: int(opts.MemQueueSize), requeues: opts.RequeueOnDisconnect}
	var err error
	if m.b, err = Open(birth, opts, nil, func() {}); err != nil {
		t.Fatal(err)
	}
	if err := m.b.CreateTopic(m.now, "t"); err != nil {
		t.Fatal(err)
	}
	return m
}

// settle lets all timers fire that are due, and looks at what the clients got.
func (m *model) settle() {
	for next := m.b.NextTimeout(); !next.IsZero() && !next.After(m.now); next = m.b.NextTimeout() {
		m.b.HandleTimeout(m.now)
		m.expire()
		m.collect()
	}
	m.collect()
	m.check()
}

// collect reads what the clients were sent, and has those go on that had too much to read.
func (m *model) collect() {
	for busy := true; busy; {
		m.read()
		busy = false
		for _, client := range m.clients {
			if client.s.NextTimeout().Equal(time.Unix(0, 0)) {
				busy = client.s.HandleTimeout(m.now) == nil || busy
			}
		}
	}
}

func (m *model) read() {
	for _, client := range m.clients {
		for out := client.s.Transmit(nil); len(out) > 0; {
			f, n, err := wire.ParseFrame(out, 1<<20)
			if err != nil || n == 0 {
				m.t.Fatalf("%s: %q: %v", client.name, out, err)
			}
			out = out[n:]
			if f.Type != wire.FrameMessage {
				client.answers = append(client.answers, string(f.Data))
				continue
			}
			got, err := wire.ParseMessage(f.Data)
			if err != nil {
				m.t.Fatal(err)
			}
			m.deliver(client, got)
		}
	}
}

// say hands a client's command in and compares its answers.
func (m *model) say(client *modelClient, text string, want ...string) {
	receive(client.s, m.now, text)
	m.collect()
	if !slices.Equal(client.answers, want) {
		m.t.Fatalf("%s says %q and hears %q, want %q", client.name, text, client.answers, want)
	}
	client.answers = nil
}

func (m *model) connect() *modelClient {
	client := &modelClient{name: fmt.Sprintf("client:%d", m.b.connected+1), timeout: modelTimeout}
	client.s = m.b.Connect(m.now, client.name, func() {})
	m.clients = append(m.clients, client)
	m.say(client, wire.Magic)
	return client
}

// client draws a connected client that is subscribed, or skips the action.
func (m *model) client(t *rapid.T) *modelClient {
	var subscribed []*modelClient
	for _, c := range m.clients {
		if c.channel != nil {
			subscribed = append(subscribed, c)
		}
	}
	if len(subscribed) == 0 {
		t.Skip("no client")
	}
	return rapid.SampledFrom(subscribed).Draw(t, "client")
}

func (m *model) channel(t *rapid.T) *modelChannel {
	if len(m.channels) == 0 {
		t.Skip("no channel")
	}
	return rapid.SampledFrom(m.channels).Draw(t, "channel")
}

func (m *model) publish(t *rapid.T) {
	var deferral time.Duration
	if rapid.Bool().Draw(t, "deferred") {
		deferral = time.Duration(rapid.IntRange(0, 20000).Draw(t, "ms")) * time.Millisecond
	}
	padding := ""
	if rapid.IntRange(0, 9).Draw(t, "large") == 0 {
		padding = strings.Repeat(".", 2*64<<10/3)
	}
	var bodies [][]byte
	for range rapid.IntRange(1, 6).Draw(t, "count") {
		message := &modelMessage{body: fmt.Sprintf("m%d%s", m.made, padding), number: m.made, published: m.now}
		if deferral > 0 {
			message.due = m.now.Add(deferral)
		}
		m.made++
		m.waiting = append(m.waiting, message)
		bodies = append(bodies, []byte(message.body))
	}
	m.handOver()
	if err := publish(m.b, m.now, "t", deferral, bodies...); err != nil {
		t.Fatal(err)
	}
}

func (m *model) subscribe(t *rapid.T) {
	if len(m.clients) >= 6 {
		t.Skip("enough clients")
	}
	m.join(rapid.SampledFrom(modelChannels).Draw(t, "channel"))
}

func (m *model) join(name string) *modelClient {
	client := m.connect()
	client.s.client.TopologyZone = rapid.SampledFrom([]string{"", "z"}).Draw(m.t, "zone")
	at := slices.IndexFunc(m.channels, func(c *modelChannel) bool { return c.name == name })
	if at < 0 {
		at = len(m.channels)
		m.channels = append(m.channels, &modelChannel{name: name})
	}
	client.channel = m.channels[at]
	m.handOver()
	m.say(client, "SUB t "+name+"\n", "OK")
	return client
}

func (m *model) ready(t *rapid.T) {
	client, n := m.client(t), rapid.IntRange(0, 5).Draw(t, "ready")
	if !client.closing {
		client.ready = n
	}
	m.say(client, fmt.Sprintf("RDY %d\n", n))
}

// delivery draws a message that a client may believe to hold. What follows if it does not is the error.
func (m *model) delivery(t *rapid.T, client *modelClient, command string) (d *modelDelivery, id, failure string) {
	if len(m.ids) == 0 {
		t.Skip("no message")
	}
	var own []string
	for _, d := range client.channel.held {
		if d.client == client {
			own = append(own, d.message.id)
		}
	}
	id = rapid.SampledFrom(m.ids).Draw(t, "id").String()
	if len(own) > 0 && rapid.IntRange(0, 3).Draw(t, "stray") > 0 {
		id = rapid.SampledFrom(own).Draw(t, "own")
	}
	why := "ID not in flight"
	for _, d := range client.channel.held {
		if d.message.id == id && d.client == client {
			return d, id, ""
		}
		if d.message.id == id && d.client != nil {
			why = "client does not own message"
		}
	}
	return nil, id, fmt.Sprintf("E_%s_FAILED %s %s failed %s", command, command, id, why)
}

func (m *model) finish(t *rapid.T) {
	client := m.client(t)
	d, id, failure := m.delivery(t, client, "FIN")
	if d == nil {
		m.say(client, "FIN "+id+"\n", failure)
		return
	}
	client.channel.held = slices.DeleteFunc(client.channel.held, func(other *modelDelivery) bool { return other == d })
	m.say(client, "FIN "+id+"\n")
}

func (m *model) requeue(t *rapid.T) {
	client := m.client(t)
	d, id, failure := m.delivery(t, client, "REQ")
	ms := rapid.SampledFrom([]int{0, 0, 1, 5000, 20000}).Draw(t, "ms")
	line := "REQ " + id + " " + strconv.Itoa(ms) + "\n"
	if d == nil {
		m.say(client, line, failure)
		return
	}
	client.channel.requeues++
	d.client = nil
	if ms > 0 {
		d.deferred, d.due = true, m.now.Add(time.Duration(ms)*time.Millisecond)
	} else {
		m.put(client.channel, d)
	}
	m.say(client, line)
}

func (m *model) touch(t *rapid.T) {
	client := m.client(t)
	d, id, failure := m.delivery(t, client, "TOUCH")
	if d == nil {
		m.say(client, "TOUCH "+id+"\n", failure)
		return
	}
	d.due = m.now.Add(client.timeout)
	if last := d.delivered.Add(modelMaxTimeout); d.due.After(last) {
		d.due = last
	}
	m.say(client, "TOUCH "+id+"\n")
}

// pass lets time pass, from one timer to the next.
func (m *model) pass(t *rapid.T) {
	m.until(m.now.Add(time.Duration(rapid.IntRange(0, 12000).Draw(t, "ms")) * time.Millisecond))
}

func (m *model) until(end time.Time) {
	for {
		next := m.b.NextTimeout()
		if next.IsZero() || next.After(end) {
			m.now = end
			return
		}
		m.now = next
		m.settle()
	}
}
