package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/sim"
)

const (
	startTimeout   = 10 * time.Second // from start to the first answer
	patience       = 30 * time.Second // for any other operation on a node
	pingInterval   = 20 * time.Millisecond
	requestTimeout = 2 * time.Second
	maxBody        = 16 << 20 // of an answer, in bytes
	loopback       = "127.0.0.1"
)

// state is what a node was last made to be.
type state string

const (
	down   state = "down"
	up     state = "up"
	paused state = "paused"
)

// A node is a daemon, its ports, and its state.
type node struct {
	spec
	ports    []*port
	lookupds []string // nodes that it registers with

	mu     sync.Mutex // held over every operation
	daemon daemon     // nil until prepared; guarded by mu
	state  state      // guarded by mu
}

// newNode keeps two ports for it. It tells others its name for its address: they find it by that.
func newNode(s sim.Node) (*node, error) {
	args := []string{"--broadcast-address=" + s.Name}
	if s.Kind == sim.Broker {
		id := broker.DefaultOptions(s.Name).NodeID // the name's, since all have one host; its own flags may have another
		args = append(args, fmt.Sprintf("--node-id=%d", id))
	}
	n := &node{spec: spec{name: s.Name, kind: s.Kind, args: append(args, s.Args...)}, lookupds: s.Lookupds, state: down}
	for _, number := range []*int{&n.tcp, &n.http} {
		p, err := reservePort()
		if err != nil {
			n.release()
			return nil, fmt.Errorf("a port for %s: %w", s.Name, err)
		}
		n.ports = append(n.ports, p)
		*number = p.number
	}
	return n, nil
}

func (n *node) release() {
	for _, p := range n.ports {
		p.release()
	}
}

// launch prepares the node and starts it.
func (n *node) launch(ctx context.Context, l Launcher) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	d, err := l.prepare(ctx, n.spec)
	if err != nil {
		return fmt.Errorf("launch %s: %w", n.name, err)
	}
	n.daemon = d
	return n.bringUp(ctx)
}

func (n *node) start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.expect("start", down); err != nil {
		return err
	}
	return n.bringUp(ctx)
}

// bringUp starts the daemon and waits for its answer; without one the node is down again. mu is held.
func (n *node) bringUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer to /ping within %v", startTimeout))
	defer cancel()
	err := n.daemon.start(ctx)
	if err == nil {
		err = n.awaitAnswer(ctx)
	}
	if err == nil {
		n.state = up
		return nil
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	err = fmt.Errorf("start %s: %w%s", n.name, err, quoteLog(n.daemon.log(after)))
	if n.daemon.alive(after) {
		err = errors.Join(err, n.daemon.kill(after))
	}
	return err
}

func (n *node) awaitAnswer(ctx context.Context) error {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		status, _, err := n.request(ctx, http.MethodGet, "/ping")
		if err == nil && status == http.StatusOK {
			return nil
		}
		if ctx.Err() == nil && !n.daemon.alive(ctx) {
			return errors.New("it ended by itself")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (n *node) kill(ctx context.Context) error {
	return n.operate(ctx, "kill", down, daemon.kill, up, paused)
}

func (n *node) stop(ctx context.Context) error {
	return n.operate(ctx, "stop", down, daemon.stop, up)
}

func (n *node) pause(ctx context.Context) error {
	return n.operate(ctx, "pause", paused, daemon.pause, up)
}

func (n *node) resume(ctx context.Context) error {
	if n.is(up, down) {
		return fmt.Errorf("resume %s: %w", n.name, sim.ErrNotPaused)
	}
	return n.operate(ctx, "resume", up, daemon.resume, paused)
}

// configure has the node, which is down, start with args behind its own, and as another program if that is not empty.
func (n *node) configure(ctx context.Context, args []string, binary string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.expect("configure", down); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s := n.spec
	s.args = slices.Concat(s.args, args)
	if err := n.daemon.configure(ctx, s, binary); err != nil {
		return fmt.Errorf("configure %s: %w", n.name, err)
	}
	return nil
}

// operate calls op of a node that lives in one of the states from, and makes its state to.
func (n *node) operate(ctx context.Context, verb string, to state, op func(daemon, context.Context) error, from ...state) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.expect(verb, from...); err != nil {
		return err
	}
	if !n.daemon.alive(ctx) {
		n.state = down
		return fmt.Errorf("%s %s: it has ended by itself%s", verb, n.name, quoteLog(n.daemon.log(ctx)))
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := op(n.daemon, ctx); err != nil {
		return fmt.Errorf("%s %s: %w", verb, n.name, err)
	}
	n.state = to
	return nil
}

// is says whether the node is in one of the states.
func (n *node) is(states ...state) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(states, n.state)
}

// expect is an error unless the node is in one of the states. mu is held.
func (n *node) expect(verb string, states ...state) error {
	if slices.Contains(states, n.state) {
		return nil
	}
	return fmt.Errorf("%s %s: it is %s", verb, n.name, n.state)
}

// remove leaves nothing of the node.
func (n *node) remove(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer n.release()
	n.state = down
	if n.daemon == nil {
		return nil
	}
	if err := n.daemon.remove(ctx); err != nil {
		return fmt.Errorf("remove %s: %w", n.name, err)
	}
	return nil
}

// request asks the node's HTTP API, on a connection of its own.
func (n *node) request(ctx context.Context, method, path string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return fetch(ctx, &http.Transport{DisableKeepAlives: true}, method, "http://"+address(n.http)+path)
}

// fetch makes a request without a body.
func fetch(ctx context.Context, way *http.Transport, method, url string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept", "application/vnd.nsq; version=1.0")
	client := http.Client{Transport: way}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return resp.StatusCode, body, err
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// quoteLog makes a node's last lines the end of an error's text.
func quoteLog(lines string) string {
	if lines == "" {
		return " (it wrote nothing)"
	}
	return "; its last lines:\n" + lines
}
