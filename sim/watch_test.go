package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestWatch: each chunk and each turn is seen as it arrives, with who sent it to whom.
func TestWatch(t *testing.T) {
	w := newWorld(t, plain, "b1")
	var seen []string
	last := uint64(0)
	w.Watch(func(a Arrival) {
		seen = append(seen, fmt.Sprintf("%v %d %s>%s %v %s %s", a.At, a.Conn, a.From, a.To, a.Answer, a.Turn, a.Data))
		if a.Event <= last || a.Event > w.Events() {
			t.Errorf("arrival in event %d, before in %d, of %d", a.Event, last, w.Events())
		}
		last = a.Event
	})
	a, b := connect(t, w, "c", "b1")
	a.say("hello")
	w.Run(10 * ms)
	b.say("answer")
	w.Run(10 * ms)
	a.hangUp()
	w.Run(10 * ms)
	c, _ := connect(t, w, "d", "b1")
	must(t, w.Kill("b1"))
	w.Run(10 * ms)
	want := []string{
		"1ms 1 c>b1 false opening ", "2ms 1 b1>c true opening ", "11ms 1 c>b1 false bytes hello", "21ms 1 b1>c true bytes answer",
		"31ms 1 c>b1 false ending ", "41ms 2 d>b1 false opening ", "42ms 2 b1>d true opening ", "51ms 2 b1>d true broken ",
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("seen\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
	if c.gone != 1 {
		t.Errorf("the last client was told %d times that it is disconnected", c.gone)
	}
	w.Watch(nil)
	must(t, w.Start("b1"))
	connect(t, w, "e", "b1")
	if len(seen) != len(want) {
		t.Errorf("%d arrivals were seen after nobody watched any more", len(seen)-len(want))
	}
}

// TestLookChangesNothing: a world that is watched, and looked at in every arrival, is the same to the byte and the event.
func TestLookChangesNothing(t *testing.T) {
	same := func(look bool) string {
		w, err := NewWorld(3, []Node{{Name: "b1"}, {Name: "b2"}}, DefaultLinks)
		must(t, err)
		l := newLoad(t, w, 1000)
		for _, node := range []string{"b1", "b2"} {
			l.produce("shop", node, 20*ms)
			l.consume("billing", node, 5)
		}
		looks := 0
		if look {
			w.Watch(func(a Arrival) {
				for _, node := range w.Nodes() {
					if status, body, err := w.Look(node, "/stats?format=json"); err == nil && status == 200 && len(body) > 0 {
						looks++
					}
				}
			})
		}
		w.At(time.Second, func() { must(t, w.Kill("b1")) })
		w.At(2*time.Second, func() { must(t, w.Start("b1")) })
		w.Run(4 * time.Second)
		if look && looks < 1000 {
			t.Errorf("%d looks", looks)
		}
		return fmt.Sprintf("%s, %d events", w.Trace(), w.Events())
	}
	if a, b := same(false), same(true); a != b {
		t.Errorf("looked at it is %s, else %s", b, a)
	}
}

// TestLook: a paused node is looked into, one that is down is not.
func TestLook(t *testing.T) {
	w := newWorld(t, plain, "b1")
	must(t, w.Pause("b1"))
	status, body, err := w.Look("b1", "/stats?format=json")
	if err != nil || status != 200 || !strings.Contains(string(body), `"topics"`) {
		t.Errorf("paused: %d %s, %v", status, body, err)
	}
	must(t, w.Kill("b1"))
	if _, _, err := w.Look("b1", "/stats"); err == nil || !strings.Contains(err.Error(), "down") {
		t.Errorf("down: %v", err)
	}
	if _, _, err := w.Look("b9", "/stats"); err == nil || !strings.Contains(err.Error(), "b9") {
		t.Errorf("no such node: %v", err)
	}
}
