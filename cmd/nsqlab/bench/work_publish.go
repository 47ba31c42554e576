package bench

import "time"

// What latencies are of.
const (
	ofAck      = "ack"
	ofDelivery = "end to end"
	ofLateness = "lateness"
)

// publish is producers without a consumer, each with a window of commands.
func publish(connections, messages, window int) func(*load) error {
	return func(l *load) error {
		producers := make([]*producer, connections)
		for i := range producers {
			p, err := l.newProducer(pub(l.topic, messages, l.size), window)
			if err != nil {
				return err
			}
			p.acks = l.newLatency(ofAck)
			producers[i] = p
		}
		if err := l.begin(); err != nil {
			return err
		}
		err := l.together(connections, func(i int) error { return producers[i].run(l.lasts, l.count/connections) })
		if err != nil {
			return err
		}
		sum := 0
		for _, p := range producers {
			sum += p.published()
		}
		return l.finish(sum)
	}
}

// fillTime bounds how long a backlog is filled, should the server be slow.
const fillTime = 30 * time.Second

// drain is a consumer of a backlog.
func drain(l *load) error {
	got := newFlow()
	c, err := l.newConsumer(l.topic, "bench", got)
	if err != nil {
		return err
	}
	p, err := l.newProducer(pub(l.topic, inBatch, l.size), batches)
	if err != nil {
		return err
	}
	if err := p.run(fillTime, l.count); err != nil {
		return err
	}
	if err := l.begin(); err != nil {
		return err
	}
	if err := c.start(); err != nil {
		return err
	}
	if err := got.waitOr(l.ctx, p.published(), l.lasts); err != nil {
		return err
	}
	return l.finish(int(got.got.Load()))
}
