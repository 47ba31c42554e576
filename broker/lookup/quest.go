package lookup

import (
	"slices"
	"time"
)

const (
	// AskAgain is how long to wait until an nsqlookupd is asked again that gave no answer.
	AskAgain = time.Second

	settleTime = 10 * time.Second // until what one of them knows is enough
	giveUpTime = 10 * time.Minute // until nobody's answer is waited for: what is kept meanwhile takes room
)

// A Quest is the search for the channels that a new topic has elsewhere, among all nsqlookupds. It is over when each has given an answer that
// counts, or one has and ten seconds are over, or nobody has for ten minutes.
type Quest struct {
	began    time.Time
	answered []string
	channels []string // sorted
}

// NewQuest begins one.
func NewQuest(now time.Time) *Quest { return &Quest{began: now} }

// Answer takes in the channels that an nsqlookupd knows. It counts if that has gathered all there are; see Agent.Gathered.
func (q *Quest) Answer(from string, channels []string, counts bool) {
	if counts {
		q.answered = append(q.answered, from)
	}
	q.channels = append(q.channels, channels...)
	slices.Sort(q.channels)
	q.channels = slices.Compact(q.channels)
}

// Left are those that have given no answer that counts.
func (q *Quest) Left(all []string) (left []string) {
	for _, name := range all {
		if !slices.Contains(q.answered, name) {
			left = append(left, name)
		}
	}
	return left
}

// Over says whether the search is over. all are those that can be asked.
func (q *Quest) Over(now time.Time, all []string) bool {
	took := now.Sub(q.began)
	return len(q.Left(all)) == 0 || len(q.answered) > 0 && took >= settleTime || took >= giveUpTime
}

// Channels are those that were found so far.
func (q *Quest) Channels() []string { return q.channels }
