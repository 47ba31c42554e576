package broker

import "slices"

// A queue is first in, first out; the zero value is empty.
type queue[T comparable] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(x T) {
	if q.head > 32 && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, x)
}

func (q *queue[T]) pop() T {
	var zero T
	x := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = emptied(q.items), 0
	}
	return x
}

// front gives what pop would.
func (q *queue[T]) front() T { return q.items[q.head] }

// remove takes x out, wherever it stands.
func (q *queue[T]) remove(x T) {
	for i := q.head; i < len(q.items); i++ {
		if q.items[i] == x {
			q.items = slices.Delete(q.items, i, i+1)
			return
		}
	}
}

// maxSpare bounds what an empty list keeps for use again.
const maxSpare = 4096

// emptied gives the memory of a list that has become empty for use again, but not if it had grown large.
func emptied[T any](list []T) []T {
	if cap(list) > maxSpare {
		return nil
	}
	return list[:0]
}
