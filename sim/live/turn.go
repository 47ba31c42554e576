package live

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// A turn is what a function must have to run: the callbacks of a Run and the calls of endpoints have it one after
// another. Outside Run it belongs to whoever uses the cluster, so that nothing runs behind his back; until the cluster
// is closed, after which nobody needs it.
//
// A callback that has to wait gives the turn away meanwhile, and the loop that called it too: see without.
type turn struct {
	sync.Mutex                           // the turn itself; before mu, and never taken with mu held
	caller     *loop                     // the loop whose callback has the turn, or nil; guarded by the turn
	away       int                       // functions in without during a Run; guarded by the turn
	epoch      atomic.Pointer[time.Time] // the cluster's beginning
	closed     chan struct{}             // closed when all is gone

	mu      sync.Mutex
	events  events        // guarded by mu
	asked   uint64        // the number of events so far; guarded by mu
	holder  *loop         // whose turn it is to call callbacks, nil outside Run; guarded by mu
	until   time.Duration // the end of this Run; guarded by mu
	closing bool          // guarded by mu
}

// An event is a function to call and when.
type event struct {
	at    time.Duration
	order uint64
	call  func()
}

// events is a heap of them, the next one first.
type events []event

// Len implements heap.Interface.
func (e events) Len() int { return len(e) }

// Less implements heap.Interface.
func (e events) Less(i, j int) bool {
	if e[i].at != e[j].at {
		return e[i].at < e[j].at
	}
	return e[i].order < e[j].order
}

// Swap implements heap.Interface.
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop implements heap.Interface.
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = event{}
	*e = (*e)[:last]
	return x
}

// A loop is one goroutine that calls callbacks.
type loop struct{ woken chan struct{} }

func newLoop() *loop { return &loop{woken: make(chan struct{}, 1)} }

// wake ends the loop's sleep, this one or the next.
func (l *loop) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// sleep waits for d or until woken; a negative d is forever.
func (l *loop) sleep(d time.Duration) {
	if d < 0 {
		<-l.woken
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.woken:
	}
}

// dawn makes this moment the cluster's beginning. Links may live already.
func (t *turn) dawn() {
	now := time.Now()
	t.epoch.Store(&now)
}

func (t *turn) now() time.Duration { return time.Since(*t.epoch.Load()) }

// at calls f during a Run, when d has come.
func (t *turn) at(d time.Duration, f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	heap.Push(&t.events, event{at: d, order: t.asked, call: f})
	if t.holder != nil {
		t.holder.wake()
	}
}

// run calls what is due for d. The caller has the turn, and has it again when run returns, unless the cluster is closed.
func (t *turn) run(d time.Duration) {
	me := newLoop()
	if !t.begin(me, d) {
		return
	}
	defer t.end()
	t.carryOn(me, true)
}

func (t *turn) begin(me *loop, d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holder != nil {
		panic("live: Run was called during Run")
	}
	t.until = t.now() + d
	if !t.closing {
		t.holder = me
	}
	return !t.closing
}

// end is called at the end of run, after a panic too. If the cluster is being closed it waits for the end of that.
func (t *turn) end() {
	t.caller = nil
	t.mu.Lock()
	t.holder = nil
	closing := t.closing
	t.mu.Unlock()
	if closing {
		t.Unlock()
		<-t.closed
	}
}

// carryOn calls what is due as long as me is the holder; the Run's own loop until the Run is over. It is called with the
// turn and returns with it.
func (t *turn) carryOn(me *loop, own bool) {
	for t.holds(me) {
		call, wait, over := t.next()
		if over && own && t.away == 0 {
			return
		}
		if call != nil {
			t.caller = me
			call()
			t.caller = nil
		}
		t.Unlock()
		if call == nil {
			me.sleep(wait)
		} else if own {
			t.hold(me)
		}
		t.Lock()
	}
}

// next takes what is due now. If that is nothing it says how long to wait, and whether the Run is over but for those away.
func (t *turn) next() (call func(), wait time.Duration, over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	wait = t.until - now
	if len(t.events) > 0 && !t.closing {
		first := t.events[0].at
		if first <= now && first <= t.until {
			return heap.Pop(&t.events).(event).call, 0, false
		}
		wait = min(wait, first-now)
	}
	if now >= t.until || t.closing {
		return nil, -1, true
	}
	return nil, wait, false
}

func (t *turn) holds(me *loop) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.holder == me
}

// hold makes me the holder; the one before wakes up and ends.
func (t *turn) hold(me *loop) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holder != me {
		t.holder.wake()
		t.holder = me
	}
}

// without calls f without the turn, which others have meanwhile, and returns with the turn. If that stops the loop that
// calls the callbacks, a new one carries on. Outside Run nobody waits for the turn, and it is kept.
func (t *turn) without(f func() error) error {
	if !t.running() {
		return f()
	}
	caller := t.caller
	t.caller = nil
	t.away++
	t.handOver(caller)
	t.Unlock()
	err := f()
	t.Lock()
	t.away--
	t.caller = caller
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holder != nil {
		t.holder.wake()
	}
	return err
}

// handOver makes a new loop the holder if it was from.
func (t *turn) handOver(from *loop) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from == nil || t.holder != from {
		return
	}
	next := newLoop()
	t.holder = next
	go func() {
		t.Lock()
		defer t.Unlock()
		t.carryOn(next, false)
	}()
}

func (t *turn) running() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.holder != nil
}

// close ends the Run that goes on, and keeps others from beginning. It says whether there was one; if not, the caller
// has the turn.
func (t *turn) close() (running bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closing = true
	if t.holder != nil {
		t.holder.wake()
	}
	return t.holder != nil
}
