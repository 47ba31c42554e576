package sim

import "time"

// An event is something that happens at a time of the world.
type event struct {
	at    time.Duration
	order uint64 // of the asking; breaks ties
	f     func()
}

// events is a heap, the first event at the root.
type events []event

func (h events) before(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}

func (h *events) push(e event) {
	*h = append(*h, e)
	q := *h
	for i := len(q) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.before(i, parent) {
			break
		}
		q[i], q[parent] = q[parent], q[i]
		i = parent
	}
}

func (h *events) pop() event {
	q := *h
	first, last := q[0], len(q)-1
	q[0] = q[last]
	q[last] = event{}
	q = q[:last]
	*h = q
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && q.before(child+1, child) {
			child++
		}
		if !q.before(child, i) {
			return first
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
}

// A timer calls a function at the time it is set to, or earlier; that sets it again. It takes no event but for a time earlier than
// all that it waits for.
type timer struct {
	world *World
	node  *node           // whose clock it goes by; nil: the world's
	asked []time.Duration // of its events to come, the next one last
	rings func()
	rang  time.Duration // when it rang last
	spins int           // how often in a row it was set to ring at once when it had just rung
}

// A process that sets its timer so often to ring at once is one that spins, and that takes time.
const (
	maxSpins = 1000
	spinTime = 100 * time.Microsecond
)

func (t *timer) init(w *World, ring func()) {
	t.world = w
	t.rings = func() {
		t.asked = t.asked[:len(t.asked)-1]
		t.rang = w.now
		ring()
	}
}

// set sees that the timer rings at next, or before; at the zero time it need not.
func (t *timer) set(next time.Time) {
	if next.IsZero() {
		return
	}
	at := max(next.Sub(epoch), t.world.now)
	if t.node != nil {
		var ok bool
		if at, ok = t.node.due(next); !ok {
			return // it is set again when the clock goes on
		}
	}
	switch {
	case at > t.world.now:
		t.spins = 0
	case at == t.rang:
		if t.spins++; t.spins > maxSpins {
			at += spinTime
		}
	}
	if n := len(t.asked); n > 0 && t.asked[n-1] <= at {
		return
	}
	t.asked = append(t.asked, at)
	t.world.At(at, t.rings)
}
