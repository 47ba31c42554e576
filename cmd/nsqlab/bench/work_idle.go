package bench

import (
	"fmt"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// idle is connections on which nothing happens.
func idle(l *load) error {
	return l.hold(func(int) error {
		c, err := l.dial(idleBuffer)
		if err != nil {
			return err
		}
		l.background(c.stay)
		return nil
	})
}

// topics is topics with a channel and a client each, on which nothing happens.
func topics(l *load) error {
	l.topics = nil
	return l.hold(func(i int) error {
		c, err := l.dial(idleBuffer)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s-%d", l.topic, i)
		l.topics = append(l.topics, name)
		if err := c.ask(wire.AppendCommand(nil, "SUB", name, "bench")); err != nil {
			return err
		}
		if err := c.send(wire.AppendCommand(nil, "RDY", "1")); err != nil {
			return err
		}
		l.background(c.stay)
		return nil
	})
}

// hold makes as many things as are to be counted, and measures what they cost while nothing happens.
func (l *load) hold(open func(i int) error) error {
	before, err := l.serverRSS()
	if err != nil {
		return err
	}
	for i := range l.count {
		if err := open(i); err != nil {
			return fmt.Errorf("%d of %d: %w", i+1, l.count, err)
		}
	}
	l.result.Held = l.count
	if err := l.begin(); err != nil {
		return err
	}
	if err := l.rest(l.lasts); err != nil {
		return err
	}
	if err := l.finish(0); err != nil {
		return err
	}
	return l.grown(before, l.count)
}
