package scenarios

import (
	"fmt"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// licenses are the promises that a fault which comes now may break on the broker it hits, as a history has them: one that it may break
// for all topics by its name, else with each topic behind a slash. promised is what OK promises there, if that is one thing for all.
func (r *run) licenses(f *Fault) (all []string, promised string) {
	topics := r.scenario.topicsOf(f.Target)
	permitted := f.Kind.Permitted(f.Args)
	permits := map[string][]string{} // topics by promise
	var promises, words []string
	for _, topic := range topics {
		word, worth := r.promised(f.Target, topic)
		if words = append(words, string(word)); worth != word {
			words[len(words)-1] += fmt.Sprintf(" (now worth %s)", worth)
		}
		for _, promise := range permitted[worth] {
			if permits[promise] == nil {
				promises = append(promises, promise)
			}
			permits[promise] = append(permits[promise], topic)
		}
	}
	for _, promise := range promises {
		if len(permits[promise]) == len(topics) {
			all = append(all, promise)
			continue
		}
		for _, topic := range permits[promise] {
			all = append(all, promise+"/"+topic)
		}
	}
	if words = slices.Compact(words); len(words) == 1 {
		promised = words[0]
	}
	for _, p := range r.promises { // what was acknowledged when OK was worth less
		for _, promise := range permitted[p.worth] {
			if p.node == f.Target && !slices.Contains(permits[promise], p.topic) {
				all = append(all, fmt.Sprintf("%s/%s before %v", promise, p.topic, p.before))
			}
		}
	}
	return all, promised
}

// topicsOf are the topics that are published to on a broker.
func (s *Scenario) topicsOf(broker string) (topics []string) {
	for _, p := range s.Producers {
		if slices.Contains(p.To, broker) && !slices.Contains(topics, p.Topic) {
			topics = append(topics, p.Topic)
		}
	}
	return topics
}

// promised is what a broker's OK promises for a topic, and what that is worth after all that was done to the broker.
func (r *run) promised(broker, topic string) (word, worth sim.Durability) {
	word, err := r.running(broker).Durability(topic)
	if err != nil {
		panic(err) // the loader has checked its flags
	}
	worth = word
	for _, f := range r.weakened {
		if less, ok := f.Kind.Weakens[worth]; ok && f.Target == broker {
			worth = less
		}
	}
	return word, worth
}

// running is a broker with the flags that it runs with now.
func (r *run) running(broker string) sim.Node {
	i := slices.IndexFunc(r.scenario.Brokers, func(n sim.Node) bool { return n.Name == broker })
	node := r.scenario.Brokers[i]
	for _, f := range r.restarted {
		if f.Target == broker {
			node.Args = slices.Concat(node.Args, f.Kind.Flags(f.Args))
		}
	}
	return node
}

// A past is what OK was worth on a node to those who published to a topic before a time, if they are worse off than who publishes now.
type past struct {
	node, topic string
	worth       sim.Durability
	before      time.Duration
}

// bequeath notes what a restart leaves behind of the time before it. One that may take what is in memory, and not what the operating system
// has, leaves that as it was: not synced.
func (r *run) bequeath(f *Fault) {
	permitted := f.Kind.Permitted(f.Args)
	if !f.Kind.Restarts || len(permitted[sim.Memory]) == 0 || len(permitted[sim.OS]) > 0 {
		return
	}
	for _, topic := range r.scenario.topicsOf(f.Target) {
		if _, worth := r.promised(f.Target, topic); worth != sim.Fsync {
			r.promises = append(r.promises, past{f.Target, topic, sim.OS, r.cluster.Now()})
		}
	}
}

// weaken notes a fault that makes OK worth less from now on.
func (r *run) weaken(f *Fault) {
	if len(f.Kind.Weakens) > 0 && f.Kind.OfNode() {
		r.weakened = append(r.weakened, f)
	}
}
