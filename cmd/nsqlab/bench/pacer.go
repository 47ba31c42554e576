package bench

import "time"

// minPause is the shortest rest of an open loop. What falls due meanwhile is sent in one write.
const minPause = 200 * time.Microsecond

// A pacer says when the messages of an open loop are due, evenly spread, whatever became of those before.
type pacer struct{ rate int } // a second

// at is when message i is due, after the start.
func (p pacer) at(i int) time.Duration { return time.Duration(i) * time.Second / time.Duration(p.rate) }

// due is how many messages are due by a time after the start: those with at(i) <= elapsed.
func (p pacer) due(elapsed time.Duration) int {
	return int(((elapsed+1)*time.Duration(p.rate) + time.Second - 1) / time.Second)
}

// total is how many messages there are in a time, one at least.
func (p pacer) total(lasts time.Duration) int {
	return max(1, int(lasts*time.Duration(p.rate)/time.Second))
}
