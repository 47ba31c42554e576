package server

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
)

// layers are what bytes go through on their way out: compression if there is any, and in the end TLS if there is any. Nothing of
// it touches the connection, so that a slow peer breaks no record in two.
type layers struct {
	top    io.Writer
	flush  func() error // nil if top needs none
	secure *tls.Conn    // nil: no TLS
	sink   *sink
	sent   []byte // what wrap gave last
}

// A sink gathers what is to be sent. TLS answers its peer on its own while it reads, so it has a lock.
type sink struct {
	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = append(s.buf, p...)
	return len(p), nil
}

// take gives what has gathered, and keeps spare to fill next.
func (s *sink) take(spare []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.buf
	s.buf = spare[:0]
	return p
}

// rest gives memory back.
func (s *sink) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.buf) == 0 {
		s.buf = nil
	}
}

// wrap gives the bytes that stand for p on the connection, which are the caller's until the next call.
func (l *layers) wrap(p []byte) (wrapped []byte, err error) {
	if len(p) > 0 {
		if _, err = l.top.Write(p); err == nil && l.flush != nil {
			err = l.flush()
		}
	}
	l.sent = l.sink.take(l.sent)
	return l.sent, err
}

// end has TLS say goodbye, in what the next wrap gives.
func (l *layers) end() {
	if l.secure != nil {
		_ = l.secure.CloseWrite() // it fails if TLS is broken, and then there is nothing to say
	}
}

// rest gives memory back. Nothing that wrap gave may be in use.
func (l *layers) rest() {
	l.sent = nil
	l.sink.rest()
}

// snappy adds Snappy's framing format, one chunk or more a write.
func (l *layers) snappy() {
	w := s2.NewWriter(l.top, s2.WriterSnappyCompat(), s2.WriterBlockSize(snappyBlock), s2.WriterConcurrency(1))
	l.top, l.flush = w, w.Flush
}

// unsnappy reads it. A peer may begin the stream anew whenever it likes.
func unsnappy(r io.Reader) io.Reader { return s2.NewReader(r, s2.ReaderMaxBlockSize(snappyBlock)) }

// deflate adds raw DEFLATE, each write ended by a sync flush.
func (l *layers) deflate(level int) error {
	w, err := flate.NewWriter(l.top, level)
	if err != nil {
		return err
	}
	l.top, l.flush = w, w.Flush
	return nil
}

// snappyBlock is the largest chunk of Snappy's framing format.
const snappyBlock = 64 << 10

// A splice is the connection that TLS has: reads are a driver's, and writes go to the connection until the handshake is over, then to the sink.
type splice struct {
	net.Conn
	source io.Reader
	sink   *sink // nil during the handshake
}

// Read implements net.Conn.
func (s *splice) Read(p []byte) (int, error) { return s.source.Read(p) }

// SetWriteDeadline implements net.Conn. The deadlines are the driver's: TLS would have none of its goodbye sent once it has written that.
func (s *splice) SetWriteDeadline(time.Time) error { return nil }

// Write implements net.Conn.
func (s *splice) Write(p []byte) (int, error) {
	if s.sink == nil {
		return s.Conn.Write(p)
	}
	return s.sink.Write(p)
}
