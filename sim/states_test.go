package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A stateScene is a broker b1 that knows an nsqlookupd if it is so asked, and what a test does there.
type stateScene struct {
	t *testing.T
	w *World
}

// client connects one at once.
func (s *stateScene) client(h client.Handler) (c *client.Conn) {
	must(s.t, s.w.Dial("c", "b1", func(now time.Time, wake func()) wire.Endpoint {
		c = client.New(now, client.Options{ClientID: "c"}, h, wake)
		return c
	}))
	return c
}

// producer is a client that has come to be.
func (s *stateScene) producer() *client.Conn {
	c := s.client(client.Handler{})
	s.w.Run(10 * ms)
	return c
}

// consumer is one of t/c that takes so many messages, and finishes them if it should.
func (s *stateScene) consumer(ready int, finish bool) (c *client.Conn) {
	h := client.Handler{Message: func(_ time.Time, m wire.Message) {
		if finish {
			c.Finish(m.ID, nil)
		}
	}}
	c = s.client(h)
	c.Subscribe("t", "c", nil)
	c.Ready(ready)
	s.w.Run(10 * ms)
	return c
}

func (s *stateScene) post(path string) {
	s.w.Request("b1", "POST", path, func(status int, _ []byte, err error) {
		if err != nil || status != 200 {
			s.t.Errorf("POST %s: %d, %v", path, status, err)
		}
	})
	s.w.Run(0)
}

// stateCases have a broker come to be in states, one that syncs what it writes if they do not say otherwise.
var stateCases = []struct {
	name  string
	flags string
	do    func(s *stateScene)
	want  string
}{
	{"nothing", "", func(s *stateScene) {}, "idle"},
	{"killed", "", func(s *stateScene) { must(s.t, s.w.Kill("b1")) }, "down"},
	{"paused", "", func(s *stateScene) { must(s.t, s.w.Pause("b1")) }, "paused"},
	{"started again", "", func(s *stateScene) { must(s.t, s.w.Kill("b1")); must(s.t, s.w.Start("b1")); s.w.Run(time.Second - 1) }, "starting"},
	{"started a while ago", "", func(s *stateScene) { must(s.t, s.w.Kill("b1")); must(s.t, s.w.Start("b1")); s.w.Run(time.Second) }, "idle"},
	{"a wrong clock", "", func(s *stateScene) { _, err := s.w.Skew("b1", Skew{Offset: 1}); must(s.t, err) }, "clock-wrong"},
	{"a harmed disk", "", func(s *stateScene) { s.w.node("b1").disk.Slow(1) }, "disk-harmed"},
	{"a client that dials", "", func(s *stateScene) { s.client(client.Handler{}) }, "connecting"},
	{"a client", "", func(s *stateScene) { s.producer() }, "idle"},
	{"a publication that is synced", "", func(s *stateScene) {
		s.consumer(0, false)
		p := s.producer()
		p.Publish("t", []byte("x"), nil)
		s.w.Run(1500 * time.Microsecond)
	}, "syncing unsynced unsynced-journal rolled unanswered backlog"},
	{"its answer on its way", "", func(s *stateScene) {
		s.consumer(0, false)
		p := s.producer()
		p.Publish("t", []byte("x"), nil)
		s.w.Run(3500 * time.Microsecond)
	}, "answering backlog"},
	{"answered", "", func(s *stateScene) {
		s.consumer(0, false)
		p := s.producer()
		p.Publish("t", []byte("x"), nil)
		s.w.Run(time.Second)
	}, "backlog"},
	{"written by the operating system", "--durability=os", func(s *stateScene) {
		s.consumer(0, false)
		p := s.producer()
		s.w.Run(5 * time.Second)
		p.Publish("t", []byte("x"), nil)
		s.w.Run(time.Second)
	}, "unsynced unsynced-journal rolled backlog"},
	{"for nobody", "", func(s *stateScene) {
		p := s.producer()
		p.Publish("t", []byte("x"), nil)
		s.w.Run(time.Second)
	}, "backlog no-channel"},
	{"a message on its way", "", func(s *stateScene) {
		s.consumer(1, false)
		p := s.producer()
		p.Publish("t", []byte("x"), nil)
		s.w.Run(1500 * time.Microsecond)
	}, "syncing unsynced unsynced-journal rolled unanswered sending in-flight"},
	{"a message in flight", "", func(s *stateScene) {
		s.consumer(1, false)
		p := s.producer()
		p.Publish("t", []byte("x"), nil)
		s.w.Run(10 * time.Second)
	}, "in-flight"},
	{"a consumer that is gone", "", func(s *stateScene) {
		c := s.consumer(1, false)
		p := s.producer()
		p.Publish("t", []byte("x"), nil)
		s.w.Run(10 * time.Second)
		c.Abort()
		s.w.Run(time.Second)
	}, "unsynced-journal in-flight no-consumer"},
	{"a FIN", "--durability=os --sync-timeout=1m", func(s *stateScene) {
		s.consumer(1, true)
		p := s.producer()
		p.Publish("t", []byte("x"), nil)
		s.w.Run(time.Second)
	}, "unsynced unsynced-journal rolled"},
	{"a deferred message", "", func(s *stateScene) {
		s.consumer(1, true)
		p := s.producer()
		p.PublishDeferred("t", time.Minute, []byte("x"), nil)
		s.w.Run(10 * time.Second)
	}, "deferred"},
	{"a paused channel", "", func(s *stateScene) {
		s.consumer(1, true)
		s.post("/channel/pause?topic=t&channel=c")
		s.w.Run(10 * time.Second)
	}, "channel-paused"},
	{"a paused topic", "", func(s *stateScene) {
		s.consumer(1, true)
		s.post("/topic/pause?topic=t")
		s.w.Run(10 * time.Second)
	}, "channel-paused"},
	{"bytes that are not taken", "", func(s *stateScene) {
		p := s.producer()
		must(s.t, s.w.Pause("b1"))
		p.Publish("t", []byte("x"), nil)
		s.w.Run(time.Second)
	}, "paused receiving"},
	{"an nsqlookupd that is gone", "", func(s *stateScene) {
		must(s.t, s.w.Kill("l1"))
		s.w.Run(100 * ms)
	}, "unregistered"},
	{"a topic that may have channels elsewhere", "", func(s *stateScene) {
		must(s.t, s.w.Kill("l1"))
		s.producer().Publish("new", []byte("x"), nil)
		s.w.Run(300 * ms)
	}, "unsynced-journal backlog no-channel asking unregistered"},
}

// TestNodeStates: what a broker is in the middle of, and nothing else.
func TestNodeStates(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range stateCases {
		t.Run(c.name, func(t *testing.T) {
			b := Node{Name: "b1", Args: append([]string{"--durability=fsync"}, strings.Fields(c.flags)...)}
			nodes := []Node{b}
			if strings.Contains(c.want, "unregistered") {
				nodes[0].Lookupds = []string{"l1"}
				nodes = append([]Node{{Name: "l1", Kind: Lookupd}}, nodes...)
			}
			w, err := NewWorld(1, nodes, plain)
			must(t, err)
			w.Run(5 * time.Second)
			c.do(&stateScene{t: t, w: w})
			got := w.States("b1")
			if strings.Join(got, " ") != c.want {
				t.Errorf("its states are %q, want %q", strings.Join(got, " "), c.want)
			}
			for _, s := range got {
				seen[s] = true
			}
		})
	}
	for _, n := range NodeStates {
		point := slices.ContainsFunc(PointUsages, func(u PointUsage) bool { return string(u.Point) == n.Name })
		if !seen[n.Name] && !point && n.Name != "renamed" && n.Name != "removed" { // those come at points: TestStatesAtPoints
			t.Errorf("nothing shows the state %s", n.Name)
		}
	}
}

// TestStatesAtPoints: at a point a broker is where the disk was before or after, and holds what it held when it began.
func TestStatesAtPoints(t *testing.T) {
	for p, want := range map[Point]string{"after-rename": "renamed", "after-remove": "removed", "in-roll": "rolled", "before-sync": "syncing unsynced unanswered"} {
		s := newShop(t, "--durability=fsync", "--max-bytes-per-file=4096")
		var got []string
		_, err := s.w.Trip("b1", p, 1, func() { got = s.w.States("b1") })
		must(t, err)
		s.w.Run(5 * time.Second)
		for _, w := range append(strings.Fields(want), string(p)) {
			if !slices.Contains(got, w) {
				t.Errorf("at %s its states are %q, want %s among them", p, got, w)
			}
		}
	}
}

// TestStatesOfOthers: of an nsqlookupd, and of nobody.
func TestStatesOfOthers(t *testing.T) {
	w, err := NewWorld(1, []Node{{Name: "l1", Kind: Lookupd}, {Name: "b1", Lookupds: []string{"l1"}}}, plain)
	must(t, err)
	if got := fmt.Sprint(w.States("l1"), w.States("b1"), w.States("b9")); got != "[connecting] [connecting unregistered] []" {
		t.Errorf("the states are %s", got)
	}
	w.Run(5 * time.Second)
	if got := fmt.Sprint(w.States("l1"), w.States("b1")); got != "[idle] [idle]" {
		t.Errorf("the states are %s", got)
	}
}

// TestStateTable: names stand once, and each has its sentence.
func TestStateTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range NodeStates {
		if s.Name == "" || s.Usage == "" || seen[s.Name] || (s.is == nil) != (s.Name == idle) {
			t.Errorf("the state %q is not right, or stands twice", s.Name)
		}
		seen[s.Name] = true
	}
}
