package bench

import "time"

// farOff is a deferral that does not end while we measure; nsqd's --max-req-timeout is an hour unless told otherwise.
const farOff = 55 * time.Minute

// deferred is many deferred messages, most of them for long. Of the rest each has a due time of its own, spread over the
// time of the measurement, and what is measured of them is how late they come.
func deferred(l *load) error {
	got := newFlow()
	c, err := l.newConsumer(l.topic, "bench", got)
	if err != nil {
		return err
	}
	c.latency = l.newLatency(ofLateness)
	if err := c.start(); err != nil {
		return err
	}
	p, err := l.newProducer(dpub(l.topic, l.size), windowed)
	if err != nil {
		return err
	}
	soon := max(1, l.count/20)
	if err := l.fillDeferred(p, l.count-soon); err != nil {
		return err
	}
	pace, next := pacer{max(1, int(float64(soon)/l.lasts.Seconds()))}, 0
	p.prepare = func(i int, now time.Duration) {
		p.postpone(i, now, l.lasts+pace.at(next))
		next++
	}
	if err := p.run(fillTime, soon); err != nil {
		return err
	}
	_, err = got.wait(l.ctx, next)
	return err
}

// fillDeferred publishes the messages that are not due while we measure.
func (l *load) fillDeferred(p *producer, n int) error {
	p.prepare = func(i int, now time.Duration) { p.postpone(i, now, farOff) }
	before, err := l.serverRSS()
	if err != nil {
		return err
	}
	if err := l.begin(); err != nil {
		return err
	}
	if err := p.run(fillTime, n); err != nil {
		return err
	}
	l.result.Held = p.sent
	if err := l.finish(p.sent); err != nil {
		return err
	}
	return l.grown(before, p.sent)
}

// postpone writes a deferral into a copy of a DPUB, and when it ends into its body.
func (p *producer) postpone(i int, now, deferral time.Duration) {
	ms := deferral.Milliseconds()
	p.stamp(i, now+time.Duration(ms)*time.Millisecond)
	p.number(i, p.command.digits, deferralDigits, ms)
}

// number writes a number into a copy, in so many digits.
func (p *producer) number(i, at, digits int, n int64) {
	first := i*len(p.command.bytes) + at
	for d := first + digits - 1; d >= first; d-- {
		p.copies[d] = byte('0' + n%10)
		n /= 10
	}
}
