package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// What was acknowledged is there again after the daemon's end, as far as its durability promises.
func TestStartAgain(t *testing.T) {
	for _, c := range []struct {
		durability broker.Durability
		ends       string
		kept       bool
	}{
		{broker.Memory, "stopped", true},
		{broker.Memory, "killed", false},
		{broker.OS, "stopped", true},
		{broker.OS, "killed", true},
		{broker.Fsync, "stopped", true},
		{broker.Fsync, "killed", true},
	} {
		t.Run(fmt.Sprint(c.durability, " ", c.ends), func(t *testing.T) {
			folder := t.TempDir()
			start := func() *Nsqd {
				return startNsqd(t, func(cfg *Config) { cfg.DataPath, cfg.Broker.Durability = folder, c.durability })
			}
			d := start()
			p := dial(t, d)
			p.say(pub("t", "by TCP"))
			p.want("OK")
			post(t, d, "/pub?topic=t", "by HTTP")
			if c.ends == "killed" {
				d.Kill()
			} else if err := d.Stop(); err != nil {
				t.Fatal(err)
			}

			d = start()
			consumer, producer := dial(t, d), dial(t, d)
			consumer.say("SUB t c\n")
			consumer.want("OK")
			consumer.say("RDY 10\n")
			producer.say(pub("t", "new"))
			producer.want("OK")
			var old []string
			for m := consumer.next(); m != "message 1 new"; m = consumer.next() {
				if !strings.HasPrefix(m, "message 1 ") {
					t.Fatal(m)
				}
				old = append(old, m)
			}
			var want []string
			if c.kept {
				want = []string{"message 1 by TCP", "message 1 by HTTP"}
			}
			if !slices.Equal(old, want) {
				t.Errorf("of before there are %q, want %q", old, want)
			}
		})
	}
}

// OK under fsync comes with a sync of its own, not with that which comes every while.
func TestPublisherDoesNotWaitForSyncTimeout(t *testing.T) {
	d := startNsqd(t, func(c *Config) {
		c.DataPath, c.Broker.Durability, c.Broker.SyncTimeout = t.TempDir(), broker.Fsync, time.Hour
	})
	p := dial(t, d)
	if err := p.conn.SetReadDeadline(time.Now().Add(patienceOfTests)); err != nil {
		t.Fatal(err)
	}
	for _, channels := range []int{0, 1} {
		for range channels {
			post(t, d, "/channel/create?topic=t&channel=c", "")
		}
		for range 3 {
			p.say(pub("t", "hello"))
			p.want("OK")
		}
	}
}

// A folder that has gone is complained of, also by Stop.
func TestFolderIsGone(t *testing.T) {
	var out lockedBuffer
	folder := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.TCPAddress, cfg.HTTPAddress, cfg.DataPath, cfg.Log = "127.0.0.1:0", "127.0.0.1:0", folder, WriteLog(&out, "", Error)
	d, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	post(t, d, "/topic/create?topic=t", "")
	await(t, "a complaint", func() bool { return strings.Contains(out.text(), " ERROR: DISK: ") })
	if err := d.Stop(); err == nil || !strings.Contains(err.Error(), "failed to save: ") {
		t.Errorf("Stop told %v", err)
	}
}

// The end of a daemon ends the publications that wait for its disk, and with them their goroutines.
func TestWaitingPublicationEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*Nsqd)
	}{
		{"stop", func(d *Nsqd) { _ = d.Stop() }},
		{"kill", (*Nsqd).Kill},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			d := startNsqd(t, func(c *Config) { c.HTTPAddress = "" })
			waiting, told := make(chan struct{}), make(chan error, 1)
			d.http = l
			d.serveOn(l, "HTTP", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				close(waiting)
				told <- d.await(make(chan error))
			}))
			conn, err := net.Dial("tcp", d.HTTPAddr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			newPeer(t, conn).say("POST /pub?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
			<-waiting
			c.end(d)
			select {
			case err := <-told:
				if !errors.Is(err, broker.ErrExiting) {
					t.Errorf("the publication ended with %v", err)
				}
			default:
				t.Error("the publication waits on")
			}
			await(t, "as few goroutines as before", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

func TestAwait(t *testing.T) {
	d := &Nsqd{daemon: daemon{ended: make(chan struct{})}}
	done := make(chan error, 1)
	full := errors.New("disk full")
	done <- full
	if err := d.await(done); err != full {
		t.Errorf("told %v", err)
	}
	done <- nil
	if err := d.await(done); err != nil {
		t.Errorf("told %v", err)
	}
}

func TestPunctual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var due time.Time
		var acted []time.Duration
		overlong := 700 * time.Millisecond
		act := func(now time.Time) {
			acted = append(acted, now.Sub(began))
			due = time.Time{}
			switch len(acted) {
			case 2:
				due = now.Add(-time.Hour) // at once, again
			case 3:
				time.Sleep(overlong)
			}
		}
		woken, ended := make(chan struct{}, 1), make(chan struct{})
		go punctual(func() time.Time { return due }, act, woken, ended)
		set := func(at time.Time) {
			synctest.Wait()
			due = at
			woken <- struct{}{}
			synctest.Wait()
		}
		time.Sleep(time.Hour) // nothing is due
		set(began.Add(2 * time.Hour))
		set(began.Add(90 * time.Minute)) // earlier than that
		time.Sleep(time.Hour)
		set(began.Add(3 * time.Hour))
		time.Sleep(2 * time.Hour)
		set(began.Add(24 * time.Hour))
		close(ended)
		time.Sleep(24 * time.Hour)
		want := []time.Duration{90 * time.Minute, 3 * time.Hour, 3 * time.Hour}
		if !slices.Equal(acted, want) {
			t.Errorf("acted at %v, want %v", acted, want)
		}
	})
}

// An error that comes again and again is logged once a second, another at once.
func TestComplaintsAreRationed(t *testing.T) {
	var lines []string
	d := &Nsqd{daemon: daemon{log: func(_ Level, format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }}}
	complain := d.complainer("DISK")
	began := time.Now()
	for ms := range 2500 {
		complain(began.Add(time.Duration(ms)*time.Millisecond), errors.New("disk full"))
	}
	complain(began.Add(2500*time.Millisecond), errors.New("disk gone"))
	complain(began.Add(2501*time.Millisecond), errors.New("disk full"))
	complain(began.Add(3500*time.Millisecond), errors.New("disk full"))
	want := []string{"DISK: disk full", "DISK: disk full", "DISK: disk full", "DISK: disk gone", "DISK: disk full"}
	if !slices.Equal(lines, want) {
		t.Errorf("logged %q, want %q", lines, want)
	}
}

// What is ephemeral is not counted as kept.
func TestHeld(t *testing.T) {
	d := startNsqd(t, nil)
	post(t, d, "/topic/create?topic=t", "")
	post(t, d, "/channel/create?topic=t&channel=c", "")
	post(t, d, "/channel/create?topic=t&channel=c%23ephemeral", "")
	post(t, d, "/mpub?topic=t", "a\nb\nc")
	post(t, d, "/pub?topic=t&defer=60000", "d")
	post(t, d, "/pub?topic=u%23ephemeral", "e")
	post(t, d, "/mpub?topic=v", "f\ng")
	if kept, gone := d.held(); kept != 4+2 || gone != 4+1 {
		t.Errorf("%d kept and %d gone, want 6 and 5", kept, gone)
	}
}
