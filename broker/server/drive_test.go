package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

func TestHeartbeatsForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := drivePipe(t, newBroker(t, nil))
		began := time.Now()
		p.say(wire.Magic)
		for i := 1; i <= 20; i++ {
			p.want("_heartbeat_")
			if at, want := time.Since(began), time.Duration(i)*30*time.Second; at != want {
				t.Fatalf("heartbeat %d after %v, want %v", i, at, want)
			}
			p.say("NOP\n")
		}
		p.conn.Close()
		if err := d.end(); err != nil {
			t.Errorf("the client closed: %v", err)
		}
	})
}

// A client that says nothing for two heartbeat intervals is gone, to the moment.
func TestSilentClientIsDisconnected(t *testing.T) {
	for _, c := range []struct {
		says string
		gone time.Duration
	}{
		{"NOP\n", time.Minute},
		{identify(`{"heartbeat_interval":1000}`), 2 * time.Second},
		{identify(`{"heartbeat_interval":60000}`), 2 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, d := drivePipe(t, newBroker(t, nil))
			p.say(wire.Magic, c.says)
			began := time.Now()
			beats := 0
			for frame := p.next(); frame != "EOF"; frame = p.next() {
				if frame == "_heartbeat_" {
					beats++
				}
			}
			if err := d.end(); err == nil {
				t.Error("no reason told")
			}
			if after := time.Since(began); after != c.gone || beats < 1 {
				t.Errorf("after %d heartbeats and %v, want %v", beats, after, c.gone)
			}
		})
	}
}

// A connection on which nothing happens costs a timeout a heartbeat and nothing else.
func TestIdleConnectionRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := drivePipe(t, newBroker(t, nil))
		p.say(wire.Magic, identify(`{"heartbeat_interval":1000}`), "SUB t c\n")
		p.want("OK", "OK")
		for range 600 {
			p.want("_heartbeat_")
			p.say("NOP\n")
		}
		p.conn.Close()
		if err := d.end(); err != nil || d.timeouts < 600 || d.timeouts > 610 {
			t.Errorf("%d timeouts for 600 heartbeats, and %v", d.timeouts, err)
		}
	})
}

// A client that only connects is left alone, as in nsqd, until it closes.
func TestClientWithoutMagic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := drivePipe(t, newBroker(t, nil))
		p.say(wire.Magic[:3])
		time.Sleep(time.Hour)
		p.conn.Close()
		if err := d.end(); err != nil || d.timeouts > 0 {
			t.Errorf("%d timeouts, %v", d.timeouts, err)
		}
	})
}

func TestAPublisherWakesAConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, nil)
		consumer, _ := drivePipe(t, b)
		producer, _ := drivePipe(t, b)
		consumer.say(wire.Magic, "SUB t c\n")
		consumer.want("OK")
		consumer.say("RDY 1\n")
		producer.say(wire.Magic)
		for i := range 100 {
			body := fmt.Sprint("m", i)
			producer.say(pub("t", body))
			producer.want("OK")
			consumer.want("message 1 " + body)
			consumer.say(consumer.fin())
		}
	})
}

func TestOneByteAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := drivePipe(t, newBroker(t, nil))
		all := wire.Magic + identify(`{"client_id":"x"}`) + "SUB t c\n" + "RDY 1\n" + pub("t", "hello") + "NOP\n"
		var said sync.WaitGroup
		said.Go(func() {
			for i := range len(all) {
				p.say(all[i : i+1])
			}
		})
		p.want("OK", "OK", "OK", "message 1 hello")
		said.Wait()
	})
}

func TestDeletedChannelEndsItsConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, nil)
		p, d := drivePipe(t, b)
		p.say(wire.Magic, "SUB t c\n")
		p.want("OK")
		began := time.Now()
		if err := b.DeleteChannel(time.Now(), "t", "c"); err != nil {
			t.Fatal(err)
		}
		p.want("EOF")
		if err := d.end(); err == nil || time.Since(began) != 0 {
			t.Errorf("ended after %v with %v, want at once with a reason", time.Since(began), err)
		}
	})
}

// A session that is over ends within seconds, also while its peer takes nothing.
func TestDoomedWhileThePeerReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, nil)
		p, d := drivePipe(t, b)
		p.say(wire.Magic, "SUB t c\n")
		p.want("OK")
		p.say("RDY 10\n")
		synctest.Wait()
		if err := publish(b, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		if err := b.DeleteTopic(began, "t"); err != nil {
			t.Fatal(err)
		}
		if err := d.end(); err == nil || time.Since(began) > 5*time.Second {
			t.Errorf("ended after %v with %v", time.Since(began), err)
		}
	})
}

func TestAClientThatNeverReadsIsBoundedAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, nil)
		p, d := drivePipe(t, b)
		p.say(wire.Magic, "SUB t c\n")
		p.want("OK")
		p.say("RDY 2500\n")
		body := make([]byte, 1<<20)
		for range 50 {
			if err := publish(b, body); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := b.Stats().Topics[0].Channels[0].InFlight; n < 1 || n > 4 {
			t.Errorf("%d messages of 1 MiB are on their way to a client that reads none, want a few", n)
		}
		began := time.Now()
		if err := d.end(); err == nil {
			t.Error("no reason told")
		}
		if after := time.Since(began); after > 2*time.Minute {
			t.Errorf("ended after %v", after)
		}
	})
}

// A client that sends for ever and reads no answer is read no further at some point, and ends.
func TestAClientThatOnlySendsIsBoundedAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := drivePipe(t, newBroker(t, nil))
		p.say(wire.Magic)
		sent := 0
		chunk := strings.Repeat(pub("t", "x"), 1000)
		began := time.Now()
		for {
			n, err := io.WriteString(p.conn, chunk)
			if sent += n; err != nil {
				break
			}
		}
		if sent > maxAhead+2*usualBuffer {
			t.Errorf("%d bytes were read from a client that reads no answer", sent)
		}
		if err := d.end(); err == nil || time.Since(began) > 2*time.Minute {
			t.Errorf("ended after %v with %v", time.Since(began), err)
		}
	})
}

// A peer that reads slowly, but reads, is not given up.
func TestASlowReaderGetsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		const amount, step = 10 << 20, 64 << 10
		d := startEndpoint(far, func(_ time.Time, wake func()) wire.Endpoint {
			wake()
			return &flood{amount: amount}
		})
		began := time.Now()
		for range amount / step {
			if _, err := io.ReadFull(near, make([]byte, step)); err != nil {
				t.Fatalf("after %v: %v", time.Since(began), err)
			}
			time.Sleep(10 * time.Second)
		}
		near.Close()
		if err := d.end(); err != nil {
			t.Error(err)
		}
	})
}

// More than the session lets wait is delivered in stages: a stage begins when the one before was sent.
func TestDeliveryGoesOnAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, nil)
		p, _ := drivePipe(t, b)
		p.say(wire.Magic, "SUB t c\n")
		p.want("OK")
		p.say("RDY 2500\n")
		body := strings.Repeat("x", 1<<20-100)
		for range 10 {
			if err := publish(b, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		for range 10 {
			p.want("message 1 " + body)
		}
		if after := time.Since(began); after != 0 {
			t.Errorf("it took %v", after)
		}
	})
}

// Two ends that send each other more than the connection holds do not wait for each other.
func TestFloodBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		var ends [2]*flood
		var drives [2]*drive
		for i, conn := range []net.Conn{near, far} {
			ends[i] = &flood{amount: 512 << 10}
			drives[i] = startEndpoint(conn, func(_ time.Time, wake func()) wire.Endpoint {
				wake()
				return ends[i]
			})
		}
		time.Sleep(time.Minute)
		near.Close()
		for i, d := range drives {
			_ = d.end()
			if ends[i].received != 512<<10 {
				t.Errorf("end %d received %d bytes, want all", i, ends[i].received)
			}
		}
	})
}

// A flood sends much at once and counts what comes.
type flood struct{ amount, received int }

func (f *flood) Receive(_ time.Time, p []byte) (int, error) {
	f.received += len(p)
	return len(p), nil
}
func (f *flood) Transmit(spare []byte) []byte {
	n := f.amount
	f.amount = 0
	return append(spare[:0], make([]byte, n)...)
}
func (f *flood) NextTimeout() time.Time        { return time.Time{} }
func (f *flood) HandleTimeout(time.Time) error { return nil }
func (f *flood) Disconnect(time.Time)          {}

func TestBrokenConnectionIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		d := startDrive(far, newBroker(t, nil))
		p := newPeer(t, near)
		p.say(wire.Magic)
		far.Close()
		if err := d.end(); !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}

// publish publishes a message to the topic t.
func publish(b *broker.Broker, body []byte) error {
	var told error
	b.Publish(time.Now(), "t", 0, [][]byte{body}, func(err error) { told = err })
	return told
}
