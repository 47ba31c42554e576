package bench

import "strconv"

// subscribeAll starts a consumer on each of so many channels of the topic, and gives what counts for them all.
func (l *load) subscribeAll(channels int) (*flow, error) {
	got := newFlow()
	for i := range channels {
		c, err := l.newConsumer(l.topic, "bench-"+strconv.Itoa(i), got)
		if err != nil {
			return nil, err
		}
		c.latency = l.newLatency(ofDelivery)
		if err := c.start(); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// stream is a closed loop of one producer and the consumers of some channels.
func stream(channels, messages, window int) func(*load) error {
	return func(l *load) error {
		got, err := l.subscribeAll(channels)
		if err != nil {
			return err
		}
		p, err := l.newProducer(pub(l.topic, messages, l.size), window)
		if err != nil {
			return err
		}
		p.flow, p.consumers = got, channels
		if err := l.begin(); err != nil {
			return err
		}
		if err := p.run(l.lasts, l.count); err != nil {
			return err
		}
		if _, err := got.wait(l.ctx, channels*p.published()); err != nil {
			return err
		}
		return l.finish(p.published())
	}
}

// open is an open loop: messages are sent when they are due, and their latency counts from then.
func open(rate int) func(*load) error {
	return func(l *load) error {
		got, err := l.subscribeAll(1)
		if err != nil {
			return err
		}
		pace := pacer{rate}
		n := min(pace.total(l.lasts), l.count)
		p, err := l.newProducer(pub(l.topic, 1, l.size), windowed)
		if err != nil {
			return err
		}
		l.background(p.conn.stay)
		if err := l.begin(); err != nil {
			return err
		}
		if err := p.pace(pace, n); err != nil {
			return err
		}
		if _, err := got.wait(l.ctx, n); err != nil {
			return err
		}
		return l.finish(n)
	}
}
