package bench

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/server"
)

// TestMain makes this binary an nsqd when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "--tcp-address=") {
		if err := serve(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	os.Exit(m.Run())
}

func serve(args []string) error {
	cfg := server.DefaultConfig()
	fs := flag.NewFlagSet("nsqd", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	cfg.Flags(fs)
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("%w\nand then all flags", err)
	}
	d, err := server.Start(cfg)
	if err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	return d.Stop()
}

// inProcess starts a daemon of this process.
func inProcess(t *testing.T) Server {
	cfg := server.DefaultConfig()
	cfg.TCPAddress, cfg.HTTPAddress = "127.0.0.1:0", "127.0.0.1:0"
	d, err := server.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
	return Server{Name: "nsqd", Address: d.TCPAddr(), HTTP: d.HTTPAddr()}
}

// process is this binary as an nsqd, in temporary folders that the test looks at.
func process(t *testing.T) (s Server, folder string) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	t.Setenv("TMPDIR", folder)
	return Server{Name: "nsqd", Binary: binary}, folder
}

// wantEmpty wants nothing to be left.
func wantEmpty(t *testing.T, folder string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

// tiny bounds a test.
func tiny(s Server, count int, names ...string) Config {
	all, err := Named(names)
	if err != nil {
		panic(err)
	}
	return Config{Servers: []Server{s}, Workloads: all, Rounds: 1, For: 50 * time.Millisecond, Size: 100, Count: count}
}

// TestWorkloads plays each of them on a daemon that runs, and none leaves a topic there.
func TestWorkloads(t *testing.T) {
	if testing.Short() {
		t.Skip("plays every workload")
	}
	s := inProcess(t)
	for _, w := range Workloads {
		t.Run(w.Name, func(t *testing.T) {
			rep, err := Run(t.Context(), tiny(s, 400, w.Name))
			if err != nil {
				t.Fatal(err)
			}
			r := rep.Results[0]
			idle := w.count > 0 && (strings.HasPrefix(w.Name, "idle") || strings.HasPrefix(w.Name, "topics"))
			switch {
			case r.Seconds <= 0 || r.Usage != nil || r.Workload != w.Name || r.Round != 1:
				t.Errorf("result %+v", r)
			case idle && (r.Held != 400 || r.Messages != 0 || r.Latency != nil):
				t.Errorf("result of what is idle: %+v", r)
			case !idle && (r.Messages == 0 || r.Messages > 400):
				t.Errorf("%d messages", r.Messages)
			case !idle && w.Name != "drain" && (r.Latency == nil || r.Latency.Max <= 0):
				t.Errorf("latency %+v", r.Latency)
			}
		})
	}
	if topics := get(t, "http://"+s.HTTP+"/stats?format=json"); !strings.Contains(topics, `"topics":[]`) {
		t.Errorf("left: %s", topics)
	}
}

func get(t *testing.T, url string) string {
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSizes plays the loops with bodies from the least to the largest, when windows and batches must shrink.
func TestSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("plays large bodies")
	}
	s := inProcess(t)
	for _, size := range []int{minSize, 16 << 10, maxSize} {
		c := tiny(s, 250, "pub-pipelined", "mpub", "pubsub-mpub")
		c.Size, c.Count = size, min(1000, 200<<20/size)
		if _, err := Run(t.Context(), c); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestCompared measures two processes, which take turns, and knows what they took.
func TestCompared(t *testing.T) {
	s, folder := process(t)
	other := s
	other.Name, other.Flags = "vs", []string{"--max-rdy-count=5000"}
	c := tiny(s, 1000, "pub-1")
	c.Servers, c.Rounds = []Server{s, other}, 2
	var told []string
	c.Progress = func(r Result) { told = append(told, fmt.Sprint(r.Server, r.Round)) }
	rep, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told, " "); got != "nsqd1 vs1 nsqd2 vs2" {
		t.Errorf("in the order %s", got)
	}
	for _, r := range rep.Results {
		if u := r.Usage; u == nil || u.CPU <= 0 || u.RSS <= 0 || u.PeakRSS < u.RSS {
			t.Errorf("usage %+v", u)
		}
	}
	rows := rep.Summary()
	if len(rows) != 3 || rows[2].Server != ratioName || rows[2].Figures["cpu_seconds_per_million"].Median <= 0 {
		t.Errorf("summary %+v", rows)
	}
	wantEmpty(t, folder)
}

func TestServerFails(t *testing.T) {
	s, folder := process(t)
	for _, c := range []struct {
		flag, want string
	}{
		{"--no-such-flag=fsync", "was started with --no-such-flag=fsync and ended by itself: exit status 2: flag provided but not defined: -no-such-flag"},
		{"--max-deflate-level=99", "ended by itself: exit status 2: --max-deflate-level must be [1,9]"},
		{"--max-msg-size=50", "the server answered E_BAD_MESSAGE PUB message too big 100 > 50"},
	} {
		s.Flags = []string{c.flag}
		_, err := Run(t.Context(), tiny(s, 10, "pub-1"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %s: %v, want %s", c.flag, err, c.want)
		}
	}
	wantEmpty(t, folder)
}

// TestInterrupted ends in the middle of each kind of waiting, and leaves no process and no folder.
func TestInterrupted(t *testing.T) {
	for _, name := range []string{"pub-16", "pubsub", "open-1k", "idle-1k", "deferred-1m"} {
		s, folder := process(t)
		ctx, cancel := context.WithCancel(t.Context())
		c := tiny(s, 0, "pub-pipelined", name)
		second := c.Workloads[1].run
		c.Workloads[1].run = func(l *load) error {
			l.lasts = time.Hour
			time.AfterFunc(100*time.Millisecond, cancel)
			return second(l)
		}
		rep, err := Run(ctx, c)
		if !errors.Is(err, context.Canceled) || len(rep.Results) != 1 {
			t.Errorf("%s: %v with %d results", name, err, len(rep.Results))
		}
		cancel()
		wantEmpty(t, folder)
	}
}

func TestValidate(t *testing.T) {
	good := Config{Servers: []Server{{Name: "nsqd", Address: "127.0.0.1:1"}}, Workloads: Quick(), Rounds: 1, For: time.Second, Size: 100}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Config){
		"no server":         func(c *Config) { c.Servers = nil },
		"three":             func(c *Config) { c.Servers = append(c.Servers, c.Servers[0], c.Servers[0]) },
		"no workload":       func(c *Config) { c.Workloads = nil },
		"no round":          func(c *Config) { c.Rounds = 0 },
		"no time":           func(c *Config) { c.For = 0 },
		"too long":          func(c *Config) { c.For = 2 * maxFor },
		"too small":         func(c *Config) { c.Size = minSize - 1 },
		"too large":         func(c *Config) { c.Size = maxSize + 1 },
		"a negative count":  func(c *Config) { c.Count = -1 },
		"no port":           func(c *Config) { c.Servers = []Server{{Address: "localhost"}} },
		"flags for nobody":  func(c *Config) { c.Servers = []Server{{Address: "127.0.0.1:1", Flags: []string{"-x"}}} },
		"a missing binary":  func(c *Config) { c.Servers = []Server{{Binary: "./nothere"}} },
		"HTTP of a process": func(c *Config) { c.Servers = []Server{{HTTP: "127.0.0.1:1"}} },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestLost wants a measurement to fail that misses a message, and to say so.
func TestLost(t *testing.T) {
	f := newFlow()
	f.add(3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := f.wait(ctx, 4); err == nil || !strings.Contains(err.Error(), "3 of 4 messages came") {
		t.Error(err)
	}
	if err := f.waitOr(t.Context(), 4, time.Millisecond); err != nil {
		t.Error(err)
	}
}

func TestFlow(t *testing.T) {
	f := newFlow()
	waiting := make(chan struct{})
	go func() {
		<-waiting
		for range 1000 {
			f.add(1)
		}
	}()
	close(waiting)
	for n := 1; n <= 1000; n++ {
		if _, err := f.wait(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if waited, _ := f.wait(t.Context(), 1000); waited {
		t.Error("waited for what was there")
	}
}

// TestCommands reads the bytes of the commands back.
func TestCommands(t *testing.T) {
	p := &producer{command: dpub("t", 8), copies: bytes.Repeat(dpub("t", 8).bytes, 2)}
	p.postpone(1, 5*time.Millisecond, 1234*time.Millisecond+time.Microsecond)
	want := "DPUB t 0000000000\n\x00\x00\x00\x08xxxxxxxxDPUB t 0000001234\n\x00\x00\x00\x08\x00\x00\x00\x00I\xd9\xa3\xc0"
	if got := string(p.copies); got != want {
		t.Errorf("DPUB\n%q, want\n%q", got, want)
	}
	for _, c := range []struct {
		messages int
		want     string
	}{
		{1, "PUB t\n\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x07x"},
		{2, "MPUB t\n\x00\x00\x00\x1e\x00\x00\x00\x02\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x07x\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x07x"},
	} {
		p := &producer{command: pub("t", c.messages, 9)}
		p.copies = p.command.bytes
		p.stamp(0, 7)
		if got := string(p.copies); got != c.want {
			t.Errorf("%d messages\n%q, want\n%q", c.messages, got, c.want)
		}
	}
	if c := pub("t", 200, 1<<20); c.messages != 4 || len(c.bytes) > maxBody+20 {
		t.Errorf("an MPUB of %d messages, %d bytes", c.messages, len(c.bytes))
	}
}
