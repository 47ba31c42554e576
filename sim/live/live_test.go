package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// echoVar names the variable with the path of testdata/echo, built; TestMain sets it.
const echoVar = "NSQLAB_TEST_ECHO"

func TestMain(m *testing.M) {
	if kind := os.Getenv(ownerVar); kind != "" {
		own(kind)
	}
	os.Exit(withEcho(m))
}

func withEcho(m *testing.M) int {
	dir, err := os.MkdirTemp("", "live-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	echo := filepath.Join(dir, "echo")
	cmd := exec.Command("go", "build", "-o", echo, "./testdata/echo")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	os.Setenv(echoVar, echo)
	return m.Run()
}

// stubs launches nodes that are a few goroutines: echoes, whose operations may be slow.
type stubs struct {
	slow time.Duration       // how long kill takes
	talk func(conn net.Conn) // what the server of a connection does; nil echoes
}

func (l stubs) prepare(_ context.Context, s spec) (daemon, error) {
	return &stub{spec: s, stubs: l}, nil
}

func (stubs) Close() error { return nil }

func (stubs) host(context.Context) (string, error) { return loopback, nil }

type stub struct {
	spec
	stubs
	mu    sync.Mutex
	open  []io.Closer // guarded by mu
	lives bool        // guarded by mu
}

func (s *stub) start(context.Context) error {
	tcp, err := net.Listen("tcp", address(s.tcp))
	if err != nil {
		return err
	}
	web, err := net.Listen("tcp", address(s.http))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Method+" "+r.URL.Path)
	})}
	s.open, s.lives = []io.Closer{tcp, server}, true
	go server.Serve(web)
	go s.accept(tcp)
	return nil
}

func (s *stub) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open = append(s.open, conn)
		s.mu.Unlock()
		if s.talk != nil {
			go s.talk(conn)
			continue
		}
		go func() {
			defer conn.Close()
			io.Copy(conn, conn)
		}()
	}
}

func (s *stub) kill(ctx context.Context) error {
	s.end()
	return wait(ctx, s.slow)
}

func (s *stub) stop(ctx context.Context) error { return s.kill(ctx) }

func (s *stub) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		c.Close()
	}
	s.open, s.lives = nil, false
}

func (s *stub) configure(_ context.Context, as spec, binary string) error {
	s.spec = as
	return nil
}

func (s *stub) pause(context.Context) error  { return errors.ErrUnsupported }
func (s *stub) resume(context.Context) error { return errors.ErrUnsupported }
func (s *stub) log(context.Context) string   { return "a line" }

func (s *stub) alive(context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lives
}

func (s *stub) remove(context.Context) error {
	s.end()
	return nil
}

// newCluster is one of the nodes named, closed at the end of the test.
func newCluster(t *testing.T, l Launcher, names ...string) *Cluster {
	t.Helper()
	var nodes []sim.Node
	for _, n := range names {
		nodes = append(nodes, sim.Node{Name: n})
	}
	c, err := New(l, nodes, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// runUntil lets the cluster live until done, and fails the test if that takes too long.
func runUntil(t *testing.T, c *Cluster, what string, done func() bool) {
	t.Helper()
	for limit := c.Now() + 20*time.Second; !done(); c.Run(5 * time.Millisecond) {
		if c.Now() > limit {
			t.Fatalf("waited too long for: %s", what)
		}
	}
}

// eventually waits for done without a cluster.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited too long for: %s", what)
		}
	}
}

// A caller is an endpoint that says what it is told to and keeps what it hears. It has no lock: the turn guards it.
type caller struct {
	wake    func()
	out, in []byte
	asked   int           // calls of Transmit
	gone    int           // calls of Disconnect
	ended   bool          // the peer will send no more
	hear    func()        // called when something came
	due     time.Time     // when to time out
	timed   time.Duration // how late that was
	leaves  bool
}

func dial(t *testing.T, c *Cluster, from, node string) *caller {
	t.Helper()
	p := &caller{}
	if err := c.Dial(from, node, p.open); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *caller) open(_ time.Time, wake func()) wire.Endpoint {
	p.wake = wake
	return p
}

// say sends the text, now or when the connection stands.
func (p *caller) say(text string) {
	p.out = append(p.out, text...)
	p.wake()
}

func (p *caller) Receive(_ time.Time, b []byte) (int, error) {
	p.in = append(p.in, b...)
	p.ended = p.ended || len(b) == 0
	if p.hear != nil {
		p.hear()
	}
	return len(b), nil
}

func (p *caller) Transmit(spare []byte) []byte {
	p.asked++
	out := p.out
	p.out = spare[:0]
	return out
}

func (p *caller) NextTimeout() time.Time { return p.due }

func (p *caller) HandleTimeout(now time.Time) error {
	if !p.due.IsZero() && !now.Before(p.due) {
		p.timed = now.Sub(p.due)
		p.due = time.Time{}
	}
	if p.leaves {
		return io.EOF
	}
	return nil
}

// hangUp ends the connection from the client's end.
func (p *caller) hangUp() {
	p.leaves, p.due = true, time.Now()
	p.wake()
}

func (p *caller) Disconnect(time.Time) { p.gone++ }
