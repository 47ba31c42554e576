package server

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// The tests of the files upstream_*_test.go are named for nsqd's own tests, and show the behaviours that those hold nsqd to. The table in
// upstream_map_test.go has all of them.

// stillServes fails unless a client that comes now is served.
func stillServes(t *testing.T, d *Nsqd) {
	t.Helper()
	p := dial(t, d)
	p.say(pub("t", "x"))
	p.want("OK")
}

func TestA1ChannelTopicNames(t *testing.T) {
	d := startNsqd(t, nil)
	for name, valid := range map[string]bool{
		"test": true, "test-with_period.": true, "test#ephemeral": true, "test:ephemeral": false,
	} {
		for _, c := range []struct{ says, refused string }{
			{"SUB " + name + " c\n", fmt.Sprintf("error E_BAD_TOPIC SUB topic name %q is not valid", name)},
			{"SUB t " + name + "\n", fmt.Sprintf("error E_BAD_CHANNEL SUB channel name %q is not valid", name)},
			{pub(name, "x"), fmt.Sprintf("error E_BAD_TOPIC PUB topic name %q is not valid", name)},
		} {
			p := dial(t, d)
			if p.say(c.says); valid {
				p.want("OK")
			} else {
				p.want(c.refused, "EOF")
			}
		}
	}
}

// shortTimeout gives clients that ask for no heartbeat interval upstream's test's timeout, 150 ms, which is twice the interval.
func shortTimeout(o *broker.Options) { o.MaxHeartbeatInterval = 75 * time.Millisecond }

func TestA1ClientTimeout(t *testing.T) {
	t.Parallel()
	onBoth(t, func(c *Config) { shortTimeout(&c.Broker) }, func(t *testing.T, d *Nsqd) {
		p := dial(t, d)
		began := time.Now()
		p.say(identify(`{}`))
		p.want("OK", "_heartbeat_")
		for frame := p.next(); frame != "EOF"; frame = p.next() {
			if frame != "_heartbeat_" {
				t.Fatal(frame)
			}
		}
		if after := time.Since(began); after < 150*time.Millisecond {
			t.Errorf("it was given up after %v", after)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p, _ := drivePipe(t, newBroker(t, shortTimeout))
		p.say(wire.Magic, identify(`{}`))
		began := time.Now()
		p.want("OK", "_heartbeat_", "_heartbeat_", "EOF")
		if after := time.Since(began); after != 150*time.Millisecond {
			t.Errorf("it was given up after %v", after)
		}
	})
}

func TestA1ClientHeartbeat(t *testing.T) {
	t.Parallel()
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		p := dial(t, d)
		p.say(identify(`{"heartbeat_interval":1000}`), "SUB t c\n")
		p.want("OK", "OK")
		for range 3 { // longer than it may say nothing
			p.want("_heartbeat_")
			p.say("NOP\n")
		}
		p.say(pub("t", "x"))
		answer := p.next()
		for ; answer == "_heartbeat_"; answer = p.next() {
			p.say("NOP\n")
		}
		if answer != "OK" {
			t.Error(answer)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p, _ := drivePipe(t, newBroker(t, shortTimeout))
		p.say(wire.Magic, identify(`{}`))
		p.want("OK")
		p.say("SUB t c\n")
		p.want("OK", "_heartbeat_")
		for range 10 {
			p.say("NOP\n")
			p.want("_heartbeat_")
		}
	})
}

func TestA1ClientHeartbeatDisableSUB(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		p := dial(t, d)
		p.say(identify(`{"heartbeat_interval":-1}`), "SUB t c\n")
		p.want("OK", "error E_INVALID cannot SUB with heartbeats disabled", "EOF")
	})
}

func TestA1ClientHeartbeatDisable(t *testing.T) {
	t.Parallel()
	onBoth(t, func(c *Config) { shortTimeout(&c.Broker) }, func(t *testing.T, d *Nsqd) {
		p, other := dial(t, d), dial(t, d)
		p.say(identify(`{"heartbeat_interval":-1}`))
		p.want("OK")
		other.say(identify(`{}`)) // it measures the time: it is given up after the timeout
		for frame := other.next(); frame != "EOF"; frame = other.next() {
		}
		p.say(pub("t", "x"))
		p.want("OK")
	})
	synctest.Test(t, func(t *testing.T) {
		p, _ := drivePipe(t, newBroker(t, shortTimeout))
		p.say(wire.Magic, identify(`{"heartbeat_interval":-1}`))
		p.want("OK")
		time.Sleep(24 * time.Hour)
		p.say(pub("t", "x"))
		p.want("OK")
	})
}

func fiveMinuteBeats(c *Config) { c.Broker.MaxHeartbeatInterval = 5 * time.Minute }

func TestA1MaxHeartbeatIntervalValid(t *testing.T) {
	onBoth(t, fiveMinuteBeats, func(t *testing.T, d *Nsqd) {
		p := dial(t, d)
		p.say(identify(`{"heartbeat_interval":300000}`))
		p.want("OK")
	})
}

func TestA1MaxHeartbeatIntervalInvalid(t *testing.T) {
	onBoth(t, fiveMinuteBeats, func(t *testing.T, d *Nsqd) {
		p := dial(t, d)
		p.say(identify(`{"heartbeat_interval":300001}`))
		p.want("error E_BAD_BODY IDENTIFY heartbeat interval (300001) is invalid", "EOF")
	})
}

func TestA1EmptyCommand(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		p := dial(t, d)
		p.say("\n\n")
		p.want("error E_INVALID invalid command ", "EOF")
		stillServes(t, d)
	})
}

func TestA1FatalError(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		p := dial(t, d)
		p.say("ASDF\n")
		p.want("error E_INVALID invalid command ASDF", "EOF")
		stillServes(t, d)
	})
}

// bufferedAnswer is what an IDENTIFY is answered that asks for an output buffer, up to where the topology begins.
func bufferedAnswer(t *testing.T, p *peer, size, timeout int) {
	t.Helper()
	p.say(identify(fmt.Sprintf(`{"feature_negotiation":true,"output_buffer_size":%d,"output_buffer_timeout":%d}`, size, timeout)))
	answer := p.next()
	want := fmt.Sprintf(`"output_buffer_size":%d,"output_buffer_timeout":%d,`, size, timeout)
	if !strings.Contains(answer, want) {
		t.Fatalf("%s is not in %s", want, answer)
	}
}

func TestA1OutputBuffering(t *testing.T) {
	t.Parallel()
	const size, wait = 256 << 10, 500 * time.Millisecond
	body := strings.Repeat("b", size-1024)
	onBoth(t, func(c *Config) { c.Broker.MaxOutputBufferSize = 512 << 10 }, func(t *testing.T, d *Nsqd) {
		p, producer := dial(t, d), dial(t, d)
		producer.say(pub("t", body))
		producer.want("OK")
		bufferedAnswer(t, p, size, int(wait.Milliseconds()))
		p.say("SUB t c\n")
		p.want("OK")
		began := time.Now()
		p.say("RDY 10\n")
		p.want("message 1 " + body)
		if after := time.Since(began); after < wait {
			t.Errorf("it came after %v", after)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, func(o *broker.Options) { o.MaxOutputBufferSize = 512 << 10 })
		p, _ := drivePipe(t, b)
		p.say(wire.Magic)
		bufferedAnswer(t, p, size, int(wait.Milliseconds()))
		p.say("SUB t c\n")
		p.want("OK")
		p.say("RDY 10\n")
		synctest.Wait()
		if err := publish(b, []byte(body)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		p.want("message 1 " + body)
		if after := time.Since(began); after != wait {
			t.Errorf("it came after %v", after)
		}
	})
}

func TestA1OutputBufferingValidity(t *testing.T) {
	onBoth(t, func(c *Config) {
		c.Broker.MaxOutputBufferSize, c.Broker.MaxOutputBufferTimeout = 512<<10, time.Second
	}, func(t *testing.T, d *Nsqd) {
		p := dial(t, d)
		ask := func(size, timeout int) {
			p.say(identify(fmt.Sprintf(`{"output_buffer_size":%d,"output_buffer_timeout":%d}`, size, timeout)))
		}
		ask(512<<10, 1000)
		ask(-1, -1)
		ask(0, 0)
		ask(512<<10+1, 0)
		p.want("OK", "OK", "OK", "error E_BAD_BODY IDENTIFY output buffer size (524289) is invalid", "EOF")
		p = dial(t, d)
		ask(0, 1001)
		p.want("error E_BAD_BODY IDENTIFY output buffer timeout (1001) is invalid", "EOF")
	})
}

// A mute connection cannot be written to.
type mute struct{ net.Conn }

func (mute) Write([]byte) (int, error) { return 0, net.ErrClosed }

// likeThoseOf gives both ends of a connection of the kind that the daemon's clients have.
func likeThoseOf(t *testing.T, d *Nsqd) (near, far net.Conn) {
	network, address := d.tcp.Addr().Network(), "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "other.sock")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// wrongTo has a session of the daemon's broker served on far, says on near what ends it, and gives the error that the serving ended with.
func wrongTo(t *testing.T, d *Nsqd, near, far net.Conn) (*peer, error) {
	serving := startDrive(far, d.broker)
	p := newPeer(t, near)
	p.say(wire.Magic, "INVALID_COMMAND\n")
	return p, serving.end()
}

func TestA1IOLoopReturnsClientErrWhenSendFails(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		near, far := likeThoseOf(t, d)
		if _, err := wrongTo(t, d, near, mute{far}); fmt.Sprint(err) != "E_INVALID invalid command INVALID_COMMAND" {
			t.Error(err)
		}
	})
}

func TestA1IOLoopReturnsClientErrWhenSendSucceeds(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, d *Nsqd) {
		near, far := likeThoseOf(t, d)
		p, err := wrongTo(t, d, near, far)
		if fmt.Sprint(err) != "E_INVALID invalid command INVALID_COMMAND" {
			t.Error(err)
		}
		p.want("error E_INVALID invalid command INVALID_COMMAND", "EOF")
	})
}
