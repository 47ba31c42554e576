package live

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

const (
	dialTimeout = 5 * time.Second // from Dial until the node's end stands
	maxChunk    = 16 << 10        // bytes judged at a time
	maxWaiting  = 256 << 10       // bytes on their way in one direction; then reading stops
)

// errRefused is what a rule that resets makes of an opening.
var errRefused = errors.New("the connection was reset")

// A link is one connection between a client and a node. What is read at one end is judged chunk by chunk and written at
// the other; the two directions are lanes.
type link struct {
	cluster *Cluster
	from    string
	node    *node
	port    int // of the node's that it leads to
	number  uint64
	rng     *rand.Rand // guarded by cluster.rules.mu, as rules are asked

	near   net.Conn // the end that an endpoint is driven at; nil if the client has a socket
	client net.Conn // the link's end towards the client
	server net.Conn // to the node; set by connect
	over   context.Context
	end    context.CancelFunc
}

// newLink gives the link its number and its randomness.
func (c *Cluster) newLink(from string, n *node, port int, near, client net.Conn) *link {
	l := &link{cluster: c, from: from, node: n, port: port, near: near, client: client, number: c.links.Add(1)}
	l.rng = rand.New(rand.NewPCG(c.seed, l.number))
	l.over, l.end = context.WithCancel(c.ctx)
	return l
}

// judge asks the rules about a chunk that goes towards the node or from it.
func (l *link) judge(toNode bool, c sim.Chunk) (sim.Fate, <-chan struct{}) {
	c.From, c.To, c.Conn = l.from, l.node.name, l.number
	if !toNode {
		c.From, c.To = c.To, c.From
	}
	return l.cluster.rules.judge(l.cluster.Now(), l.rng, c)
}

// connect makes the connection to the node when the rules let it, within dialTimeout.
func (l *link) connect() error {
	ctx, cancel := context.WithTimeout(l.over, dialTimeout)
	defer cancel()
	var delay time.Duration
	for _, toNode := range []bool{true, false} {
		d, err := l.open(ctx, toNode)
		if err != nil {
			return err
		}
		delay += d
	}
	if err := wait(ctx, delay); err != nil {
		return err
	}
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp4", address(l.port))
	l.server = server
	return err
}

// open waits until the rules hold the opening no more, and for ever if they lose it.
func (l *link) open(ctx context.Context, toNode bool) (time.Duration, error) {
	for {
		fate, changed := l.judge(toNode, sim.Chunk{Opening: true})
		switch {
		case fate.Reset:
			return 0, errors.Join(wait(ctx, fate.Delay), errRefused)
		case fate.Lose:
			<-ctx.Done()
			return 0, ctx.Err()
		case !fate.Hold:
			return fate.Delay, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve is the link's life where a socket, or an end that is as good, is its client's.
func (l *link) serve() {
	defer l.end()
	if l.connect() != nil {
		l.reset()
		return
	}
	l.relay()
}

// relay carries bytes until both directions have ended, or a rule or the cluster breaks the link.
func (l *link) relay() {
	stop := context.AfterFunc(l.over, l.reset)
	lanes := []*lane{newLane(l, true), newLane(l, false)}
	var ended sync.WaitGroup
	for _, a := range lanes {
		ended.Go(a.collect)
		ended.Go(a.deliver)
	}
	ended.Wait()
	if stop() {
		l.client.Close()
		l.server.Close()
	}
	l.end()
}

// reset breaks the connection at both ends: what was on its way is lost. The near end comes first, so that who reads
// there finds the connection closed, and not that the peer had no more to say.
func (l *link) reset() {
	for _, conn := range []net.Conn{l.near, l.client, l.server} {
		if conn == nil {
			continue
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	}
}
