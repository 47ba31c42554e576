package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
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

func TestSilentClientIsDisconnected(t *testing.T) {
	for _, c := range []struct {
		says string
		beat time.Duration
	}{
		{"", 30 * time.Second},
		{`{"heartbeat_interval":1000}`, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, d := drivePipe(t, newBroker(t, nil))
			p.say(wire.Magic)
			if c.says != "" {
				p.say(identify(c.says))
				p.want("OK")
			}
			time.Sleep(10*time.Minute - 1)
			began := time.Now()
			select {
			case <-d.done:
			default:
				t.Fatal("a client that is silent for ten minutes is still there")
			}
			_ = began
		})
	}
}

func TestSilentClientGetsItsHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := drivePipe(t, newBroker(t, nil))
		p.say(wire.Magic, identify(`{"heartbeat_interval":1000}`))
		p.want("OK")
		began := time.Now()
		p.want("_heartbeat_")
		if at := time.Since(began); at != time.Second {
			t.Errorf("heartbeat after %v, want 1s", at)
		}
		if got := p.next(); got != "_heartbeat_" && got != io.EOF.Error() {
			t.Errorf("got %q", got)
		}
		if err := d.end(); err == nil {
			t.Error("no reason told")
		}
		if at := time.Since(began); at != 2*time.Second {
			t.Errorf("disconnected after %v, want 2s", at)
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

func TestAClientThatNeverReadsIsBoundedAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, nil)
		p, d := drivePipe(t, b)
		p.say(wire.Magic, "SUB t c\n")
		p.want("OK")
		p.say("RDY 2500\n")
		body := make([]byte, 1<<20)
		for range 50 {
			if err := b.Publish(time.Now(), "t", 0, body); err != nil {
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

// A client that reads slowly, but reads, is not given up.
func TestASlowReaderGetsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, nil)
		p, _ := drivePipe(t, b)
		p.say(wire.Magic, identify(`{"heartbeat_interval":60000}`), "SUB t c\n")
		p.want("OK", "OK")
		p.say("RDY 2500\n")
		const messages = 40
		body := strings.Repeat("x", 100<<10)
		for range messages {
			if err := b.Publish(time.Now(), "t", 0, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		for got := 0; got < messages; {
			if p.next() == "message 1 "+body {
				got++
			}
			time.Sleep(time.Second)
			p.say("NOP\n")
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
			if err := b.Publish(time.Now(), "t", 0, []byte(body)); err != nil {
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

func TestEveryBodySize(t *testing.T) {
	b := newBroker(t, nil)
	consumer, _ := driveTCP(t, b)
	producer, _ := driveTCP(t, b)
	consumer.say(wire.Magic, "SUB t c\n")
	consumer.want("OK")
	consumer.say("RDY 2500\n")
	producer.say(wire.Magic)

	limit := int(b.Options().MaxMsgSize)
	var sizes []int
	for n := 1; n < 2*firstBuffer+100; n++ {
		sizes = append(sizes, n)
	}
	for edge := 2 * firstBuffer; edge <= limit; edge *= 2 {
		for n := edge - 40; n < edge+40; n++ {
			if n <= limit {
				sizes = append(sizes, n)
			}
		}
	}
	source := strings.Repeat("0123456789abcdef", limit/16+1)
	go func() {
		for i, n := range sizes {
			from := i % 16
			if n == limit {
				from = 0
			}
			producer.say(pub("t", source[from:from+n]))
		}
	}()
	go func() {
		for range sizes {
			producer.want("OK")
		}
	}()
	for i, n := range sizes {
		from := i % 16
		if n == limit {
			from = 0
		}
		consumer.want("message 1 " + source[from:from+n])
		consumer.say(consumer.fin())
	}
}

func TestWhatWasMissingIsTold(t *testing.T) {
	p, d := driveTCP(t, newBroker(t, nil))
	whole := pub("t", "hello")
	p.say(wire.Magic, whole, whole[:len(whole)-1])
	if err := p.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.want("OK", "error E_BAD_MESSAGE PUB failed to read message body", "EOF")
	if err := d.end(); err == nil {
		t.Error("no reason told")
	}
}

// A client that goes on sending after its mistake gets the error all the same.
func TestTheErrorIsReadBeforeTheEnd(t *testing.T) {
	for range 20 {
		p, d := driveTCP(t, newBroker(t, nil))
		p.say(wire.Magic, "PUB t\n\x00\x20\x00\x00", strings.Repeat("x", 2<<20))
		p.want("error E_BAD_MESSAGE PUB message too big 2097152 > 1048576", "EOF")
		p.conn.Close()
		if err := d.end(); err == nil {
			t.Fatal("no reason told")
		}
	}
}

func TestALineThatDoesNotEndEndsTheConnection(t *testing.T) {
	p, d := driveTCP(t, newBroker(t, nil))
	p.say(wire.Magic, strings.Repeat("x", wire.MaxLine))
	p.want("EOF")
	if err := d.end(); !errors.Is(err, wire.ErrLineTooLong) {
		t.Error(err)
	}
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

func TestDriveLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	b := newBroker(t, nil)
	for range 50 {
		p, d := driveTCP(t, b)
		p.say(wire.Magic, "SUB t#ephemeral c#ephemeral\n")
		p.want("OK")
		p.conn.Close()
		_ = d.end()
	}
	if n := len(b.Stats().Topics); n != 0 {
		t.Errorf("%d ephemeral topics are left", n)
	}
	if after := runtime.NumGoroutine(); after > before+2 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

var _ = broker.Version
