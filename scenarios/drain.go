package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A holding is what a topic's or a channel's queue holds on a node.
type holding struct {
	node, topic, channel string
	n                    int64
}

// drain waits until every broker says, twice in a row with nothing delivered between, that it holds no message, and every publish has its
// answer. Then the consumers leave, so that what they finished is proved.
func (r *run) drain(ctx context.Context) error {
	r.phase(history.Info, "drain")
	r.progress.Phase = "drain"
	deadline := r.cluster.Now() + r.scenario.Drain
	var left []holding
	var failed error
	clean, delivered := 0, -1
	for clean < 2 && r.cluster.Now() < deadline {
		if err := r.probe(ctx, &left, &failed); err != nil {
			return err
		}
		switch {
		case failed != nil || len(left) > 0 || r.busy():
			clean = 0
		case delivered == r.progress.Delivered:
			clean++
		default:
			clean = 1
		}
		delivered = r.progress.Delivered
		r.report()
	}
	for _, q := range left {
		r.record(history.Op{Process: "lab", F: history.Probe, Node: q.node, Topic: q.topic, Channel: q.channel, Count: q.n}, history.OK)
	}
	if err := r.leave(ctx); err != nil {
		return err
	}
	end := history.Op{Process: "lab", F: history.Phase, Note: "end"}
	if clean >= 2 {
		r.record(end, history.OK)
		return nil
	}
	end.Error = r.undrained(left, failed)
	r.record(end, history.Fail)
	return nil
}

// undrained says in words what the drain waited for in vain.
func (r *run) undrained(left []holding, failed error) string {
	why := fmt.Sprintf("not drained in %v", r.scenario.Drain)
	if failed != nil {
		return why + ": " + failed.Error()
	}
	var all []string
	for _, q := range left {
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s holds %d of %s/%s", q.node, q.n, q.topic, q.channel), "/"))
	}
	if r.busy() {
		all = append(all, "clients wait for answers or work on messages")
	}
	return why + ": " + strings.Join(all, ", ")
}

// busy says whether a client still waits for an answer, or works on a message.
func (r *run) busy() bool {
	for _, p := range r.producers {
		if len(p.waiting) > 0 {
			return true
		}
	}
	for _, c := range r.consumers {
		for _, s := range c.links {
			if s.working > 0 {
				return true
			}
		}
	}
	return false
}

// probe lets the cluster live for a while and then asks every broker what it holds.
func (r *run) probe(ctx context.Context, left *[]holding, failed *error) error {
	until := r.cluster.Now() + probeEvery
	if err := r.live(ctx, func() bool { return r.cluster.Now() >= until }); err != nil {
		return err
	}
	*left, *failed, r.progress.Owed = nil, nil, 0
	waiting := 0
	for _, node := range nodeNames(r.scenario.Brokers) {
		waiting++
		r.cluster.Request(node, http.MethodGet, "/stats?format=json&include_clients=false&include_mem=false", func(status int, body []byte, err error) {
			waiting--
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("%s answered /stats with status %d", node, status)
			}
			var queues []holding
			if err == nil {
				queues, err = readStats(node, body)
			}
			if err != nil {
				*failed = err
			}
			for _, q := range queues {
				r.progress.Owed += q.n
			}
			*left = append(*left, queues...)
		})
	}
	return r.live(ctx, func() bool { return waiting == 0 })
}

// readStats finds the queues that hold something.
func readStats(node string, body []byte) ([]holding, error) {
	var st struct {
		Topics []struct {
			Name     string `json:"topic_name"`
			Depth    int64  `json:"depth"`
			Channels []struct {
				Name     string `json:"channel_name"`
				Depth    int64  `json:"depth"`
				InFlight int64  `json:"in_flight_count"`
				Deferred int64  `json:"deferred_count"`
			} `json:"channels"`
		} `json:"topics"`
	}
	if err := json.Unmarshal(body, &st); err != nil {
		return nil, fmt.Errorf("%s: /stats: %w", node, err)
	}
	var all []holding
	for _, t := range st.Topics {
		if t.Depth > 0 {
			all = append(all, holding{node, t.Name, "", t.Depth})
		}
		for _, c := range t.Channels {
			if n := c.Depth + c.InFlight + c.Deferred; n > 0 {
				all = append(all, holding{node, t.Name, c.Name, n})
			}
		}
	}
	return all, nil
}

// leave has every consumer say CLS and waits for the answers, for a while.
func (r *run) leave(ctx context.Context) error {
	r.cluster.At(0, func() {
		r.leaving = true
		for _, c := range r.consumers {
			for _, s := range c.links {
				s.close()
			}
		}
	})
	deadline := r.cluster.Now() + farewell
	return r.live(ctx, func() bool {
		for _, c := range r.consumers {
			for _, s := range c.links {
				if !s.said {
					return r.cluster.Now() >= deadline
				}
			}
		}
		return true
	})
}
