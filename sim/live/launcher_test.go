package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// publish has the caller publish a message.
func publish(p *caller) {
	p.say("PUB orders\n" + string(binary.BigEndian.AppendUint32(nil, 5)) + "hello")
}

// published counts the OKs that came.
func (p *caller) published() int { return strings.Count(string(p.in), "OK") }

// ask gives the answer to an HTTP request, or an error's text.
func ask(t *testing.T, c *Cluster, node, path string) (answer string, err error) {
	t.Helper()
	done := false
	c.Request(node, http.MethodGet, path, func(status int, body []byte, e error) {
		done, answer, err = true, string(body), e
		if e == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", status, body)
		}
	})
	runUntil(t, c, "an answer", func() bool { return done })
	return answer, err
}

// during calls f in a callback.
func during(c *Cluster, f func() error) (err error) {
	c.At(c.Now(), func() { err = f() })
	c.Run(0)
	return err
}

func TestEveryLauncher(t *testing.T) {
	for _, kind := range []string{"in-process", "process", "container"} {
		t.Run(kind, func(t *testing.T) {
			launcher, space := useLauncher(t, kind, "")
			c, err := New(launcher, []sim.Node{{Name: "b1", Args: []string{"--msg-timeout=2s"}}, {Name: "b2"}}, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			testKill(t, c)
			testStop(t, c)
			testConfigure(t, c, kind)
			if kind == "in-process" {
				if err := during(c, func() error { return c.Pause("b1") }); !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("pause: %v", err)
				}
			} else {
				testPause(t, c)
			}
			folder := space.folder
			if left := traces(t, kind, folder); len(left) < 2 {
				t.Errorf("only %q while it lives", left)
			}
			volumes := volumesOf(t, kind, folder)
			p := dial(t, c, "client", "b1")
			c.Run(10 * time.Millisecond)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if p.gone != 1 {
				t.Errorf("a client was disconnected %d times", p.gone)
			}
			checkVolumes(t, volumes)
			if homes, _ := filepath.Glob(filepath.Join(folder, "b*")); len(homes) > 0 {
				t.Errorf("Close leaves %q", homes)
			}
			if err := launcher.Close(); err != nil {
				t.Error(err)
			}
			if left := traces(t, kind, folder); len(left) > 0 {
				t.Errorf("the launcher leaves %q", left)
			}
		})
	}
}

func testKill(t *testing.T, c *Cluster) {
	p, other := dial(t, c, "client", "b1"), dial(t, c, "client", "b2")
	for _, p := range []*caller{p, other} {
		p.say("  V2")
		publish(p)
	}
	runUntil(t, c, "two OKs", func() bool { return p.published() == 1 && other.published() == 1 })
	address := c.nodes[0].tcp
	if err := during(c, func() error { return c.Kill("b1") }); err != nil {
		t.Fatal(err)
	}
	runUntil(t, c, "a disconnection", func() bool { return p.gone == 1 })
	if err := c.Kill("b1"); err == nil {
		t.Error("killed twice")
	}
	if _, err := ask(t, c, "b1", "/ping"); err == nil {
		t.Error("a killed node answers")
	}
	if answer, err := ask(t, c, "b2", "/ping"); answer != "OK" || err != nil {
		t.Errorf("the other node answers %q, %v", answer, err)
	}
	refused := dial(t, c, "client", "b1")
	runUntil(t, c, "a refusal", func() bool { return refused.gone == 1 })
	if refused.asked != 0 {
		t.Errorf("asked %d times for bytes", refused.asked)
	}
	if err := during(c, func() error { return c.Start("b1") }); err != nil {
		t.Fatal(err)
	}
	if err := c.Start("b1"); err == nil || c.nodes[0].tcp != address {
		t.Error("started twice, or elsewhere")
	}
	again := dial(t, c, "client", "b1")
	again.say("  V2")
	publish(again)
	publish(other)
	runUntil(t, c, "two more OKs", func() bool { return again.published() == 1 && other.published() == 2 })
}

func testStop(t *testing.T, c *Cluster) {
	p := dial(t, c, "client", "b1")
	p.say("  V2")
	publish(p)
	runUntil(t, c, "an OK", func() bool { return p.published() == 1 })
	if err := during(c, func() error { return c.Stop("b1") }); err != nil {
		t.Fatal(err)
	}
	runUntil(t, c, "a disconnection", func() bool { return p.gone == 1 })
	if log := c.nodes[0].daemon.log(t.Context()); !strings.Contains(log, "bye") {
		t.Errorf("the last lines of a stopped node are\n%s", log)
	}
	if _, err := ask(t, c, "b1", "/ping"); err == nil || c.Stop("b1") == nil {
		t.Error("a stopped node answers, or is stopped again")
	}
	if err := during(c, func() error { return c.Start("b1") }); err != nil {
		t.Fatal(err)
	}
	if answer, err := ask(t, c, "b1", "/ping"); answer != "OK" || err != nil {
		t.Errorf("started again it answers %q, %v", answer, err)
	}
}

func testPause(t *testing.T, c *Cluster) {
	p := dial(t, c, "client", "b1")
	p.say("  V2")
	publish(p)
	runUntil(t, c, "an OK", func() bool { return p.published() == 1 })
	if err := during(c, func() error { return c.Pause("b1") }); err != nil {
		t.Fatal(err)
	}
	publish(p)
	if _, err := ask(t, c, "b1", "/ping"); err == nil {
		t.Error("a paused node answers")
	}
	if p.published() != 1 || p.gone != 0 {
		t.Errorf("from a paused node: %d OKs, %d disconnections", p.published(), p.gone)
	}
	if err := c.Pause("b1"); err == nil {
		t.Error("paused twice")
	}
	if err := during(c, func() error { return c.Resume("b1") }); err != nil {
		t.Fatal(err)
	}
	runUntil(t, c, "the OK", func() bool { return p.published() == 2 })
	for _, op := range []func(string) error{c.Pause, c.Kill, c.Start} {
		if err := op("b1"); err != nil {
			t.Fatal(err)
		}
	}
	runUntil(t, c, "a disconnection", func() bool { return p.gone == 1 })
	if answer, err := ask(t, c, "b1", "/ping"); answer != "OK" || err != nil {
		t.Errorf("killed while paused, and started, it answers %q, %v", answer, err)
	}
}

func TestADiskOutlivesAKill(t *testing.T) {
	for _, kind := range []string{"process", "container"} {
		t.Run(kind, func(t *testing.T) {
			launcher, _ := useLauncher(t, kind, os.Getenv(echoVar))
			c := newCluster(t, launcher, "b1")
			if err := errors.Join(c.Kill("b1"), c.Start("b1")); err != nil {
				t.Fatal(err)
			}
			if starts, err := ask(t, c, "b1", "/starts"); starts != "2" || err != nil {
				t.Errorf("started %q times, %v", starts, err)
			}
		})
	}
}

func TestANodeThatDoesNotStart(t *testing.T) {
	for _, kind := range []string{"process", "container"} {
		t.Run(kind, func(t *testing.T) {
			launcher, _ := useLauncher(t, kind, os.Getenv(echoVar))
			begun := time.Now()
			_, err := New(launcher, []sim.Node{{Name: "b1"}, {Name: "b2", Args: []string{"--fail=it rains"}}}, 1)
			if err == nil || !strings.Contains(err.Error(), "start b2") || !strings.Contains(err.Error(), "it rains") {
				t.Errorf("the error is: %v", err)
			}
			if took := time.Since(begun); took > startTimeout {
				t.Errorf("that took %v", took)
			}
		})
	}
	t.Run("in-process", func(t *testing.T) {
		launcher, _ := useLauncher(t, "in-process", "")
		_, err := New(launcher, []sim.Node{{Name: "b1", Args: []string{"--no-such-flag"}}}, 1)
		if err == nil || !strings.Contains(err.Error(), "no-such-flag") {
			t.Errorf("the error is: %v", err)
		}
	})
}

func TestANodeThatEndsByItself(t *testing.T) {
	launcher, _ := useLauncher(t, "process", os.Getenv(echoVar))
	c := newCluster(t, launcher, "b1")
	d := c.nodes[0].daemon.(*process)
	if err := d.kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Kill("b1"); err == nil || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("the error is: %v", err)
	}
	if err := c.Start("b1"); err != nil {
		t.Error(err)
	}
}

func TestNsqdIsBuiltOnce(t *testing.T) {
	launcher, space := useLauncher(t, "process", "")
	var built []time.Time
	for range 2 {
		newCluster(t, launcher, "b1")
		info, err := os.Stat(filepath.Join(space.folder, "nsqd"))
		if err != nil {
			t.Fatal(err)
		}
		built = append(built, info.ModTime())
	}
	if !built[0].Equal(built[1]) {
		t.Errorf("built at %v", built)
	}
}

func TestABinaryThatIsNone(t *testing.T) {
	launcher, _ := useLauncher(t, "process", filepath.Join(t.TempDir(), "nsqd"))
	if _, err := New(launcher, []sim.Node{{Name: "b1"}}, 1); err == nil {
		t.Error("no error")
	}
}

func TestAClosedLauncher(t *testing.T) {
	launcher, _ := useLauncher(t, "process", os.Getenv(echoVar))
	if err := launcher.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := New(launcher, []sim.Node{{Name: "b1"}}, 1); err == nil {
		t.Error("no error")
	}
}

func TestPortsAreKept(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		p, err := reservePort()
		if err != nil {
			t.Fatal(err)
		}
		defer p.release()
		if seen[p.number] {
			t.Fatalf("port %d is kept twice", p.number)
		}
		seen[p.number] = true
		l, err := net.Listen("tcp", address(p.number))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}

// TestClusterKeepsItsLauncher: the folder of a launcher that only its cluster holds stays as long as that.
func TestClusterKeepsItsLauncher(t *testing.T) {
	c, err := New(InProcess(), []sim.Node{{Name: "b1"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 5 {
		runtime.GC() // one to find what nobody holds, another to have let go of it
		c.Run(20 * time.Millisecond)
		for _, step := range []func(string) error{c.Kill, c.Start} {
			if err := step("b1"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
