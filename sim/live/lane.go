package live

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nsqlab/nsqlab/sim"
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
	dead  bool     // what comes is swallowed; guarded by mu
	read  int64    // bytes; of collect alone
}

// A parcel is a chunk that waits for its time.
type parcel struct {
	data  []byte
	at    int64           // the offset of data in its direction
	last  bool            // nothing follows, and there is no data
	lost  bool            // as last, and not in order: the connection is reset
	void  bool            // nothing follows, and the destination does not learn of it
	due   time.Time       // when it may leave
	slice int             // if not 0, in pieces of so many bytes
	gap   time.Duration   // between them
	held  <-chan struct{} // not nil: it is held, and judged anew when this closes
}

// final is whether what is behind it is swallowed.
func (p parcel) final() bool { return p.last || p.void }

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
			a.put(parcel{data: bytes.Clone(buf[:n]), at: a.read})
			a.read += int64(n)
		}
		if err != nil {
			a.put(parcel{at: a.read, last: true, lost: errors.Is(err, syscall.ECONNRESET)})
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

// put has the parcel judged and queues what becomes of it. A lane that is dead swallows it, and so does a link that is over.
func (a *lane) put(p parcel) {
	if a.link.over.Err() != nil || a.isDead() {
		return
	}
	all := a.judge(p)
	a.mu.Lock()
	if !a.dead {
		a.add(all)
	}
	a.mu.Unlock()
	signal(a.arrived)
}

// add queues parcels. It is called with mu held.
func (a *lane) add(all []parcel) {
	a.queue = append(a.queue, all...)
	for _, p := range all {
		a.size += len(p.data)
		a.dead = a.dead || p.final()
	}
}

// judge settles what becomes of a parcel, and when it leaves. The end of the stream is judged as a chunk without bytes: what
// holds the bytes of a link holds that too. Nothing means that the link was reset.
func (a *lane) judge(p parcel) (all []parcel) {
	fate, changed := a.link.judge(a.toNode, sim.Chunk{At: p.at, Data: p.data})
	p.held, p.due, p.slice, p.gap = nil, time.Now().Add(fate.Delay), fate.Slice, fate.Gap
	if !fate.Hold && !fate.Reset && !fate.Lose {
		return []parcel{p}
	}
	first := min(max(fate.First, 0), len(p.data))
	if first > 0 {
		front := p
		front.data = p.data[:first]
		all = append(all, front)
		p.data, p.at = p.data[first:], p.at+int64(first)
	}
	switch {
	case fate.Reset && first == 0 && fate.Delay == 0:
		a.link.end()
	case fate.Reset:
		all = append(all, parcel{last: true, lost: true, due: p.due})
	case fate.Lose:
		all = append(all, parcel{void: true})
	case first == 0 || len(p.data) > 0:
		p.held = changed
		all = append(all, p)
	}
	return all
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
	for i := 0; i < len(a.queue); i++ {
		held := a.queue[i].held
		if held == nil {
			continue
		}
		select {
		case <-held:
			if !a.rejudge(i) {
				return nil, 0, nil
			}
		default:
		}
		if changed = a.queue[i].held; changed != nil {
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

// rejudge puts what becomes of a parcel now in its place in the queue; false means that the link was reset. It is called with mu held.
func (a *lane) rejudge(i int) bool {
	all := a.judge(a.queue[i])
	behind := slices.Clone(a.queue[i+1:])
	for _, p := range a.queue[i:] {
		a.size -= len(p.data)
	}
	a.queue = a.queue[:i]
	a.add(all)
	if len(all) > 0 && !all[len(all)-1].final() {
		a.add(behind)
	}
	signal(a.left)
	return len(all) > 0
}

// send writes the first parcel, or a piece of it, and takes it off the queue. False means that none follows.
func (a *lane) send(p *parcel) bool {
	switch {
	case p.void:
		a.die()
		return false
	case p.last:
		a.finish(p.lost)
		return false
	}
	data := p.data
	if p.slice > 0 && p.slice < len(data) {
		data = data[:p.slice]
	}
	if _, err := a.dst.Write(data); err != nil {
		a.die()
		return false
	}
	a.mu.Lock()
	if first := &a.queue[0]; len(data) < len(first.data) {
		first.data, first.at, first.due = first.data[len(data):], first.at+int64(len(data)), first.due.Add(first.gap)
	} else {
		*first = parcel{}
		a.queue = a.queue[1:]
	}
	a.size -= len(data)
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
