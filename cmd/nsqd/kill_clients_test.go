package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	pace       = 8 * time.Millisecond   // between a producer's bursts
	burst      = 12                     // commands in one write, at the most
	enough     = 20_000                 // messages that wait for their FINs, and no more are published
	inFlight   = 300                    // of a consumer
	maxDefer   = 500 * time.Millisecond // of a DPUB
	maxRequeue = 100                    // ms of a REQ
)

// A link is a client's connection.
type link struct {
	net.Conn
	in *bufio.Reader
}

func (s *siege) dial() (*link, error) {
	conn, err := net.Dial("tcp", s.tcp)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(conn, wire.Magic)
	return &link{conn, bufio.NewReaderSize(conn, 64<<10)}, err
}

// next waits for a frame.
func (l *link) next() (wire.Frame, error) {
	head, err := l.in.Peek(4)
	if err != nil {
		return wire.Frame{}, err
	}
	p := make([]byte, 4+binary.BigEndian.Uint32(head))
	if _, err := io.ReadFull(l.in, p); err != nil {
		return wire.Frame{}, err
	}
	f, _, err := wire.ParseFrame(p, len(p))
	return f, err
}

// A sent command is answered for these messages.
type sent []uint64

// produce publishes to a topic in bursts until the connection ends.
func (s *siege) produce(topic string) {
	l, err := s.dial()
	if err != nil {
		return // killed already
	}
	defer l.Close()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for range tick.C {
		if s.ledger.behind() > enough {
			continue
		}
		var out []byte
		var open []sent
		for range 1 + rand.IntN(burst) {
			var numbers sent
			out, numbers = s.appendPublication(out, topic)
			open = append(open, numbers)
		}
		if _, err := l.Write(out); err != nil {
			return
		}
		for _, numbers := range open {
			f, err := l.next()
			if err != nil {
				return
			}
			if string(f.Data) != "OK" {
				s.ledger.note("a message to %s was answered %q", topic, f.Data)
				return
			}
			for _, number := range numbers {
				s.ledger.acknowledge(number)
			}
		}
	}
}

// appendPublication appends a command that publishes one message or some.
func (s *siege) appendPublication(out []byte, topic string) ([]byte, sent) {
	switch rand.IntN(6) {
	case 0:
		delay := rand.N(maxDefer).Truncate(time.Millisecond)
		number, body := s.ledger.add(topic, delay)
		ms := strconv.FormatInt(delay.Milliseconds(), 10)
		return wire.AppendBody(wire.AppendCommand(out, "DPUB", topic, ms), body), sent{number}
	case 1:
		var numbers sent
		var bodies [][]byte
		for range 1 + rand.IntN(5) {
			number, body := s.ledger.add(topic, 0)
			numbers, bodies = append(numbers, number), append(bodies, body)
		}
		return wire.AppendBodies(wire.AppendCommand(out, "MPUB", topic), bodies), numbers
	}
	number, body := s.ledger.add(topic, 0)
	return wire.AppendBody(wire.AppendCommand(out, "PUB", topic), body), sent{number}
}

// A mood is what a consumer does with a message: the command, or nothing.
type mood func(id wire.ID) (command []byte, finishes bool)

// diligent finishes every message.
func diligent(id wire.ID) ([]byte, bool) { return wire.AppendCommand(nil, "FIN", id.String()), true }

// moody finishes most, requeues some and leaves some as they are.
func moody(id wire.ID) ([]byte, bool) {
	switch rand.IntN(20) {
	case 0, 1:
		return wire.AppendCommand(nil, "REQ", id.String(), strconv.Itoa(rand.IntN(maxRequeue))), false
	case 2:
		return nil, false
	}
	return diligent(id)
}

// consume gets a channel's messages until the connection ends.
func (s *siege) consume(topic, channel string, index int, m mood) {
	l, err := s.dial()
	if err != nil {
		return
	}
	defer l.Close()
	out := wire.AppendCommand(nil, "SUB", topic, channel)
	out = wire.AppendCommand(out, "RDY", strconv.Itoa(inFlight))
	for {
		if l.in.Buffered() == 0 && len(out) > 0 {
			if _, err := l.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
		f, err := l.next()
		switch {
		case err != nil:
			return
		case f.Type == wire.FrameError:
			s.ledger.note("%s/%s was told %q", topic, channel, f.Data)
			continue
		case f.Type == wire.FrameResponse:
			continue
		}
		msg, err := wire.ParseMessage(f.Data)
		if err != nil {
			s.ledger.note("%s/%s got a message that is none: %v", topic, channel, err)
			return
		}
		number, ok := s.ledger.deliver(topic, index, msg.Body)
		command, finishes := m(msg.ID)
		if ok && finishes {
			s.ledger.finish(number, index)
		}
		out = append(out, command...)
	}
}
