package chaos_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// A chat is a world of one broker with a client that publishes and one that consumes, which a fault watches from the first byte.
type chat struct {
	t          *testing.T
	w          *sim.World
	heal       func() error
	shop, bill *client.Conn
	fates      []client.Fate // of publications
	got        []wire.ID
	closed     map[string]time.Duration
	raw        int // bytes that came to billing
}

// newChat prepares and inflicts said on it with these words, and connects the clients.
func newChat(t *testing.T, words map[string]string, counts map[string]int64, by time.Duration) *chat {
	t.Helper()
	w, err := sim.NewWorld(1, []sim.Node{{Name: "b1"}}, sim.Links{Delay: ms})
	if err != nil {
		t.Fatal(err)
	}
	a := chaos.Args{Names: words, Counts: counts, Durations: map[string]time.Duration{}}
	if by > 0 {
		a.Durations["by"] = by
	}
	f, err := chaos.Said.New(a)
	if err != nil {
		t.Fatal(err)
	}
	c := &chat{t: t, w: w, closed: map[string]time.Duration{}}
	if err := f.(chaos.Preparer).Prepare(w); err != nil {
		t.Fatal(err)
	}
	c.shop = c.dial("shop", client.Handler{})
	c.bill = c.dial("billing", client.Handler{Message: func(_ time.Time, m wire.Message) { c.got = append(c.got, m.ID) }})
	c.bill.Subscribe("orders", "billing", nil)
	c.bill.Ready(100)
	w.Run(100 * ms)
	if c.heal, err = f.Inject(w); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *chat) dial(from string, h client.Handler) (conn *client.Conn) {
	h.Closed = func(time.Time, error) { c.closed[from] = c.w.Now() }
	err := c.w.Dial(from, "b1", func(now time.Time, wake func()) wire.Endpoint {
		conn = client.New(now, client.Options{HeartbeatInterval: time.Second}, h, wake)
		return counter{conn, c, from}
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// A counter counts what comes to billing.
type counter struct {
	wire.Endpoint
	c    *chat
	from string
}

// Receive implements wire.Endpoint.
func (e counter) Receive(now time.Time, p []byte) (int, error) {
	n, err := e.Endpoint.Receive(now, p)
	if e.from == "billing" {
		e.c.raw += n
	}
	return n, err
}

// publish publishes so many messages of ten bytes, one after another.
func (c *chat) publish(n int) {
	for range n {
		i := len(c.fates)
		c.fates = append(c.fates, -1)
		c.shop.Publish("orders", make([]byte, 10), func(_ time.Time, r client.Result) { c.fates[i] = r.Fate })
		c.w.Run(10 * ms)
	}
}

// stats are the broker's.
func (c *chat) stats() (messages, depth, inFlight int) {
	c.w.Request("b1", "GET", "/stats?format=json", func(_ int, body []byte, err error) {
		var st struct {
			Topics []struct {
				Messages int `json:"message_count"`
				Channels []struct {
					Depth    int `json:"depth"`
					InFlight int `json:"in_flight_count"`
				} `json:"channels"`
			} `json:"topics"`
		}
		if err := errors.Join(err, json.Unmarshal(body, &st)); err != nil || len(st.Topics) != 1 {
			c.t.Fatalf("/stats: %v %s", err, body)
		}
		messages = st.Topics[0].Messages
		depth, inFlight = st.Topics[0].Channels[0].Depth, st.Topics[0].Channels[0].InFlight
	})
	c.w.Run(0)
	return messages, depth, inFlight
}

// TestDropOK: the OK of the fifth PUB does not come, nor anything behind it, until the client gives the connection up by its heartbeats; that
// of the commands before do not count, and the broker has it all.
func TestDropOK(t *testing.T) {
	c := newChat(t, map[string]string{"said": "shop", "say": "OK", "to": "PUB", "do": "drop"}, map[string]int64{"nth": 5}, 0)
	c.publish(8)
	if want := []client.Fate{client.Done, client.Done, client.Done, client.Done, -1, -1, -1, -1}; !slices.Equal(c.fates, want) {
		t.Errorf("the publications' fates are %v, want %v", c.fates, want)
	}
	if messages, _, _ := c.stats(); messages != 8 {
		t.Errorf("the broker has %d messages, want 8", messages)
	}
	if err := c.heal(); err != nil {
		t.Error(err)
	}
	c.w.Run(5 * time.Second)
	if c.fates[4] != client.Unknown || c.fates[7] != client.Unknown || c.closed["shop"] == 0 || c.closed["billing"] != 0 {
		t.Errorf("the fates are %v, and closed is %v", c.fates, c.closed)
	}
}

// TestDelayFINs: every FIN takes as much longer, and nothing else does.
func TestDelayFINs(t *testing.T) {
	c := newChat(t, map[string]string{"said": "billing", "say": "FIN", "do": "delay"}, nil, 50*ms)
	c.publish(3)
	if len(c.got) != 3 || !slices.Equal(c.fates, []client.Fate{client.Done, client.Done, client.Done}) {
		t.Fatalf("%d messages came, and %v", len(c.got), c.fates)
	}
	for i, id := range c.got {
		c.bill.Finish(id, nil)
		c.w.Run(50 * ms)
		if _, _, inFlight := c.stats(); inFlight != 3-i {
			t.Errorf("%d messages are in flight before FIN %d has come", inFlight, i+1)
		}
		c.w.Run(2 * ms)
		if _, _, inFlight := c.stats(); inFlight != 2-i {
			t.Errorf("%d messages are in flight when FIN %d has come", inFlight, i+1)
		}
	}
	if err := c.heal(); err != nil {
		t.Error(err)
	}
}

// TestCutBetweenFINAndCloseWait: the broker has done the FIN, and the consumer cannot know.
func TestCutBetweenFINAndCloseWait(t *testing.T) {
	c := newChat(t, map[string]string{"said": "b1", "say": "CLOSE_WAIT", "do": "cut"}, nil, 0)
	c.publish(2)
	var fin, cls client.Fate = -1, -1
	c.bill.Finish(c.got[0], func(_ time.Time, r client.Result) { fin = r.Fate })
	c.bill.Close(func(_ time.Time, r client.Result) { cls = r.Fate })
	c.w.Run(10 * ms)
	if fin != client.Unknown || cls != client.Unknown || c.closed["billing"] == 0 || c.closed["shop"] != 0 {
		t.Errorf("FIN is %v, CLS %v, closed %v", fin, cls, c.closed)
	}
	if _, depth, inFlight := c.stats(); depth+inFlight > 1 {
		t.Errorf("%d messages wait, %d are in flight: the FIN did not come", depth, inFlight)
	}
	if err := c.heal(); err != nil {
		t.Error(err)
	}
}

// TestCutInMessage: so many bytes of the second message come, and no more.
func TestCutInMessage(t *testing.T) {
	const whole = 8 + 26 + 10
	for _, after := range []int64{1, 8, 20, whole - 1, whole, 0} {
		c := newChat(t, map[string]string{"said": "billing", "say": "message", "do": "cut"}, map[string]int64{"nth": 2, "after": after}, 0)
		before := c.raw
		var came int
		c.w.At(c.w.Now(), func() {})
		c.publish(3)
		came = c.raw - before
		if len(c.got) == 0 || c.closed["billing"] == 0 || c.closed["shop"] != 0 {
			t.Errorf("after %d: %d messages came, closed %v", after, len(c.got), c.closed)
		}
		if want := 1 + int(after/whole); len(c.got) != want || came != want*whole {
			t.Errorf("after %d: %d messages came in %d bytes, want %d", after, len(c.got), came, want)
		}
		if err := c.heal(); err != nil {
			t.Error(err)
		}
	}
}

// TestDropCommand: a PUB that is lost is, and all behind it; nobody learns of it at once.
func TestDropCommand(t *testing.T) {
	c := newChat(t, map[string]string{"said": "b1", "say": "PUB", "do": "drop"}, map[string]int64{"nth": 3}, 0)
	c.publish(5)
	if messages, _, _ := c.stats(); messages != 2 || len(c.closed) > 0 {
		t.Errorf("the broker has %d messages, want 2; closed %v", messages, c.closed)
	}
	c.w.Run(5 * time.Second)
	if c.closed["shop"] == 0 || c.closed["billing"] != 0 || c.fates[2] != client.Unknown {
		t.Errorf("closed %v, fates %v", c.closed, c.fates)
	}
	if err := c.heal(); err != nil {
		t.Error(err)
	}
}

// TestErrorsAnswer: errors of commands that have no answer are theirs, and leave the others' order alone.
func TestErrorsAnswer(t *testing.T) {
	c := newChat(t, map[string]string{"said": "billing", "say": "error", "to": "TOUCH", "do": "delay"}, map[string]int64{"nth": 2}, 100*ms)
	begin := c.w.Now()
	var took []time.Duration
	for range 3 {
		c.bill.Touch(wire.ID([]byte("0000000000000000")), func(time.Time, client.Result) { took = append(took, c.w.Now()-begin) })
		c.w.Run(200 * ms)
	}
	if want := []time.Duration{2 * ms, 302 * ms, 402 * ms}; !slices.Equal(took, want) {
		t.Errorf("the refusals came at %v, want %v", took, want)
	}
	if err := c.heal(); err != nil {
		t.Error(err)
	}
}

// TestUnsaid: before it is inflicted and after it is healed nothing is harmed, what is said meanwhile is counted from its coming, and what nobody
// says is a hit of nothing.
func TestUnsaid(t *testing.T) {
	c := newChat(t, map[string]string{"said": "shop", "say": "MPUB", "do": "cut"}, nil, 0)
	c.publish(3)
	if err := c.heal(); !errors.Is(err, chaos.ErrHitNothing) {
		t.Errorf("nobody said it, and healing says %v", err)
	}
	c = newChat(t, map[string]string{"said": "shop", "say": "IDENTIFY", "do": "cut"}, nil, 0) // it was said before
	c.publish(3)
	if err := c.heal(); !errors.Is(err, chaos.ErrHitNothing) || len(c.closed) > 0 {
		t.Errorf("it was said before, and healing says %v; closed %v", err, c.closed)
	}
	c = newChat(t, map[string]string{"said": "shop", "say": "PUB", "do": "cut"}, map[string]int64{"nth": 9}, 0)
	c.publish(3)
	if err := c.heal(); !errors.Is(err, chaos.ErrHitNothing) {
		t.Errorf("it was said three times, and healing says %v", err)
	}
	c.publish(9)
	if len(c.closed) > 0 || slices.Contains(c.fates, -1) {
		t.Errorf("harmed after the healing: closed %v, fates %v", c.closed, c.fates)
	}
}

// TestSaidOverConnections: things are counted over all connections of the end, and not over those of others.
func TestSaidOverConnections(t *testing.T) {
	c := newChat(t, map[string]string{"said": "shop", "say": "PUB", "do": "cut"}, map[string]int64{"nth": 4}, 0)
	second, other := c.dial("shop", client.Handler{}), c.dial("desk", client.Handler{})
	c.publish(2)
	for range 2 {
		other.Publish("orders", make([]byte, 10), nil)
		second.Publish("orders", make([]byte, 10), nil)
		c.w.Run(10 * ms)
	}
	if messages, _, _ := c.stats(); messages != 5 || c.closed["shop"] == 0 || c.closed["desk"] != 0 {
		t.Errorf("the broker has %d messages, want 5; closed %v", messages, c.closed)
	}
	if err := c.heal(); err != nil {
		t.Error(err)
	}
}

// TestSaidInHeldChunks: what a partition held is counted once, and meets its fate when it is let go.
func TestSaidInHeldChunks(t *testing.T) {
	c := newChat(t, map[string]string{"said": "shop", "say": "PUB", "do": "cut"}, map[string]int64{"nth": 2, "after": 3}, 0)
	f, err := chaos.Partition.New(args(map[string]string{"partition": "shop"}, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	release, err := f.Inject(c.w)
	if err != nil {
		t.Fatal(err)
	}
	c.publish(3)
	if len(c.closed) > 0 {
		t.Errorf("closed %v under the partition", c.closed)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	c.w.Run(10 * ms)
	if messages, _, _ := c.stats(); messages != 1 || c.closed["shop"] == 0 {
		t.Errorf("the broker has %d messages, want 1; closed %v", messages, c.closed)
	}
	if err := c.heal(); err != nil {
		t.Error(err)
	}
}

// TestSaidInPieces: what is said in pieces is harmed where it is told.
func TestSaidInPieces(t *testing.T) {
	for _, pieces := range [][]string{{"  V2PUB a\n\x00\x00\x00\x01x", "PUB a\n\x00\x00\x00\x01y"}, {"  V2PUB a\n\x00\x00\x00\x01xPU", "B a\n\x00\x00\x00\x01y"}, {"  V2PUB a\n\x00\x00", "\x00\x01xPUB a\n\x00\x00\x00\x01y"}} {
		a := chaos.Args{Names: map[string]string{"said": "shop", "say": "PUB", "do": "cut"}, Counts: map[string]int64{"nth": 2}}
		f, err := chaos.Said.New(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Inject(&narrow{room: 2}); err != nil {
			t.Fatal(err)
		}
		rule := f.(sim.Rule)
		rule.Judge(0, nil, sim.Chunk{From: "shop", Conn: 1, Opening: true})
		rule.Judge(0, nil, sim.Chunk{From: "b1", Conn: 1, Opening: true})
		var at int64
		var fates []sim.Fate
		for _, p := range pieces {
			fate := rule.Judge(0, nil, sim.Chunk{From: "shop", Conn: 1, At: at, Data: []byte(p)})
			if again := rule.Judge(0, nil, sim.Chunk{From: "shop", Conn: 1, At: at, Data: []byte(p)}); again != fate {
				t.Errorf("judged anew it is %+v, and was %+v", again, fate)
			}
			fates = append(fates, fate)
			at += int64(len(p))
		}
		first := max(strings.Index(pieces[1], "PUB"), 0)
		if want := fmt.Sprint([]sim.Fate{{}, {Reset: true, First: first}}); fmt.Sprint(fates) != want {
			t.Errorf("%q: %v, want %v", pieces, fates, want)
		}
	}
}
