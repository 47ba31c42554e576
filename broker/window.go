package broker

import (
	"cmp"
	"slices"

	"github.com/nsqlab/nsqlab/broker/store"
)

// A delivery is one message in one channel that is not simply before or behind the cursor: in flight if it has a holder,
// deferred if it is among the timers without one, else queued.
type delivery struct {
	channel    *channel
	offset     store.Offset // the message's name
	place      store.Offset // where it stands
	holder     *Session
	delivered  int64     // when the holder got it
	due        int64     // end of the timeout, or of the deferral
	lane       *lane     // it waits in, between prev and next
	prev, next *delivery //
	index      int32     // in topic.timers.heap, -1 if not there
	attempts   uint16
	exception  bool  // the journal must be told when it is delivered: the cursor does not say so
	at         int64 // of one in flight: when the message was published, ns since the Unix epoch
}

// A window is a channel's deliveries. Most are made in the order of their offsets, and stand in a list in that order; the others are in a map.
type window struct {
	slots []slot
	head  int // before it all are finished
	holes int // slots behind it whose deliveries are finished
	hint  int // where the next is likely to be looked for
	apart map[store.Offset]*delivery
	peak  int // the most that were apart since the map was made
}

type slot struct {
	offset   store.Offset
	delivery *delivery // nil: finished
}

func (w *window) len() int { return len(w.slots) - w.head - w.holes + len(w.apart) }

// add puts a delivery in.
func (w *window) add(d *delivery) {
	if n := len(w.slots); n > w.head && w.slots[n-1].offset >= d.offset {
		w.addApart(d)
		return
	}
	if len(w.slots) == cap(w.slots) {
		w.pack()
	}
	w.slots = append(w.slots, slot{d.offset, d})
}

// addApart puts a delivery in before which others will be put in.
func (w *window) addApart(d *delivery) {
	if w.apart == nil {
		w.apart = map[store.Offset]*delivery{}
	}
	w.apart[d.offset] = d
	w.peak = max(w.peak, len(w.apart))
}

// find gives the delivery of a message, or nil.
func (w *window) find(o store.Offset) *delivery {
	if i := w.search(o); i >= 0 {
		return w.slots[i].delivery
	}
	return w.apart[o]
}

// search gives the slot of a message, or -1.
func (w *window) search(o store.Offset) int {
	if i := w.hint; i >= w.head && i < len(w.slots) && w.slots[i].offset == o {
		return i
	}
	i, found := slices.BinarySearchFunc(w.slots[w.head:], o, func(s slot, o store.Offset) int { return cmp.Compare(s.offset, o) })
	if !found {
		return -1
	}
	w.hint = w.head + i
	return w.hint
}

// remove takes a delivery out.
func (w *window) remove(d *delivery) {
	i := w.search(d.offset)
	if i < 0 || w.slots[i].delivery != d {
		w.removeApart(d)
		return
	}
	w.slots[i].delivery = nil
	w.holes++
	w.hint = i + 1
	for w.head < len(w.slots) && w.slots[w.head].delivery == nil {
		w.head++
		w.holes--
	}
	if w.head == len(w.slots) {
		w.slots, w.head = emptied(w.slots), 0
	}
}

func (w *window) removeApart(d *delivery) {
	delete(w.apart, d.offset)
	if len(w.apart) == 0 && w.peak > maxSpare {
		w.apart, w.peak = nil, 0 // a map does not shrink
	}
}

// pack makes room in the list for as many as are in it, if many of its slots are finished.
func (w *window) pack() {
	if w.head+w.holes <= len(w.slots)/2 {
		return
	}
	live := w.slots[:0]
	for _, s := range w.slots[w.head:] {
		if s.delivery != nil {
			live = append(live, s)
		}
	}
	clear(w.slots[len(live):])
	w.slots, w.head, w.holes, w.hint = live, 0, 0, 0
	if cap(live) > maxSpare && len(live) < cap(live)/8 {
		w.slots = slices.Clone(live)
	}
}

// heldBy gives the deliveries that a session holds, in the order of their offsets. It looks no further than to the last of them.
func (w *window) heldBy(s *Session) []*delivery {
	held := make([]*delivery, 0, s.inFlight)
	for i := w.head; i < len(w.slots) && len(held) < cap(held); i++ {
		if d := w.slots[i].delivery; d != nil && d.holder == s {
			held = append(held, d)
		}
	}
	if len(held) == cap(held) {
		return held
	}
	for _, d := range w.apart {
		if d.holder == s {
			held = append(held, d)
		}
		if len(held) == cap(held) {
			break
		}
	}
	slices.SortFunc(held, func(a, b *delivery) int { return cmp.Compare(a.offset, b.offset) })
	return held
}

// all gives the deliveries in the order of their offsets.
func (w *window) all() []*delivery {
	all := make([]*delivery, 0, w.len())
	for _, s := range w.slots[w.head:] {
		if s.delivery != nil {
			all = append(all, s.delivery)
		}
	}
	for _, d := range w.apart {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *delivery) int { return cmp.Compare(a.offset, b.offset) })
	return all
}
