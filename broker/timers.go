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
	heap  waits
}

// A lane is deliveries in flight with timeouts of one length, in the order in which they are due.
type lane struct {
	timeout    int64
	users      int // sessions
	head, tail *delivery
}

// lane gives that of a timeout, for one more session.
func (t *timers) lane(timeout int64) *lane {
	i := slices.IndexFunc(t.lanes, func(l *lane) bool { return l.timeout == timeout })
	if i < 0 {
		i = len(t.lanes)
		t.lanes = append(t.lanes, &lane{timeout: timeout})
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

// first gives the delivery whose wait ends first, or nil.
func (t *timers) first() *delivery {
	var first *delivery
	if len(t.heap) > 0 {
		first = t.heap[0]
	}
	for _, l := range t.lanes {
		if l.head != nil && (first == nil || l.head.before(first)) {
			first = l.head
		}
	}
	return first
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
	if d.due != other.due {
		return d.due < other.due
	}
	return d.offset < other.offset
}

// waits are deliveries, the first due at the root.
type waits []*delivery

func (h waits) Len() int           { return len(h) }
func (h waits) Less(i, j int) bool { return h[i].before(h[j]) }
func (h waits) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i), int32(j)
}
func (h *waits) Push(x any) {
	d := x.(*delivery)
	d.index = int32(len(*h))
	*h = append(*h, d)
}
func (h *waits) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = nil
	if *h = (*h)[:last]; last == 0 {
		*h = emptied(*h)
	}
	d.index = -1
	return d
}
