package sim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

var (
	errAnswered = errors.New("sim: the request is answered")
	errNoAnswer = fmt.Errorf("sim: no answer within %v", FetchTime)
	errCutShort = errors.New("sim: the connection ended before the answer was there")
)

// Fetch implements Cluster.
func (w *World) Fetch(from, name, method, path string, done func(status int, body []byte, err error)) {
	n, err := w.find(name)
	if err != nil {
		w.soon(func() { done(0, nil, err) })
		return
	}
	w.fetch(newConn(w, from, n), method, path, done)
}

// fetch sends a request over a connection that is not begun.
func (w *World) fetch(c *conn, method, path string, done func(status int, body []byte, err error)) {
	c.patience = 2 * FetchTime // the fetcher's is over before
	c.serve = (*life).serveWeb
	f := &fetcher{deadline: c.client.now().Add(FetchTime), done: done}
	f.out = fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: application/vnd.nsq; version=1.0\r\nConnection: close\r\n\r\n",
		method, path, c.server.way.name)
	w.connect(c, func(_ time.Time, wake func()) wire.Endpoint {
		wake() // for its deadline
		return f
	})
}

// A fetcher is the client's end of a connection for one HTTP request, whose body is empty.
type fetcher struct {
	out      []byte
	in       []byte
	deadline time.Time
	why      error // it has no answer
	done     func(status int, body []byte, err error)
}

// Receive implements wire.Endpoint.
func (f *fetcher) Receive(_ time.Time, p []byte) (int, error) {
	f.in = append(f.in, p...)
	return len(p), nil
}

// Transmit implements wire.Endpoint.
func (f *fetcher) Transmit(spare []byte) []byte {
	out := append(spare[:0], f.out...)
	f.out = nil
	return out
}

// NextTimeout implements wire.Endpoint.
func (f *fetcher) NextTimeout() time.Time { return f.deadline }

// HandleTimeout implements wire.Endpoint.
func (f *fetcher) HandleTimeout(now time.Time) error {
	if now.Before(f.deadline) {
		return nil
	}
	f.why = errNoAnswer
	return errNoAnswer
}

// Disconnect implements wire.Endpoint: all that there is of an answer has come.
func (f *fetcher) Disconnect(time.Time) {
	if f.why != nil {
		f.done(0, nil, f.why)
		return
	}
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(f.in)), nil)
	if err != nil {
		f.done(0, nil, errCutShort)
		return
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		f.done(0, nil, errCutShort)
		return
	}
	f.done(answer.StatusCode, body, nil)
}

// serveWeb begins a node's end of such a connection.
func (l *life) serveWeb(time.Time, string, func()) wire.Endpoint {
	return &webSession{handler: l.handler}
}

// A webSession answers one HTTP request, and ends.
type webSession struct {
	handler http.Handler
	out     []byte
}

// Receive implements wire.Endpoint.
func (s *webSession) Receive(_ time.Time, p []byte) (int, error) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(p)))
	if err != nil {
		return 0, err
	}
	rec := httptest.NewRecorder()
	s.handler.ServeHTTP(rec, req)
	answer := rec.Result()
	answer.ContentLength, answer.Close = int64(rec.Body.Len()), true
	var out bytes.Buffer
	if err := answer.Write(&out); err != nil {
		return 0, err
	}
	s.out = out.Bytes()
	return len(p), errAnswered
}

// Transmit implements wire.Endpoint.
func (s *webSession) Transmit(spare []byte) []byte {
	out := append(spare[:0], s.out...)
	s.out = nil
	return out
}

// NextTimeout implements wire.Endpoint.
func (s *webSession) NextTimeout() time.Time { return time.Time{} }

// HandleTimeout implements wire.Endpoint.
func (s *webSession) HandleTimeout(time.Time) error { return nil }

// Disconnect implements wire.Endpoint.
func (s *webSession) Disconnect(time.Time) {}
