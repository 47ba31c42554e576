package server

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/nsqlab/nsqlab/broker/httpapi"
)

const (
	statsdDial  = time.Second // that finding the address may take
	statsdSpare = time.Second // of an interval, in which nothing is sent
)

// tellStatsd tells statsd the figures at each interval, until the daemon ends.
func (d *Nsqd) tellStatsd(cfg Config) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d.alive.Go(func() {
		select {
		case <-d.ended:
			cancel()
		case <-ctx.Done():
		}
	})
	broadcast := cfg.BroadcastHTTPPort
	if broadcast == 0 {
		broadcast = max(port(d.http), 0)
	}
	s := statsd{
		StatsdConfig: cfg.Statsd, prefix: statsdPrefix(cfg.Statsd.Prefix, cfg.BroadcastAddress, broadcast),
		snapshot: func() statsdSnapshot {
			return statsdSnapshot{d.broker.StatsAt(time.Now()).Topics, httpapi.MemoryOf(readMemory())}
		},
	}
	complain := d.complainer("STATSD")
	tick := time.NewTicker(cfg.Statsd.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.log(Info, "STATSD: pushing stats to %s", cfg.Statsd.Address)
			if err := s.push(ctx); err != nil && ctx.Err() == nil {
				complain(time.Now(), err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// A statsd is somebody who is told figures.
type statsd struct {
	StatsdConfig
	prefix   string
	snapshot func() statsdSnapshot
	last     statsdSnapshot
}

// push tells the figures, evenly over the interval. A packet that cannot be sent is dropped, as one is that gets lost.
func (s *statsd) push(ctx context.Context) error {
	dialer := net.Dialer{Timeout: statsdDial}
	conn, err := dialer.DialContext(ctx, "udp", s.Address)
	if err != nil {
		return err
	}
	now := s.snapshot()
	text := s.lines(s.prefix, now, s.last)
	s.last = now
	err = spread(ctx, packets(text, s.PacketSize), max(s.Interval-statsdSpare, 0), func(packet string) error {
		_, err := conn.Write([]byte(packet))
		return err
	})
	return errors.Join(err, conn.Close())
}

// spread sends packets evenly over some time. Its error is the first of those of send.
func spread(ctx context.Context, packets []string, over time.Duration, send func(string) error) (failure error) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for i, packet := range packets {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return failure
		}
		if err := send(packet); err != nil && failure == nil {
			failure = err
		}
		if i < len(packets)-1 {
			pause.Reset(over / time.Duration(len(packets)))
		}
	}
	return failure
}
