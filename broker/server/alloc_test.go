package server

import (
	"testing"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A message costs no allocation on its way in, through and out, once all buffers are there.
func TestNoAllocationAMessage(t *testing.T) {
	b := newBroker(t, nil)
	consumer, producer := newRaw(t, b), newRaw(t, b)
	consumer.say(t, []byte("SUB t c\nRDY 2500\n"))
	consumer.frames(t, func(wire.Frame) {})
	const batch = 200
	fins := make([]byte, 0, batch*len("FIN 0123456789abcdef\n"))
	round := func() {
		producer.publish(t, batch, batch)
		fins = fins[:0]
		for got := 0; got < batch && !t.Failed(); {
			consumer.frames(t, func(f wire.Frame) {
				got++
				fins = append(append(append(fins, "FIN "...), f.Data[10:26]...), '\n')
			})
		}
		consumer.say(t, fins)
	}
	for range 50 {
		round()
	}
	if perMessage := testing.AllocsPerRun(100, round) / batch; perMessage > 0.05 {
		t.Errorf("%.3f allocations a message", perMessage)
	}
}
