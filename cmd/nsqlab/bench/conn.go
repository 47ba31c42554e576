package bench

import (
	"fmt"
	"net"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	largeBuffer  = 256 << 10 // read at once, and written at once
	idleBuffer   = 256       // of a connection on which nothing is expected but heartbeats and errors
	frameHeader  = 8
	frameReserve = 64 // a message's frame beyond its body, at the most
)

// identify says who we are and asks for nothing: the server's defaults are measured.
var identify = wire.AppendBody([]byte("IDENTIFY\n"), []byte(`{"client_id":"nsqlab-bench","user_agent":"nsqlab-bench"}`))

// A conn is a client's connection: whole frames in, commands out.
type conn struct {
	net.Conn
	in       []byte
	from, to int    // of in: what was read and not parsed
	out      []byte // commands that wait for flush
}

// read waits for bytes and takes all that are there.
func (c *conn) read() error {
	c.to = copy(c.in, c.in[c.from:c.to])
	c.from = 0
	n, err := c.Conn.Read(c.in[c.to:])
	c.to += n
	if n > 0 {
		return nil
	}
	return err
}

// next gives the next frame, which stands until read; ok is false if it has not all come. A heartbeat is answered with the
// next flush; an error frame is an error.
func (c *conn) next() (f wire.Frame, ok bool, err error) {
	for {
		f, n, err := wire.ParseFrame(c.in[c.from:c.to], len(c.in)-frameHeader)
		if err != nil || n == 0 {
			return f, false, err
		}
		c.from += n
		switch {
		case f.Type == wire.FrameError:
			return f, false, fmt.Errorf("the server answered %s", f.Data)
		case f.Type == wire.FrameResponse && string(f.Data) == wire.Heartbeat:
			c.out = append(c.out, "NOP\n"...)
		default:
			return f, true, nil
		}
	}
}

// flush sends the commands that wait.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	err := c.send(c.out)
	c.out = c.out[:0]
	return err
}

// send sends commands. Its error is the server's, if that closed the connection and said why.
func (c *conn) send(p []byte) error {
	_, err := c.Write(p)
	for err != nil {
		_, ok, said := c.next()
		if said != nil {
			return said
		}
		if !ok && c.read() != nil {
			break
		}
	}
	return err
}

// ask sends a command and waits for its OK.
func (c *conn) ask(command []byte) error {
	if err := c.send(command); err != nil {
		return err
	}
	for {
		f, ok, err := c.next()
		if err != nil {
			return err
		}
		if ok && f.Type == wire.FrameResponse {
			if string(f.Data) != "OK" {
				return fmt.Errorf("the server answered %q, want OK", f.Data)
			}
			return nil
		}
		if !ok {
			if err := c.read(); err != nil {
				return err
			}
		}
	}
}

// stay answers heartbeats until the connection ends.
func (c *conn) stay() error {
	for {
		if err := c.read(); err != nil {
			return err
		}
		for {
			if _, ok, err := c.next(); err != nil {
				return err
			} else if !ok {
				break
			}
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
}
