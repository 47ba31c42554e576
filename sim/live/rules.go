package live

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// A ruling is a rule and the link it is for; an empty end is any.
type ruling struct {
	from, to string
	rule     sim.Rule
}

// rules are asked one chunk at a time, in the order they were added.
type rules struct {
	mu      sync.Mutex // held while a rule is asked, so that a removed one is not in use
	list    []*ruling
	changed chan struct{} // closed at the next change
}

// add returns what takes the rule away again. After that has returned the rule is not asked any more.
func (r *rules) add(from, to string, rule sim.Rule) (remove func()) {
	added := &ruling{from: from, to: to, rule: rule}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, added)
	r.change()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.Index(r.list, added); i >= 0 {
			r.list = slices.Delete(r.list, i, i+1)
			r.change()
		}
	}
}

func (r *rules) change() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// judge asks every rule of the chunk's link. The channel closes when the answer may be another.
func (r *rules) judge(now time.Duration, rng *rand.Rand, chunk sim.Chunk) (sim.Fate, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var fate sim.Fate
	for _, l := range r.list {
		if l.from != "" && l.from != chunk.From || l.to != "" && l.to != chunk.To {
			continue
		}
		fate = fate.And(l.rule.Judge(now, rng, chunk))
	}
	return fate, r.changed
}
