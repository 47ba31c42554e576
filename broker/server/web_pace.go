package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// What HTTP bears of slow clients. Upstream bears everything, for ever; these are such that nobody honest meets them.
const (
	headerTime = 30 * time.Second // to send a request up to its body, and before that to shake hands
	idleTime   = 11 * time.Minute // between two requests: longer than proxies keep their connections
	maxHeader  = 64 << 10         // bytes of it
	grace      = time.Minute      // for a body, and for each write of an answer, besides what its length takes
	slowest    = 1 << 10          // bytes a second
)

// atSlowest is how long n bytes may take.
func atSlowest(n int) time.Duration {
	return grace + time.Duration(n)*time.Second/slowest
}

// A paced listener's connections fail when the peer takes an answer too slowly.
type paced struct{ net.Listener }

// Accept implements net.Listener.
func (l paced) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return pacedConn{conn}, nil
}

type pacedConn struct{ net.Conn }

// Write implements net.Conn.
func (c pacedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(atSlowest(len(p)))); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// CloseWrite is what net/http ends a connection with whose peer may be sending still.
func (c pacedConn) CloseWrite() error {
	if !closeWrite(c.Conn) {
		return errors.ErrUnsupported
	}
	return nil
}

// paceBodies has reading a request's body fail when that comes too slowly.
func paceBodies(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			b := pacedBody{ReadCloser: r.Body, control: http.NewResponseController(w), began: time.Now()}
			_ = b.control.SetReadDeadline(b.began.Add(grace)) // for what net/http reads of it that the handler does not
			r = r.WithContext(r.Context())                    // net/http looks at the body of its own
			r.Body = &b
		}
		h.ServeHTTP(w, r)
	})
}

// A pacedBody is a body that has come up to a point.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	began   time.Time
	come    int
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (n int, err error) {
	_ = b.control.SetReadDeadline(b.began.Add(atSlowest(b.come))) // all connections can
	n, err = b.ReadCloser.Read(p)
	if b.come += n; errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{}) // net/http goes on reading, to see the peer go
	}
	return n, err
}
