package chaos_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// timeout is the message timeout of a broker.
func (s *scene) timeout(node string) time.Duration {
	d := newDial(s, node)
	defer d.conn.Abort()
	return d.conn.MsgTimeout()
}

// holds is how many messages of a caller's a broker holds.
func (s *scene) holds(from, node string) (n int) {
	s.t.Helper()
	s.w.Request(node, "GET", "/stats?format=json&topic="+from, func(_ int, body []byte, err error) {
		var st struct {
			Topics []struct {
				Depth int `json:"depth"`
			} `json:"topics"`
		}
		if err == nil {
			err = json.Unmarshal(body, &st)
		}
		if err != nil {
			s.t.Errorf("/stats of %s: %v", node, err)
		}
		for _, t := range st.Topics {
			n += t.Depth
		}
	})
	s.w.Run(0)
	return n
}

func restartArgs(node, flags, how string) chaos.Args {
	return chaos.Args{Names: map[string]string{"restart": node, "flags": flags, "how": how}}
}

// TestRestart: a broker is restarted with other flags, and then with its own, each time in the way that was asked for.
func TestRestart(t *testing.T) {
	for how, keeps := range map[string]bool{"stop": true, "kill": false, "powercut": false} {
		t.Run(how, func(t *testing.T) {
			s := newScene(t)
			heal := s.inflict(chaos.Restart, restartArgs("b1", "--msg-timeout=7s  --max-rdy-count=9", how))
			if kept := s.holds("shop", "b1") > 50; kept != keeps {
				t.Errorf("it kept what it had: %v", kept)
			}
			if got := s.timeout("b1"); got != 7*time.Second {
				t.Errorf("its message timeout is %s", got)
			}
			s.run(2 * time.Second)
			s.run(time.Second)
			s.quiet("shop b1", "billing b1", "shop b2", "billing b2")
			s.mend(heal)
			if got := s.timeout("b1"); got != time.Minute {
				t.Errorf("it was healed, and its message timeout is %s", got)
			}
			s.refused(chaos.Restart, "b9")
		})
	}
}

// TestRestartRefused: a broker that cannot be started as it should is started as it was.
func TestRestartRefused(t *testing.T) {
	for what, a := range map[string]chaos.Args{
		"a flag that there is not": restartArgs("b1", "--colour=red", "stop"),
		"another program":          {Names: map[string]string{"restart": "b1", "binary": "/bin/nsqd"}},
	} {
		s := newScene(t)
		f, err := chaos.Restart.New(a)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Inject(s.w)
		if err == nil || errors.Is(err, errors.ErrUnsupported) != (what == "another program") {
			t.Errorf("%s: %v", what, err)
		}
		s.run(2 * time.Second)
		s.run(time.Second)
		s.quiet("shop b1", "billing b1")
	}
}

func crashArgs(point, how string, nth int64) chaos.Args {
	return chaos.Args{Names: map[string]string{"crash": "b1", "point": point, "how": how}, Counts: map[string]int64{"nth": nth}}
}

// TestCrash: a broker ends when it comes to a point, tells so before, and is started again when the fault is over.
func TestCrash(t *testing.T) {
	for _, how := range []string{"kill", "powercut"} {
		t.Run(how, func(t *testing.T) {
			s := newScene(t)
			f, err := chaos.Crash.New(crashArgs("after-ack", how, 4))
			if err != nil {
				t.Fatal(err)
			}
			var sprung time.Duration
			heal, err := f.(chaos.Trap).Set(s.w, func() {
				sprung = s.w.Now()
				if states := s.w.States("b1"); !slices.Contains(states, "after-ack") || slices.Contains(states, "down") {
					t.Errorf("its states are %q", states)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			s.w.Run(time.Second)
			if s.callers["shop b1"].ends == 0 || sprung == 0 {
				t.Fatal("the broker was not ended")
			}
			s.run(time.Second)
			s.quiet("shop b2", "billing b2")
			s.mend(heal)
		})
	}
}

// TestCrashThatDoesNotCome: a broker that does not come to the point is left alone.
func TestCrashThatDoesNotCome(t *testing.T) {
	s := newScene(t)
	heal := s.inflict(chaos.Crash, crashArgs("after-ack", "kill", 10_000))
	s.run(time.Second)
	s.quiet("shop b1", "billing b1")
	if err := heal(); !errors.Is(err, chaos.ErrHitNothing) {
		t.Errorf("healing says %v", err)
	}
	s.w.Run(200 * time.Second) // more than that many
	if s.callers["shop b1"].ends > 0 {
		t.Error("it came to the point after the fault was over, and was ended")
	}
	s.refused(chaos.Crash, "b9")
}

// TestCrashWords: every point is a word, and nothing else.
func TestCrashWords(t *testing.T) {
	var points []string
	for _, u := range sim.PointUsages {
		points = append(points, string(u.Point))
	}
	if got := chaos.Crash.Params[1].Words; !slices.Equal(got, points) {
		t.Errorf("the words are %q, want %q", got, points)
	}
}

// TestRestartOfWhatIsDown: a broker that another fault has ended when it is to be restarted as it was is as it was once that fault is over.
func TestRestartOfWhatIsDown(t *testing.T) {
	s := newScene(t)
	heal := s.inflict(chaos.Restart, restartArgs("b1", "--msg-timeout=7s", "stop"))
	if err := s.w.Kill("b1"); err != nil {
		t.Fatal(err)
	}
	if err := heal(); err == nil {
		t.Error("it says that it was healed")
	}
	if err := s.w.Start("b1"); err != nil {
		t.Fatal(err)
	}
	if got := s.timeout("b1"); got != time.Minute {
		t.Errorf("its message timeout is %s", got)
	}
	if harms := s.w.Harms(); len(harms) > 0 {
		t.Errorf("there is still %q", harms)
	}
}
