package broker

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// When Drain has returned nothing comes in any more, whoever was publishing, and however.
func TestNothingComesIntoADrain(t *testing.T) {
	b, err := Open(birth, DefaultOptions("host"), nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	var publishers sync.WaitGroup
	busy := make(chan struct{}, 8)
	for i := range 4 {
		topic := fmt.Sprint("t", i%2)
		publishers.Go(func() { // as a client
			s := b.Connect(birth, "", func() {})
			says := []byte(wire.Magic)
			for n := 0; ; n++ {
				for range 10 {
					says = wire.AppendBody(wire.AppendCommand(says, "PUB", topic), []byte("m"))
				}
				if _, err := s.Receive(birth, says); err != nil {
					return
				}
				s.Transmit(nil)
				if says = says[:0]; n == 100 {
					busy <- struct{}{}
				}
			}
		})
		publishers.Go(func() { // by HTTP, also to topics that are new
			for n := 0; ; n++ {
				var refused error
				b.Publish(birth, fmt.Sprint(topic, "-", n%1000), time.Duration(n%2), [][]byte{[]byte("m")}, func(err error) { refused = err })
				if errors.Is(refused, ErrDraining) {
					return
				}
				if n == 100 {
					busy <- struct{}{}
				}
			}
		})
	}
	for range cap(busy) {
		<-busy
	}
	b.Drain(true)
	held := b.Held()
	publishers.Wait()
	if after := b.Held(); after != held || held < 800 {
		t.Errorf("%d messages when it began, %d when all publishers were refused", held, after)
	}
}
