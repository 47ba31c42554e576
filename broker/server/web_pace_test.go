package server

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A door is a listener of pipes.
type door chan net.Conn

func (d door) Accept() (net.Conn, error) {
	if conn, ok := <-d; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (d door) Close() error   { close(d); return nil }
func (d door) Addr() net.Addr { return &net.UnixAddr{} }

// webPipe is a client of a web server whose handler answers as many bytes as the request's body has, and a byte more, or takes two minutes.
func webPipe(t *testing.T) net.Conn {
	near, far := net.Pipe()
	d := make(door, 1)
	d <- far
	web := newWeb(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			time.Sleep(2 * time.Minute)
		}
		p, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		_, _ = w.Write(append(p, '.'))
	}), func(Level, string, ...any) {}, nil)
	served := make(chan error, 1)
	go func() { served <- web.Serve(paced{d}) }()
	t.Cleanup(func() {
		_ = near.Close()
		_ = web.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return near
}

const large = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"

// Who is slow is let go, after a while that depends on what it is slow at.
func TestSlowWebClientsAreLetGo(t *testing.T) {
	for _, c := range []struct {
		name, first string
		drip        string        // every second
		reads       bool          // the answers
		after       time.Duration // it is let go, give or take a second
	}{
		{"silence", "", "", true, headerTime},
		{"header", "GET / HTTP/1.1\r\n", "X", true, headerTime},
		{"body", large, "", true, grace},
		{"dripping body", large, "x", true, grace},
		{"dripping chunks", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", true, grace},
		{"between", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", true, idleTime},
		{"after a body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", "", true, idleTime},
		{"deaf", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", false, grace},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := webPipe(t)
				began := time.Now()
				_, _ = io.WriteString(conn, c.first)
				ended := make(chan struct{})
				if c.reads {
					go func() {
						defer close(ended)
						_, _ = io.Copy(io.Discard, conn)
					}()
				} else {
					go func() {
						defer close(ended)
						time.Sleep(c.after + time.Second/2)
						if n, _ := io.Copy(io.Discard, conn); n > 0 {
							t.Errorf("%d bytes were there to be read", n)
						}
					}()
				}
				for open := c.drip != ""; open; {
					select {
					case <-ended:
						open = false
					case <-time.After(time.Second):
						_, _ = io.WriteString(conn, c.drip)
					}
				}
				<-ended
				if took := time.Since(began); took < c.after || took > c.after+time.Second {
					t.Errorf("let go after %v, and not %v", took, c.after)
				}
			})
		})
	}
}

// A client is served that sends slowly, but not too slowly, that waits for long, or that sends its next request after long.
func TestPatientWebClientsAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := webPipe(t)
		in := bufio.NewReader(conn)
		answer := func(want int) {
			t.Helper()
			a, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			p, err := io.ReadAll(a.Body)
			if len(p) != want || err != nil {
				t.Fatalf("%d bytes, %v", len(p), err)
			}
		}
		_, _ = io.WriteString(conn, large)
		for range 150 {
			time.Sleep(time.Second)
			_, _ = io.WriteString(conn, strings.Repeat("x", 2000))
		}
		answer(300_001)
		time.Sleep(10 * time.Minute)
		_, _ = io.WriteString(conn, "POST /long HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
		answer(2)
	})
}

func TestLargeHeadersAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := webPipe(t)
		go func() {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nX: "+strings.Repeat("x", 2*maxHeader)+"\r\n\r\n")
		}()
		in := bufio.NewReader(conn)
		if a, err := http.ReadResponse(in, nil); err != nil || a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%v %v", a, err)
		}
		_, _ = io.Copy(io.Discard, in)
	})
}
