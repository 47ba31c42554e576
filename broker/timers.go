package broker

import (
	"container/heap"
	"math"
	"slices"
)

// never is a time that does not come.
const never = math.MaxInt64

// timers are the deliveries of a topic that wait for a time. Those in flight wait in lanes, one for each length of timeout, in which the
// last to come is the last to be due; the others wait in a heap.
type timers struct {
	lanes []*lane
	order laneOrder // those that have a delivery, or had one
	heap  waits
}

// A lane is deliveries in flight with timeouts of one length, in the order in which they are due.
type lane struct {
	timeout    int64
	users      int // sessions
	head, tail *delivery
	from       postponed // head does not come before this
	index      int       // in timers.order, -1 if not there
}

// lane gives that of a timeout, for one more session.
func (t *timers) lane(timeout int64) *lane {
	i := slices.IndexFunc(t.lanes, func(l *lane) bool { return l.timeout == timeout })
	if i < 0 {
		i = len(t.lanes)
		t.lanes = append(t.lanes, &lane{timeout: timeout, index: -1})
	}
	t.lanes[i].users++
	return t.lanes[i]
}

// leave says that a session does not use its lane any more.
func (t *timers) leave(l *lane) {
	l.users--
	t.lanes = slices.DeleteFunc(t.lanes, func(l *lane) bool { return l.users == 0 && l.head == nil })
}

// add begins the wait of a delivery. l may be nil.
func (t *timers) add(d *delivery, l *lane) {
	last := &d.channel.last
	if l == nil || l.tail != nil && d.due < l.tail.due || d.due == last.due && d.offset < last.offset {
		heap.Push(&t.heap, d)
		return
	}
	*last = postponed{d.offset, d.due}
	d.lane, d.prev = l, l.tail
	if l.tail == nil {
		l.head = d
		t.enlist(l)
	} else {
		l.tail.next = d
	}
	l.tail = d
}

// remove ends the wait of a delivery, and says whether it waited.
func (t *timers) remove(d *delivery) bool {
	if l := d.lane; l != nil {
		if d.prev == nil {
			l.head = d.next
		} else {
			d.prev.next = d.next
		}
		if d.next == nil {
			l.tail = d.prev
		} else {
			d.next.prev = d.prev
		}
		d.lane, d.prev, d.next = nil, nil, nil
		return true
	}
	if d.index < 0 {
		return false
	}
	heap.Remove(&t.heap, int(d.index))
	return true
}

// waits says whether a delivery waits for a time.
func (t *timers) waits(d *delivery) bool { return d.lane != nil || d.index >= 0 }

// enlist puts a lane that is not empty any more in its place.
func (t *timers) enlist(l *lane) {
	head := postponed{l.head.offset, l.head.due}
	switch {
	case l.index < 0:
		l.from = head
		heap.Push(&t.order, l)
	case head.before(l.from):
		l.from = head
		heap.Fix(&t.order, l.index)
	}
}

// first gives the delivery whose wait ends first, or nil.
func (t *timers) first() *delivery {
	for len(t.order) > 0 {
		l := t.order[0]
		if l.head == nil {
			heap.Pop(&t.order)
			continue
		}
		if head := (postponed{l.head.offset, l.head.due}); head != l.from {
			l.from = head
			heap.Fix(&t.order, 0)
			continue
		}
		if len(t.heap) > 0 && t.heap[0].delivery.before(l.head) {
			break
		}
		return l.head
	}
	if len(t.heap) > 0 {
		return t.heap[0].delivery
	}
	return nil
}

// next is when the first of them is due.
func (t *timers) next() int64 {
	if d := t.first(); d != nil {
		return d.due
	}
	return never
}

// before says which of two waits ends first; of two at the same time, that of the older message.
func (d *delivery) before(other *delivery) bool {
	return postponed{d.offset, d.due}.before(postponed{other.offset, other.due})
}

func (p postponed) before(other postponed) bool {
	if p.due != other.due {
		return p.due < other.due
	}
	return p.offset < other.offset
}

// laneOrder is lanes in a heap, by what their heads do not come before.
type laneOrder []*lane

func (o laneOrder) Len() int           { return len(o) }
func (o laneOrder) Less(i, j int) bool { return o[i].from.before(o[j].from) }
func (o laneOrder) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].index, o[j].index = i, j
}
func (o *laneOrder) Push(x any) {
	l := x.(*lane)
	l.index = len(*o)
	*o = append(*o, l)
}
func (o *laneOrder) Pop() any {
	last := len(*o) - 1
	l := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	l.index = -1
	return l
}

// waits are deliveries in a heap, the first due at the root. What they are ordered by stands in it, so that few of them are looked at.
type waits []wait

type wait struct {
	due      int64
	delivery *delivery
}

func (h waits) Len() int { return len(h) }
func (h waits) Less(i, j int) bool {
	if h[i].due != h[j].due {
		return h[i].due < h[j].due
	}
	return h[i].delivery.offset < h[j].delivery.offset
}
func (h waits) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].delivery.index, h[j].delivery.index = int32(i), int32(j)
}
func (h *waits) Push(x any) {
	d := x.(*delivery)
	d.index = int32(len(*h))
	*h = append(*h, wait{d.due, d})
}
func (h *waits) Pop() any {
	last := len(*h) - 1
	d := (*h)[last].delivery
	(*h)[last] = wait{}
	if *h = (*h)[:last]; last == 0 {
		*h = emptied(*h)
	}
	d.index = -1
	return d
}
