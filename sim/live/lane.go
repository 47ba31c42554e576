package live

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// A lane is one direction of a link. One goroutine collects what comes in and has it judged, one delivers it in order.
type lane struct {
	link     *link
	toNode   bool
	src, dst net.Conn
	arrived  chan struct{} // the queue has grown
	left     chan struct{} // the queue has shrunk

	mu    sync.Mutex
	queue []parcel // guarded by mu
	size  int      // the bytes in queue; guarded by mu
	dead  bool     // dst takes no more; guarded by mu
}

// A parcel is a chunk that waits for its time.
type parcel struct {
	data []byte
	last bool            // nothing follows, and there is no data
	lost bool            // as last, and not in order: the source has reset the connection
	due  time.Time       // when it may leave
	held <-chan struct{} // not nil: it is held, and judged anew when this closes
}

func newLane(l *link, toNode bool) *lane {
	a := &lane{link: l, toNode: toNode, src: l.client, dst: l.server,
		arrived: make(chan struct{}, 1), left: make(chan struct{}, 1)}
	if !toNode {
		a.src, a.dst = a.dst, a.src
	}
	return a
}

// collect reads until the source ends, and no further than maxWaiting ahead of deliver.
func (a *lane) collect() {
	buf := make([]byte, maxChunk)
	for {
		n, err := a.src.Read(buf)
		if n > 0 {
			a.put(parcel{data: bytes.Clone(buf[:n])})
		}
		if err != nil {
			a.put(parcel{last: true, lost: errors.Is(err, syscall.ECONNRESET)})
			return
		}
		for a.full() {
			select {
			case <-a.left:
			case <-a.link.over.Done():
				return
			}
		}
	}
}

// put has the parcel judged and queues it. A lane that is dead swallows it, and so does a link that is over.
func (a *lane) put(p parcel) {
	if a.link.over.Err() != nil || a.isDead() || !a.judge(&p) {
		return
	}
	a.mu.Lock()
	a.queue = append(a.queue, p)
	a.size += len(p.data)
	a.mu.Unlock()
	signal(a.arrived)
}

// judge settles when the parcel leaves. The end of the stream is judged as a chunk without bytes: what holds the bytes
// of a link holds that too. False means that the link was reset.
func (a *lane) judge(p *parcel) bool {
	fate, changed := a.link.judge(a.toNode, false, p.data)
	if fate.Reset {
		a.link.end()
		return false
	}
	p.held = nil
	if fate.Hold {
		p.held = changed
	}
	p.due = time.Now().Add(fate.Delay)
	return true
}

// deliver writes parcels when they are due, each after the one before.
func (a *lane) deliver() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		p, wait, changed := a.front()
		if p != nil && p.held == nil && wait <= 0 {
			if !a.send(p) {
				return
			}
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
		case <-changed:
		case <-a.arrived:
		case <-a.link.over.Done():
			return
		}
	}
}

// front judges anew what was held and may not be now. It gives the first parcel, how long it has yet to wait, and the
// channel that closes when a held one may be free.
func (a *lane) front() (p *parcel, wait time.Duration, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.queue {
		q := &a.queue[i]
		if q.held == nil {
			continue
		}
		select {
		case <-q.held:
			if !a.judge(q) {
				return nil, 0, nil
			}
		default:
		}
		if q.held != nil {
			changed = q.held
			break
		}
	}
	if len(a.queue) == 0 {
		return nil, 0, changed
	}
	first := a.queue[0]
	if first.held == nil {
		wait = time.Until(first.due)
	}
	return &first, wait, changed
}

// send writes the first parcel and takes it off the queue. False means that none follows.
func (a *lane) send(p *parcel) bool {
	if p.last {
		a.finish(p.lost)
		return false
	}
	if _, err := a.dst.Write(p.data); err != nil {
		a.die()
		return false
	}
	a.mu.Lock()
	a.queue[0] = parcel{}
	a.queue = a.queue[1:]
	a.size -= len(p.data)
	a.mu.Unlock()
	signal(a.left)
	return true
}

// finish tells the other end that no more follows, or that the connection is lost.
func (a *lane) finish(lost bool) {
	if lost {
		a.link.end()
		return
	}
	if tcp, ok := a.dst.(*net.TCPConn); ok {
		tcp.CloseWrite()
		return
	}
	a.dst.Close()
}

// die makes collect swallow the rest: as on a real link, the source does not learn of it in this direction.
func (a *lane) die() {
	a.mu.Lock()
	a.dead, a.queue, a.size = true, nil, 0
	a.mu.Unlock()
	signal(a.left)
}

func (a *lane) isDead() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dead
}

func (a *lane) full() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.size > maxWaiting-maxChunk
}

// signal marks that something happened, for whoever waits now or comes to wait.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
