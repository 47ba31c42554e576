package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDelay(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	client.say("hello")
	w.Run(ms)
	session.want(t, "11ms hello")
	session.say("hi")
	w.Run(ms - 1)
	client.want(t)
	w.Run(1)
	client.want(t, "12ms hi")
}

// TestJitter: each chunk takes from the delay to the delay and the jitter, and they never overtake each other.
func TestJitter(t *testing.T) {
	w := newWorld(t, Links{Delay: 10 * ms, Jitter: 5 * ms}, "b1")
	client, session := connect(t, w, "c", "b1")
	var took []time.Duration
	var sent time.Duration
	session.onReceive = func(p []byte) (int, error) {
		took = append(took, w.now-sent)
		return len(p), nil
	}
	for range 1000 {
		sent = w.now
		client.say("x")
		w.Run(20 * ms)
	}
	low, high := slices.Min(took), slices.Max(took)
	if low < 10*ms || low > 11*ms || high >= 15*ms || high < 14*ms || len(took) != 1000 {
		t.Errorf("%d chunks took from %v to %v", len(took), low, high)
	}

	session.onReceive = nil
	for i := range 1000 {
		w.At(w.now+time.Duration(i)*100*time.Microsecond, func() { client.say(fmt.Sprintf("%03d", i)) })
	}
	w.Run(time.Second)
	var want []byte
	for i := range 1000 {
		want = fmt.Appendf(want, "%03d", i)
	}
	if !bytes.Equal(session.got, want) {
		t.Error("the bytes came in another order")
	}
}

// TestRuleDelays: what rules ask for adds up; less than nothing is nothing; the ends are named as Dial and the nodes are.
func TestRuleDelays(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	other, _ := connect(t, w, "d", "b1")
	var seen []Chunk
	removes := []func(){
		addRule(t, w, "c", "b1", func(c Chunk) Fate {
			c.Data = bytes.Clone(c.Data)
			seen = append(seen, c)
			return Fate{Delay: 5 * ms}
		}),
		addRule(t, w, "", "b1", func(Chunk) Fate { return Fate{Delay: 3 * ms} }),
		addRule(t, w, "b1", "c", func(Chunk) Fate { return Fate{Delay: 20 * ms} }),
		addRule(t, w, "d", "", func(Chunk) Fate { return Fate{Delay: 100 * ms} }),
		addRule(t, w, "", "", func(Chunk) Fate { return Fate{Delay: -time.Second} }),
	}
	begin := w.now
	client.say("hello")
	other.say("late")
	session.say("hi")
	w.Run(time.Second)
	session.want(t, fmt.Sprintf("%v hello", begin+9*ms))
	client.want(t, fmt.Sprintf("%v hi", begin+21*ms))
	if len(seen) != 1 || seen[0].From != "c" || seen[0].To != "b1" || seen[0].Conn != 1 || seen[0].Opening || string(seen[0].Data) != "hello" {
		t.Errorf("the rule saw %+v", seen)
	}
	for _, remove := range removes {
		remove()
		remove()
	}
	begin = w.now
	client.say("again")
	w.Run(ms)
	session.want(t, fmt.Sprintf("%v again", begin+ms))
}

// TestAnyRuleSuffices: what one rule holds or resets no other lets through, in whatever order they were put up.
func TestAnyRuleSuffices(t *testing.T) {
	pass := func(Chunk) Fate { return Fate{} }
	for _, rules := range [][]ruleFunc{{hold, pass}, {pass, hold}, {pass, reset}, {reset, pass}, {reset, hold}, {hold, reset}} {
		w := newWorld(t, plain, "b1")
		client, session := connect(t, w, "c", "b1")
		ends := false
		for _, r := range rules {
			addRule(t, w, "c", "b1", r)
			ends = ends || r(Chunk{}).Reset
		}
		client.say("x")
		w.Run(time.Second)
		if len(session.got) > 0 || (client.gone == 1) != ends {
			t.Errorf("got %q; disconnected %d times, want %v", session.got, client.gone, ends)
		}
	}
}

// TestParcels: a queue that is never empty does not grow.
func TestParcels(t *testing.T) {
	var q parcels
	for i := range 10_000 {
		q.push(parcel{data: []byte{byte(i)}})
		if i > 9 {
			if p := q.pop(); p.data[0] != byte(i-10) {
				t.Fatalf("%d came, want %d", p.data[0], byte(i-10))
			}
		}
	}
	if cap(q.items) > 200 {
		t.Errorf("room for %d", cap(q.items))
	}
}

// TestOrderUnderDelay: a chunk with less delay waits for the one before it.
func TestOrderUnderDelay(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	slow := true
	addRule(t, w, "c", "b1", func(Chunk) Fate {
		if slow {
			return Fate{Delay: 9 * ms}
		}
		return Fate{}
	})
	client.say("one")
	w.Run(ms)
	slow = false
	client.say("two")
	w.Run(time.Second)
	session.want(t, "20ms one", "20ms two")
}

// TestBandwidth: a rule that lets so many bytes a second through sees all bytes, and they take as long as they must.
func TestBandwidth(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	const rate = 100 << 10 // bytes a second
	var free time.Duration
	addRule(t, w, "c", "b1", func(c Chunk) Fate {
		free = max(free, w.now) + time.Duration(len(c.Data))*time.Second/rate
		return Fate{Delay: free - w.now}
	})
	begin := w.now
	client.say(strings.Repeat("x", 500<<10))
	for second := range 5 {
		w.Run(time.Second)
		if got, want := len(session.got), (second+1)*rate; got < want-maxChunk || got > want {
			t.Errorf("%d bytes after %v, want %d", got, w.now-begin, want)
		}
	}
	w.Run(2 * ms)
	if len(session.got) != 500<<10 {
		t.Errorf("%d bytes in the end", len(session.got))
	}
}

// TestHold: what a rule holds comes after the rule is gone, all of it, in order, and what is behind it too.
func TestHold(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	client.say("before ")
	w.At(w.now, func() {}) // the chunk goes before the rule stands
	w.Run(0)
	remove := addRule(t, w, "c", "b1", hold)
	for i := range 10 {
		client.say(fmt.Sprint(i))
		w.Run(10 * ms)
	}
	session.say("the other way")
	w.Run(10 * ms)
	session.want(t, "11ms before ")
	client.want(t, "111ms the other way")
	second := addRule(t, w, "", "", func(c Chunk) Fate { return Fate{Hold: string(c.Data) == "5"} })
	remove()
	begin := w.now
	w.Run(10 * ms)
	if got := string(session.got); got != "before 01234" {
		t.Errorf("got %q", got)
	}
	client.say("end")
	second()
	w.Run(10 * ms)
	if got := string(session.got); got != "before 0123456789end" {
		t.Errorf("got %q", got)
	}
	if want := fmt.Sprintf("%v 0", begin+ms); session.log[0] != want {
		t.Errorf("the first came as %q, want %q", session.log[0], want)
	}
	if c := w.conns[0]; c.client.way.onWay != 0 || c.server.way.onWay != 0 {
		t.Errorf("%d and %d bytes are still on their way", c.client.way.onWay, c.server.way.onWay)
	}
}

// TestHeldAreJudgedOnceAChange: a chunk behind a held one is not judged before it is its turn.
func TestHeldAreJudgedOnceAChange(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, _ := connect(t, w, "c", "b1")
	judged := map[string]int{}
	addRule(t, w, "c", "b1", func(c Chunk) Fate {
		judged[string(c.Data)]++
		return Fate{Hold: true}
	})
	for _, text := range []string{"a", "b", "c"} {
		client.say(text)
		w.Run(ms)
	}
	if judged["a"] != 1 || judged["b"]+judged["c"] != 0 {
		t.Errorf("judged %v", judged)
	}
	addRule(t, w, "x", "y", hold)()
	w.Run(ms)
	if judged["a"] > 3 || judged["b"]+judged["c"] != 0 {
		t.Errorf("judged %v after two changes", judged)
	}
}

func TestReset(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	quiet, _ := connect(t, w, "d", "b1")
	session.say("on its way")
	w.Run(0)
	begin := w.now
	remove := addRule(t, w, "c", "b1", reset)
	w.Run(0)
	client.say("hello")
	client.say("hello")
	w.Run(10 * ms)
	client.want(t, fmt.Sprintf("%v gone", begin))
	session.want(t, fmt.Sprintf("%v gone", begin))
	quiet.want(t)
	if len(w.conns) != 1 {
		t.Errorf("%d connections stand", len(w.conns))
	}
	refused := dial(t, w, "c", "b1")
	refused.say("hello")
	w.Run(10 * ms)
	if refused.gone != 1 || refused.asked != 0 {
		t.Errorf("the opening was reset: disconnected %d times, asked to send %d times", refused.gone, refused.asked)
	}
	remove()
	if again, _ := connect(t, w, "c", "b1"); again.gone != 0 {
		t.Error("a connection is broken without the rule")
	}
}

// TestResetOfHeld: what was held may be reset when the rules change.
func TestResetOfHeld(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	addRule(t, w, "c", "b1", hold)
	client.say("a")
	w.Run(ms)
	client.say("b")
	w.Run(ms)
	addRule(t, w, "c", "b1", reset)
	w.Run(ms)
	if client.gone != 1 || session.gone != 1 || len(session.got) > 0 {
		t.Errorf("disconnected %d and %d times, got %q", client.gone, session.gone, session.got)
	}
}

// TestWindow: an end that sends more than the window waits until some of it was taken at the other.
func TestWindow(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	remove := addRule(t, w, "c", "b1", hold)
	way := &w.conns[0].client.way
	for range 100 {
		client.say(strings.Repeat("x", 10_000))
		w.Run(ms)
		if way.onWay >= window+maxChunk {
			t.Fatalf("%d bytes are on the way", way.onWay)
		}
	}
	if way.onWay < window || len(client.out) == 0 {
		t.Errorf("%d bytes are on the way, %d wait", way.onWay, len(client.out))
	}
	remove()
	w.Run(10 * ms)
	if len(session.got) != 1_000_000 || way.onWay != 0 || len(client.out) > 0 {
		t.Errorf("got %d bytes; %d are on the way, %d wait", len(session.got), way.onWay, len(client.out))
	}
	for _, line := range session.log {
		var n int
		if _, err := fmt.Sscanf(line[strings.Index(line, " "):], " %d bytes", &n); err != nil || n > maxChunk {
			t.Errorf("a chunk came as %q, want %d bytes at the most", line, maxChunk)
		}
	}
}

// TestWindowAtOnce: it holds also for what is said at once.
func TestWindowAtOnce(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	client.say(strings.Repeat("x", 1<<20))
	w.Run(0)
	if got := w.conns[0].client.way.onWay; got != window {
		t.Errorf("%d bytes are on the way, want %d", got, window)
	}
	w.Run(ms)
	if got := len(session.got); got != window {
		t.Errorf("%d bytes came after one delay, want %d", got, window)
	}
	w.Run(10 * ms)
	if got := len(session.got); got != 1<<20 {
		t.Errorf("%d bytes came in the end", got)
	}
}

// TestFragments: what an endpoint leaves is handed in again with more behind it, also over many chunks.
func TestFragments(t *testing.T) {
	w := newWorld(t, plain, "b1")
	client, session := connect(t, w, "c", "b1")
	var calls []string
	session.onReceive = func(p []byte) (int, error) {
		calls = append(calls, string(p))
		n := bytes.LastIndexByte(p, '.') + 1
		session.got = append(session.got, p[:n]...)
		return n, nil
	}
	for _, text := range []string{"ab", "c.d", "e", ".f.g", "h", "."} {
		client.say(text)
		w.Run(2 * ms)
	}
	want := []string{"ab", "abc.d", "de", "de.f.g", "gh", "gh."}
	if !slices.Equal(calls, want) || string(session.got) != "abc.de.f.gh." {
		t.Errorf("received %q, want %q", calls, want)
	}
}
