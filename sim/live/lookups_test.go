package live

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// fetched is the answer to a client's HTTP request, and how long it took.
func fetched(t *testing.T, c *Cluster, from, node, path string) (answer string, took time.Duration) {
	t.Helper()
	began := c.Now()
	c.Fetch(from, node, http.MethodGet, path, func(status int, body []byte, err error) {
		if answer, took = fmt.Sprint(status, " ", string(body)), c.Now()-began; err != nil {
			answer = "failed: " + err.Error()
		}
	})
	runUntil(t, c, "an answer", func() bool { return answer != "" })
	return answer, took
}

// TestLookups: on every launcher a broker registers with an nsqlookupd over a link that rules judge, and again when that comes back.
func TestLookups(t *testing.T) {
	for _, kind := range []string{"in-process", "process", "container"} {
		t.Run(kind, func(t *testing.T) {
			launcher, _ := useLauncher(t, kind, "")
			c, err := New(launcher, []sim.Node{
				{Name: "b1", Lookupds: []string{"l1"}},
				{Name: "l1", Kind: sim.Lookupd, Args: []string{"--inactive-producer-timeout=30s"}},
				{Name: "b2", Lookupds: []string{"l1"}},
			}, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			registers(t, c)
			discovers(t, c)
		})
	}
}

// registers has b1 register a topic, at first, through a link that was cut and after a kill.
func registers(t *testing.T, c *Cluster) {
	t.Helper()
	has := func(want string) {
		t.Helper()
		found := ""
		runUntil(t, c, "l1 tells of "+want, func() bool {
			found, _ = fetched(t, c, "client", "l1", "/lookup?topic=orders")
			return strings.Contains(found, want)
		})
	}
	p := dial(t, c, "client", "b1")
	p.say("  V2")
	publish(p)
	has(`"broadcast_address":"b1"`)
	if err := during(c, func() error { return c.Kill("l1") }); err != nil {
		t.Fatal(err)
	}
	if answer, _ := fetched(t, c, "client", "l1", "/ping"); !strings.HasPrefix(answer, "failed: ") {
		t.Errorf("an nsqlookupd that was killed answers %s", answer)
	}
	var held atomic.Int64
	remove := addRule(t, c, "b1", "l1", func(sim.Chunk) sim.Fate { held.Add(1); return sim.Fate{Hold: true} })
	if err := during(c, func() error { return c.Start("l1") }); err != nil {
		t.Fatal(err)
	}
	runUntil(t, c, "b1 dials", func() bool { return held.Load() > 0 })
	if answer, _ := fetched(t, c, "client", "l1", "/lookup?topic=orders"); !strings.HasPrefix(answer, "404 ") {
		t.Errorf("b1 cannot be known, and it is answered %s", answer)
	}
	remove()
	has(`"broadcast_address":"b1"`)
}

// discovers has a topic of b2 told of a channel of b1, once b2 can ask.
func discovers(t *testing.T, c *Cluster) {
	t.Helper()
	p := dial(t, c, "client", "b1")
	p.say("  V2SUB orders billing\n")
	runUntil(t, c, "l1 knows the channel", func() bool {
		answer, _ := fetched(t, c, "client", "l1", "/channels?topic=orders")
		return strings.Contains(answer, "billing")
	})
	var asked atomic.Bool
	remove := addRule(t, c, "b2", "l1", func(chunk sim.Chunk) sim.Fate {
		if strings.HasPrefix(string(chunk.Data), "GET /channels?topic=orders") {
			asked.Store(true)
			return sim.Fate{Reset: true}
		}
		return sim.Fate{}
	})
	other := dial(t, c, "client", "b2")
	other.say("  V2")
	publish(other)
	runUntil(t, c, "b2 asks", func() bool { return asked.Load() })
	if st, err := ask(t, c, "b2", "/stats?format=json"); err != nil || strings.Contains(st, "billing") {
		t.Errorf("b2 was told nothing, and has %s (%v)", st, err)
	}
	remove()
	runUntil(t, c, "b2 has the channel", func() bool {
		st, err := ask(t, c, "b2", "/stats?format=json")
		return err == nil && strings.Contains(st, "billing")
	})
}

// TestFetch: its bytes go over the link of who asks, and it ends in time whatever becomes of them.
func TestFetch(t *testing.T) {
	c := newCluster(t, stubs{}, "b1")
	addRule(t, c, "other", "b1", func(sim.Chunk) sim.Fate { return sim.Fate{Reset: true} })
	if answer, _ := fetched(t, c, "client", "b1", "/x?y=z"); answer != "200 GET /x" {
		t.Errorf("the answer is %s", answer)
	}
	if answer, _ := fetched(t, c, "other", "b1", "/x"); !strings.HasPrefix(answer, "failed: ") {
		t.Errorf("over a link that is reset the answer is %s", answer)
	}
	remove := addRule(t, c, "b1", "client", func(sim.Chunk) sim.Fate { return sim.Fate{Delay: 100 * time.Millisecond} })
	if answer, took := fetched(t, c, "client", "b1", "/x"); answer != "200 GET /x" || took < 200*time.Millisecond {
		t.Errorf("over a slow link the answer is %s after %v", answer, took)
	}
	remove()
	addRule(t, c, "client", "", func(chunk sim.Chunk) sim.Fate { return sim.Fate{Hold: !chunk.Opening} })
	if answer, took := fetched(t, c, "client", "b1", "/x"); !strings.HasPrefix(answer, "failed: ") || took < sim.FetchTime {
		t.Errorf("over a link that holds the answer is %s after %v", answer, took)
	}
	if answer, _ := fetched(t, c, "client", "b9", "/x"); !strings.HasPrefix(answer, "failed: ") {
		t.Errorf("a node that is not there answers %s", answer)
	}
}

// TestUnknownLookupd: a broker cannot know an nsqlookupd that is not there.
func TestUnknownLookupd(t *testing.T) {
	if c, err := New(stubs{}, []sim.Node{{Name: "b1", Lookupds: []string{"l1"}}}, 1); err == nil {
		c.Close()
		t.Error("it was made")
	}
}
