package client

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// TestManyGoroutines: any method may be called from any goroutine while the driver is at work; every command has one fate.
func TestManyGoroutines(t *testing.T) {
	const goroutines, each = 4, 300
	p := newPair(t, Options{})
	woken := make(chan struct{}, 1)
	p.conn.wake = func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}
	p.conn.handler = Handler{}
	p.conn.Subscribe("orders", "billing", nil)
	var fates [goroutines * each * 2]atomic.Int32
	var callers sync.WaitGroup
	for g := range goroutines {
		callers.Go(func() {
			for i := range each {
				n := 2 * (g*each + i)
				p.conn.Publish("orders", []byte("x"), func(time.Time, Result) { fates[n].Add(1) })
				p.conn.Finish(wire.ID([]byte("00000000000000ff")), func(time.Time, Result) { fates[n+1].Add(1) })
				p.conn.Ready(1)
				p.conn.Prove()
				_, _, _ = p.conn.Sent(), p.conn.MsgTimeout(), p.conn.NextTimeout()
			}
		})
	}
	finished := make(chan struct{})
	go func() {
		callers.Wait()
		close(finished)
	}()
	for running := true; running; {
		select {
		case <-woken:
			p.send()
			p.fetch()
		case <-finished:
			running = false
		}
	}
	p.talk()
	p.disconnect()
	for i := range fates {
		if n := fates[i].Load(); n != 1 {
			t.Fatalf("command %d has %d fates", i, n)
		}
	}
}
