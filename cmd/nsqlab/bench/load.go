package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	patience   = 5 * time.Minute  // for a measurement beyond its time: to connect, to fill, and for the last messages to come
	answerTime = 15 * time.Second // for the server to take a connection and answer
)

// A load is one measurement: a workload that is played on a server.
type load struct {
	ctx     context.Context // ends with the measurement, or when a part of it fails
	group   *errgroup.Group // the parts
	address string
	pid     int // of the server; 0: not known
	topic   string
	topics  []string // all that were made
	size    int
	count   int // of what the workload counts
	lasts   time.Duration
	epoch   time.Time // what every time is counted from

	ended     atomic.Bool // what fails now fails because all was closed
	mu        sync.Mutex
	conns     []*conn    // guarded by mu
	latencies []*latency // guarded by mu, and each used by its goroutine until all have ended

	started time.Duration
	cpu     time.Duration // of the server, when it started
	own     time.Duration // the generator's, when it started
	result  Result
}

func newLoad(c *Config, d *daemon, w Workload) *load {
	count := w.count
	if w.piles {
		count = min(count, maxBacklog/c.Size)
	}
	if c.Count > 0 {
		count = c.Count
	}
	topic := uniqueName(w)
	return &load{
		address: d.address, pid: d.pid, topic: topic, topics: []string{topic}, size: c.Size, count: count, lasts: c.For,
		epoch: time.Now(), result: Result{Workload: w.Name},
	}
}

// play runs the workload to its end and leaves no connection open.
func (l *load) play(ctx context.Context, w Workload) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.lasts+patience, fmt.Errorf("not over %s after its time", patience))
	defer cancel()
	l.group, l.ctx = errgroup.WithContext(ctx)
	release := context.AfterFunc(l.ctx, l.hangUp)
	defer release()
	err := w.run(l)
	l.ended.Store(true)
	l.hangUp()
	first := l.group.Wait()
	switch {
	case ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)):
		return context.Cause(ctx)
	case ctx.Err() != nil:
		return err // it says what was waited for
	case first != nil:
		return first // why the rest failed
	case err != nil:
		return err
	}
	l.result.Latency = summary(l.result.LatencyOf, l.latencies)
	return l.weigh()
}

// background runs a part until the end of the measurement. If it fails before, so does the measurement.
func (l *load) background(part func() error) {
	l.group.Go(func() error {
		if err := part(); err != nil && !l.ended.Load() {
			return err
		}
		return nil
	})
}

// together runs n parts at the same time and waits for them.
func (l *load) together(n int, part func(i int) error) error {
	var all sync.WaitGroup
	for i := range n {
		all.Add(1)
		l.background(func() error {
			defer all.Done()
			return part(i)
		})
	}
	all.Wait()
	return context.Cause(l.ctx)
}

// rest waits for a time.
func (l *load) rest(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	}
}

// now is the time since the epoch.
func (l *load) now() time.Duration { return time.Since(l.epoch) }

// newLatency gives one goroutine a place for its latencies, which are of what is said.
func (l *load) newLatency(of string) *latency {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.result.LatencyOf = of
	h := new(latency)
	l.latencies = append(l.latencies, h)
	return h
}

// dial makes a connection that the server has taken and answered. Frames of buffer bytes can be read.
func (l *load) dial(buffer int) (*conn, error) { return l.dialAs(identify, buffer) }

// dialAs is dial with an IDENTIFY of one's own.
func (l *load) dialAs(identify []byte, buffer int) (*conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(l.ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, in: make([]byte, buffer)}
	if err := raw.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.conns = append(l.conns, c)
	closed := l.ctx.Err() != nil
	l.mu.Unlock()
	if closed { // hangUp may have been before
		_ = raw.Close()
	}
	if err := c.ask(append([]byte(wire.Magic), identify...)); err != nil {
		return nil, fmt.Errorf("the connection was not answered (can the server have as many? see ulimit -n): %w", err)
	}
	return c, raw.SetDeadline(time.Time{})
}

// hangUp closes every connection, so that whoever waits on one fails.
func (l *load) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
}

// begin starts the clock.
func (l *load) begin() error {
	var err error
	if l.cpu, err = l.serverCPU(); err != nil {
		return err
	}
	if l.own, err = cpuTime(os.Getpid()); err != nil {
		return err
	}
	l.started = l.now()
	return nil
}

// finish stops the clock: so many messages have passed since begin.
func (l *load) finish(messages int) error {
	lasted := l.now() - l.started
	cpu, err1 := l.serverCPU()
	own, err2 := cpuTime(os.Getpid())
	l.result.Messages, l.result.Seconds = messages, lasted.Seconds()
	l.result.LoadCPU = (own - l.own).Seconds()
	if l.pid != 0 {
		l.result.Usage = &Usage{CPU: (cpu - l.cpu).Seconds()}
	}
	return errors.Join(err1, err2)
}

func (l *load) serverCPU() (time.Duration, error) {
	if l.pid == 0 {
		return 0, nil
	}
	return cpuTime(l.pid)
}

// weigh notes the server's memory.
func (l *load) weigh() (err error) {
	if u := l.result.Usage; u != nil {
		u.RSS, u.PeakRSS, err = memory(l.pid)
	}
	return err
}

// grown notes how much more memory the server has than before for each of n things.
func (l *load) grown(before int64, n int) error {
	after, err := l.serverRSS()
	if err != nil || l.pid == 0 || n == 0 {
		return err
	}
	each := float64(after-before) / float64(n)
	l.result.BytesEach = &each
	return nil
}

func (l *load) serverRSS() (rss int64, err error) {
	if l.pid != 0 {
		rss, _, err = memory(l.pid)
	}
	return rss, err
}
