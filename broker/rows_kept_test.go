package broker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// These rows are kept as they are in nsqd, since clients count on them.

// Row 12. What is ephemeral may drop: a full queue drops what comes to it, also by REQ and at a timeout, and the publisher has its OK.
// Unlike in nsqd a consumer that can take a message gets it also with mem-queue-size=0.
func TestRow12EphemeralDrops(t *testing.T) {
	n := newNode(t, func(o *broker.Options) { o.MemQueueSize = 3 })
	n.pub("t#ephemeral", "1", "2", "3", "4", "5")
	n.subscribe("t#ephemeral/c", 10).want("1", "2", "3")

	c := n.subscribe("u/c#ephemeral", 2)
	n.pub("u", "1", "2", "3", "4", "5", "6")
	c.want("1", "2")
	n.wantCounts("u/c#ephemeral", 3, 2, 0)
	c.say("RDY 0\n")
	c.req("1", 0)
	n.wantCounts("u/c#ephemeral", 3, 1, 0)

	n = newNode(t, func(o *broker.Options) { o.MemQueueSize = 0 })
	c = n.subscribe("t/c#ephemeral", 1)
	n.pub("t", "1", "2")
	c.want("1")
	c.fin("1")
	c.want()
}

// Row 12, the disk: nothing of an ephemeral topic or channel ever comes to it.
func TestRow12EphemeralIsNotOnDisk(t *testing.T) {
	n := newNode(t, nil)
	c := n.subscribe("t#ephemeral/c", 10)
	n.pub("t#ephemeral", "secret", "secret too")
	n.must(n.b.CreateTopic(n.now, "v#ephemeral"))
	n.pub("v#ephemeral", "secret")
	e := n.subscribe("u/e#ephemeral", 10)
	n.pub("u", "common")
	c.want("secret", "secret too")
	e.want("common")
	c.req("secret", time.Minute)
	e.req("common", time.Minute)
	n.sync()
	n.restart()
	files, err := n.disk.List()
	n.must(err)
	for _, f := range files {
		p, err := n.disk.ReadFile(f)
		n.must(err)
		if text := string(p); strings.Contains(f+text, "secret") || strings.Contains(f+text, "ephemeral") {
			t.Errorf("%s: %q", f, p)
		}
	}
	if all := n.b.Stats().Topics; len(all) != 1 || len(all[0].Channels) != 0 {
		t.Errorf("%+v", all)
	}
}

// Row 13. An ephemeral channel goes with its last client, and what it held with it; an ephemeral topic with its last channel.
func TestRow13EphemeralChannelEnds(t *testing.T) {
	n := newNode(t, nil)
	c := n.subscribe("t/c#ephemeral", 1)
	n.pub("t", "1", "2")
	c.want("1")
	c.s.Disconnect(n.now)
	if st := n.topic("t"); len(st.Channels) != 0 || st.Name == "" {
		t.Fatalf("%+v", st)
	}
	c = n.subscribe("t/c#ephemeral", 10)
	n.pub("t", "3")
	c.want("3")
	c = n.subscribe("e#ephemeral/c", 10)
	c.s.Disconnect(n.now)
	if n.topic("e#ephemeral").Name == "" {
		t.Fatal("an ephemeral topic ends with its channel, not with that one's clients")
	}
	n.must(n.b.DeleteChannel(n.now, "e#ephemeral", "c"))
	if n.topic("e#ephemeral").Name != "" {
		t.Fatal("the ephemeral topic is there still")
	}
}

// Row 14. What a client has in flight when it disconnects waits for its timeout, for the client may be at work on it still.
func TestRow14DisconnectedClientsMessagesWait(t *testing.T) {
	n := newNode(t, nil)
	c := n.subscribe("t/c", 1)
	n.pub("t", "m")
	c.want("m")
	c.s.Disconnect(n.now)
	other := n.subscribe("t/c", 10)
	n.wantCounts("t/c", 0, 1, 0)
	n.pass(time.Minute - 1)
	other.want()
	n.pass(1)
	other.want("m#2")
}

// Row 14 is cured where it is asked for: they come again at once, with their attempts, and after a restart too.
func TestRow14RequeueOnDisconnect(t *testing.T) {
	n := newNode(t, func(o *broker.Options) { o.RequeueOnDisconnect = true })
	c := n.subscribe("t/c", 1)
	n.pub("t", "m")
	c.want("m")
	other := n.subscribe("t/c", 10)
	other.want()
	c.s.Disconnect(n.now)
	other.want("m#2")
	other.s.Disconnect(n.now)
	n.wantCounts("t/c", 1, 0, 0)
	n.kill()
	n.subscribe("t/c", 10).want("m#3")
	n.restart() // a broker that closes requeues for nobody
	n.subscribe("t/c", 10).want("m#4")
}

// Row 15. A consumer that takes longer than its message timeout has its message given to another, and its FIN refused; TOUCH is the way out.
func TestRow15SlowConsumer(t *testing.T) {
	n := newNode(t, nil)
	slow := n.subscribe("t/c", 1)
	n.pub("t", "m")
	slow.want("m")
	n.pass(50 * time.Second)
	slow.say("TOUCH %s\n", slow.ids["m"])
	slow.say("RDY 0\n")
	other := n.subscribe("t/c", 1)
	n.pass(time.Minute - 1)
	other.want()
	n.pass(1)
	other.want("m#2")
	slow.fin("m")
	if got := slow.got(); len(got) != 1 || !strings.HasPrefix(got[0], "E_FIN_FAILED FIN ") {
		t.Fatalf("the late FIN was answered %q", got)
	}
	other.fin("m")
	n.wantCounts("t/c", 0, 0, 0)
}

// Row 25. A publisher whose OK was lost publishes again, and there are two messages: nothing in the protocol says that they are one.
func TestRow25ResponseLost(t *testing.T) {
	n := newNode(t, nil)
	for range 2 {
		p := n.connect()
		p.say("PUB t\n%s", sized("m"))
		p.s.Disconnect(n.now) // before it read the answer
	}
	c := n.subscribe("t/c", 1)
	c.want("m")
	first := c.ids["m"]
	c.fin("m")
	c.want("m")
	if c.ids["m"] == first {
		t.Fatal("they have one id")
	}
}

// Row 27, nsqd's part. Two nodes with one node id can make equal message ids, as in nsqd, whose default that is: ten bits of a hash of the
// host's name. Nodes with different ones never do, also if all else is equal.
func TestRow27NodeIDs(t *testing.T) {
	ids := map[int64]string{}
	for _, id := range []int64{1, 2} {
		n := newNode(t, func(o *broker.Options) { o.NodeID = id })
		c := n.subscribe("t/c", 10)
		n.pub("t", "m")
		c.want("m")
		ids[id] = c.ids["m"].String()
	}
	if ids[1] == ids[2] || ids[1][3:] != ids[2][3:] {
		t.Fatalf("%v", ids)
	}
	if a, b := broker.DefaultOptions("a").NodeID, broker.DefaultOptions("b").NodeID; a == b || max(a, b) > 1023 {
		t.Fatalf("%d, %d", a, b)
	}
}

// Row 32. A client's sample rate is that of its channel: what it is not given is finished, though another consumer could have had it; and
// of a hundred it gets one more than the rate.
func TestRow32SampleRate(t *testing.T) {
	const messages = 1000
	for _, rate := range []struct{ asked, atLeast, atMost int }{{42, 390, 470}, {99, messages, messages}} {
		n := newNode(t, nil)
		c := n.identify(fmt.Sprintf(`,"sample_rate":%d`, rate.asked))
		c.consume("t/c", messages)
		n.pub("t", numbered("m", 0, messages)...)
		got := c.got()
		if len(got) < rate.atLeast || len(got) > rate.atMost {
			t.Errorf("with a rate of %d came %d of %d", rate.asked, len(got), messages)
		}
		c.fin(got...)
		n.wantCounts("t/c", 0, 0, 0)
		n.kill()
		n.subscribe("t/c", messages).want()
	}
}

// Row 35. What an auth server permits is looked for anywhere in a name, a subscription outlives it, and HTTP's publications need none: kept, since
// auth servers are written for it. Anchors bind an expression, and what comes after its time is refused.
func TestRow35Authorizations(t *testing.T) {
	n := newNode(t, func(o *broker.Options) { o.AuthRequired = true })
	c := n.connect()
	c.say("AUTH\n%s", sized("secret"))
	permit := `{"ttl":10,"authorizations":[{"topic":"test","channels":["^c$"],"permissions":["subscribe"]}]}`
	n.must(c.s.Answer(n.now, wire.Answer{Body: []byte(permit)}))
	c.want(`{"identity":"","identity_url":"","permission_count":1}`)
	c.consume("mytest2/c", 10)
	n.pass(time.Hour)
	n.pub("mytest2", "m")
	c.want("m")
	c.fin("m")
	n.wantCounts("mytest2/c", 0, 0, 0)

	late := n.connect()
	late.say("AUTH\n%s", sized("secret"))
	n.must(late.s.Answer(n.now, wire.Answer{Body: []byte(permit)}))
	late.got()
	n.pass(10 * time.Second)
	if used, err := late.s.Receive(n.now, []byte("SUB mytest2 c\n")); used > 0 || err != nil || late.s.Need().Kind != wire.NeedAuthority {
		t.Fatalf("after its time it took %d bytes, %v", used, err)
	}
	n.must(late.s.Answer(n.now, wire.Answer{Body: []byte(permit)}))
	if err := late.try("SUB mytest2 cc\n"); err == nil || !strings.Contains(err.Error(), "E_UNAUTHORIZED") {
		t.Fatalf("an anchored expression matches more: %v", err)
	}
}
