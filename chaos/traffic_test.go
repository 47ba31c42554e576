package chaos_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

const (
	ms   = time.Millisecond
	rest = 2 * ms // what a publish and its answer take without faults
)

// A caller is a client that publishes at each beat to a topic of its own, and notes how long the answers take.
type caller struct {
	t     *testing.T
	w     *sim.World
	from  string
	node  string
	size  int
	every time.Duration
	conn  *client.Conn // nil while there is none
	sent  int
	took  []time.Duration
	lost  int // publishes without an answer when their connection ended
	ends  int // of connections
}

// A scene is a world of two brokers, which keep messages in memory, and the callers shop and billing at each.
type scene struct {
	t       *testing.T
	w       *sim.World
	callers map[string]*caller // by "shop b1" and the like
}

func newScene(t *testing.T) *scene {
	memory := []string{"--durability=memory"}
	w, err := sim.NewWorld(1, []sim.Node{{Name: "b1", Args: memory}, {Name: "b2", Args: memory}}, sim.Links{Delay: ms})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, w: w, callers: map[string]*caller{}}
	for _, from := range []string{"shop", "billing"} {
		for _, node := range w.Nodes() {
			c := &caller{t: t, w: w, from: from, node: node, size: 10, every: 10 * ms}
			s.callers[from+" "+node] = c
			c.dial()
			w.At(w.Now()+10*ms, c.beat)
		}
	}
	w.Run(time.Second + 5*ms) // so that nothing is on its way
	s.quiet("shop b1", "billing b1", "shop b2", "billing b2")
	return s
}

func (c *caller) dial() {
	h := client.Handler{Closed: func(time.Time, error) {
		c.conn = nil
		c.ends++
		c.w.At(c.w.Now()+20*ms, c.dial)
	}}
	err := c.w.Dial(c.from, c.node, func(now time.Time, wake func()) wire.Endpoint {
		c.conn = client.New(now, client.Options{}, h, wake)
		return c.conn
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *caller) beat() {
	c.w.At(c.w.Now()+c.every, c.beat)
	if c.conn == nil {
		return
	}
	begin := c.w.Now()
	c.sent++
	c.conn.Publish(c.from, make([]byte, c.size), func(_ time.Time, r client.Result) {
		if r.Fate == client.Done {
			c.took = append(c.took, c.w.Now()-begin)
		} else {
			c.lost++
		}
	})
}

// run lets d pass and forgets what was noted before.
func (s *scene) run(d time.Duration) {
	for _, c := range s.callers {
		c.sent, c.took, c.lost, c.ends = 0, nil, 0, 0
	}
	s.w.Run(d)
}

// quiet checks that these callers are as without faults.
func (s *scene) quiet(names ...string) {
	s.t.Helper()
	for _, name := range names {
		c := s.callers[name]
		if len(c.took) < 50 || slices.Min(c.took) != rest || slices.Max(c.took) != rest || c.lost+c.ends > 0 || c.sent > len(c.took)+1 {
			s.t.Errorf("%s is not as without faults: %s", name, c)
		}
	}
}

func (c *caller) String() string {
	if len(c.took) == 0 {
		return fmt.Sprintf("sent %d, no answer, %d lost, %d ends", c.sent, c.lost, c.ends)
	}
	return fmt.Sprintf("sent %d, %d answers took %v to %v, %d lost, %d ends", c.sent, len(c.took), slices.Min(c.took), slices.Max(c.took), c.lost, c.ends)
}

// published is how many messages a node has taken from a caller.
func (s *scene) published(from, node string) (n int) {
	s.t.Helper()
	s.w.Request(node, "GET", "/stats?format=json", func(_ int, body []byte, err error) {
		var st struct {
			Topics []struct {
				Name     string `json:"topic_name"`
				Messages int    `json:"message_count"`
			} `json:"topics"`
		}
		if err == nil {
			err = json.Unmarshal(body, &st)
		}
		if err != nil {
			s.t.Errorf("/stats of %s: %v", node, err)
		}
		for _, t := range st.Topics {
			if t.Name == from {
				n = t.Messages
			}
		}
	})
	s.w.Run(0)
	return n
}

// args are a fault's words as a scenario has them.
func args(names map[string]string, durations map[string]time.Duration, rates map[string]float64) chaos.Args {
	return chaos.Args{Names: names, Durations: durations, Rates: rates}
}

// inflict makes a fault and injects it.
func (s *scene) inflict(k chaos.Kind, a chaos.Args) (heal func() error) {
	s.t.Helper()
	f, err := k.New(a)
	if err != nil {
		s.t.Fatal(err)
	}
	heal, err = f.Inject(s.w)
	if err != nil {
		s.t.Fatal(err)
	}
	return heal
}

// mend heals, lets what was on its way come, and checks that all is as before.
func (s *scene) mend(heal func() error) {
	s.t.Helper()
	if err := heal(); err != nil {
		s.t.Errorf("healing: %v", err)
	}
	s.run(2 * time.Second)
	s.run(time.Second)
	s.quiet("shop b1", "billing b1", "shop b2", "billing b2")
}
