package scenarios

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/nsqlab/nsqlab/reports/history"
)

// drain waits until every broker says, twice in a row with nothing delivered between, that it holds no message, and every publish has its
// answer. Then the consumers leave, so that what they finished is proved.
func (r *run) drain(ctx context.Context) error {
	r.phase(history.Info, "drain")
	r.progress.Phase = "drain"
	deadline := r.cluster.Now() + r.scenario.Drain
	var left []holding
	var failed error
	seen := newWatch()
	clean, delivered := 0, -1
	for clean < 2 && r.cluster.Now() < deadline {
		if err := r.probe(ctx, seen, &left, &failed); err != nil {
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
		r.record(history.Op{Process: "lab", F: history.Probe, Node: q.node, Topic: q.topic, Channel: q.channel, Count: q.total()}, history.OK)
	}
	if clean < 2 {
		r.waits(seen)
	}
	if err := r.leave(ctx); err != nil {
		return err
	}
	end := history.Op{Process: "lab", F: history.Phase, Note: "end"}
	switch {
	case clean < 2:
		end.Error = r.undrained(left, failed)
	case r.progress.Delivered != delivered:
		end.Error = "messages came when all seemed to be drained"
	default:
		r.record(end, history.OK)
		return nil
	}
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
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s holds %d of %s/%s", q.node, q.total(), q.topic, q.channel), "/"))
	}
	if r.busy() {
		all = append(all, "clients wait for answers, work on messages or connect")
	}
	return why + ": " + strings.Join(all, ", ")
}

// busy says whether a client still waits for an answer, works on a message, or is about to subscribe.
func (r *run) busy() bool {
	for _, p := range r.producers {
		if len(p.waiting) > 0 {
			return true
		}
	}
	for _, c := range r.consumers {
		for _, s := range c.links {
			if len(s.works) > 0 || s.conn != nil && !s.subscribed {
				return true
			}
		}
	}
	return false
}

// probe lets the cluster live for a while and then asks every broker what it holds.
func (r *run) probe(ctx context.Context, seen *watch, left *[]holding, failed *error) error {
	until := r.cluster.Now() + probeEvery
	if err := r.live(ctx, func() bool { return r.cluster.Now() >= until }); err != nil {
		return err
	}
	*left, *failed, r.progress.Owed = nil, nil, 0
	seen.latest = nil
	waiting := 0
	for _, node := range nodeNames(r.scenario.Brokers) {
		waiting++
		r.cluster.Request(node, http.MethodGet, "/stats?format=json&include_mem=false", func(status int, body []byte, err error) {
			waiting--
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("%s answered /stats with status %d", node, status)
			}
			var all []holding
			if err == nil {
				all, err = readStats(node, body)
			}
			if err != nil {
				*failed = err
			}
			seen.look(r.cluster.Now(), all)
			for _, h := range all {
				if n := h.total(); n > 0 {
					r.progress.Owed += n
					*left = append(*left, h)
				}
			}
		})
	}
	return r.live(ctx, func() bool { return waiting == 0 })
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
