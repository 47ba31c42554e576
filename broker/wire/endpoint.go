// Package wire holds NSQ's V2 protocol as bytes, and the contract of everything that speaks on a connection.
//
// It parses and appends, and keeps no state: [ParseLine] and [ParseFrame] read one command or one frame from the
// front of a buffer, the Append functions add one to the end of another. Slices in a result point into the buffer
// that was parsed. A count of zero bytes read means "not all there yet", never an error.
//
//	c, n, err := wire.ParseLine([]byte("PUB orders\n"))   // c.Name "PUB", c.Args[0] "orders", n 11
//	out = wire.AppendFrame(out, wire.FrameResponse, []byte("OK"))
//
// Integers are big-endian. The rules are those of the NSQ protocol specification, https://nsq.io/clients/tcp_protocol_spec.html.
package wire

import "time"

// An Endpoint is one end of a connection with the socket taken out: bytes and the time go in, bytes and the next
// deadline come out. It never blocks, and it knows no clock but the one it is told.
//
// Receive, HandleTimeout and Disconnect are never called at the same time. Transmit and NextTimeout may be called
// from any goroutine, at any time. After every other call the driver asks both of them again, in this order, for
// what was sent can bring the next timeout nearer; between calls the endpoint asks for that by the wake function
// that it was opened with.
type Endpoint interface {
	// Receive takes the bytes that have arrived and were not consumed before, and consumes whole commands (or
	// frames) from their front. What it leaves is handed in again with more behind it. An empty p says that
	// the peer will send no more. An error is fatal: the driver sends what Transmit still gives, and closes.
	Receive(now time.Time, p []byte) (n int, err error)

	// Transmit gives what waits to be sent, in order, or an empty slice. The endpoint keeps spare (its contents
	// are dropped) to gather what comes next; the caller owns the result until it hands it back as spare.
	// A first Transmit means that the connection stands: until then nothing has left this end.
	Transmit(spare []byte) []byte

	// NextTimeout is when HandleTimeout wants to be called; the zero time means never, a time gone by means now.
	NextTimeout() time.Time

	// HandleTimeout does what is due at now. An early call does nothing. An error is fatal, as in Receive.
	HandleTimeout(now time.Time) error

	// Disconnect says that the connection is gone, or never came to be. Nothing follows it.
	Disconnect(now time.Time)
}
