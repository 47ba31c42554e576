package main

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	hangUps     = 20 // while clients are at work
	perProducer = 40 // messages, at least
)

// SIGHUP, again and again, ends no connection and costs no message.
func TestHangUpUnderLoad(t *testing.T) {
	folder := t.TempDir()
	log := filepath.Join(folder, "log")
	d, err := launchLogged(folder, log, "--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = d.cmd.Process.Kill()
		_ = d.wait()
	}()
	s := &siege{t: t, tcp: d.tcp}
	done := make(chan struct{})
	var published [4]int
	var clients sync.WaitGroup
	for i := range published {
		clients.Go(func() { published[i] = s.publishUntil(t, done) })
	}
	for n := 1; n <= hangUps; n++ {
		if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if text, ok := seen(log, regexp.MustCompile(fmt.Sprintf(`(?s)(INFO: reloaded\n.*?){%d}`, n))); !ok {
			t.Fatalf("SIGHUP %d was not answered:\n%s", n, text)
		}
	}
	close(done)
	clients.Wait()
	want := 0
	for _, n := range published {
		want += n
	}
	if got := s.drainTopic(t, want); got != want {
		t.Errorf("%d of %d messages came", got, want)
	}
}

// publishUntil publishes to a topic over one connection, one message after the other, and tells how many.
func (s *siege) publishUntil(t *testing.T, done <-chan struct{}) (n int) {
	l, err := s.dial()
	if err != nil {
		t.Error(err)
		return 0
	}
	defer l.Close()
	for {
		select {
		case <-done:
			if n >= perProducer {
				return n
			}
		default:
		}
		if _, err := l.Write(wire.AppendBody(wire.AppendCommand(nil, "PUB", "orders"), []byte("x"))); err != nil {
			t.Error(err)
			return n
		}
		if f, err := l.next(); err != nil || string(f.Data) != "OK" {
			t.Errorf("after %d messages: %q %v", n, f.Data, err)
			return n
		}
		n++
	}
}

// drainTopic consumes so many messages, and tells how many came.
func (s *siege) drainTopic(t *testing.T, n int) (got int) {
	l, err := s.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Write(wire.AppendCommand(wire.AppendCommand(nil, "SUB", "orders", "billing"), "RDY", "2500")); err != nil {
		t.Fatal(err)
	}
	for got < n {
		f, err := l.next()
		if err != nil {
			t.Error(err)
			return got
		}
		if f.Type != wire.FrameMessage {
			continue
		}
		m, err := wire.ParseMessage(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write(wire.AppendCommand(nil, "FIN", m.ID.String())); err != nil {
			t.Fatal(err)
		}
		got++
	}
	return got
}

// systemd is told when nsqd serves, and when it begins to stop, if it asks for it.
func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	d, err := launch(t.TempDir(), "--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.cmd.Process.Kill() }()
	if err := l.SetReadDeadline(time.Now().Add(tooLong)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"READY=1", "STOPPING=1"} {
		p := make([]byte, 100)
		n, err := l.Read(p)
		if err != nil || string(p[:n]) != want {
			t.Errorf("systemd was told %q %v, want %s", p[:n], err, want)
		}
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
	}
	if err := d.wait(); err != nil {
		t.Error(err)
	}
}
