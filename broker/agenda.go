package broker

import "container/heap"

// An agenda is topics that are to be looked at, each at a time of its own.
type agenda struct {
	topics []*topic // a heap, the first due at the root
	entry  func(*topic) *appointment
}

// An appointment is when a topic is to be looked at.
type appointment struct {
	due   int64
	index int // in agenda.topics, -1 if not there
}

// next is when the first is due.
func (a *agenda) next() int64 {
	if len(a.topics) == 0 {
		return never
	}
	return a.entry(a.topics[0]).due
}

// take gives the first topic if it is due, and takes it out; nil if none is.
func (a *agenda) take(tick int64) *topic {
	if a.next() > tick || len(a.topics) == 0 {
		return nil
	}
	return heap.Pop(a).(*topic)
}

// set gives a topic its time, and says whether it is the first now.
func (a *agenda) set(t *topic, due int64) (first bool) {
	e := a.entry(t)
	e.due = due
	if e.index < 0 {
		heap.Push(a, t)
	} else {
		heap.Fix(a, e.index)
	}
	return e.index == 0
}

// drop takes a topic out, if it is there.
func (a *agenda) drop(t *topic) {
	if i := a.entry(t).index; i >= 0 {
		heap.Remove(a, i)
	}
}

// Len implements heap.Interface, as do Less, Swap, Push and Pop.
func (a *agenda) Len() int           { return len(a.topics) }
func (a *agenda) Less(i, j int) bool { return a.entry(a.topics[i]).due < a.entry(a.topics[j]).due }
func (a *agenda) Swap(i, j int) {
	a.topics[i], a.topics[j] = a.topics[j], a.topics[i]
	a.entry(a.topics[i]).index, a.entry(a.topics[j]).index = i, j
}
func (a *agenda) Push(x any) {
	t := x.(*topic)
	a.entry(t).index = len(a.topics)
	a.topics = append(a.topics, t)
}
func (a *agenda) Pop() any {
	last := len(a.topics) - 1
	t := a.topics[last]
	a.topics[last] = nil
	a.topics = a.topics[:last]
	a.entry(t).index = -1
	return t
}
