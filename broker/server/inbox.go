package server

const (
	idleBuffer  = 256      // held by a connection on which little arrives
	firstBuffer = 16 << 10 // once a read has filled that with whole commands
	usualBuffer = 64 << 10 // the most that speed asks for; only a larger command makes it larger
	shrinkAfter = 64       // reads without such a command, and a larger buffer is given back
)

// An inbox gathers what was read until the endpoint has consumed it. It is as large as what comes makes it.
type inbox struct {
	buf   []byte
	used  int // bytes at the front that wait to be consumed
	small int // reads since more than usualBuffer was used
}

// room gives the space to read into, never none.
func (b *inbox) room() []byte {
	if b.used == len(b.buf) {
		b.resize(max(idleBuffer, 2*len(b.buf)))
	}
	return b.buf[b.used:]
}

// add says that n bytes were read into the room, and gives all that waits.
func (b *inbox) add(n int) []byte {
	b.used += n
	if b.small++; b.used > usualBuffer {
		b.small = 0
	}
	return b.waits()
}

// put adds a copy of p.
func (b *inbox) put(p []byte) {
	for len(p) > 0 {
		n := copy(b.room(), p)
		b.add(n)
		p = p[n:]
	}
}

// waits gives all that waits.
func (b *inbox) waits() []byte { return b.buf[:b.used] }

// consume drops n bytes from the front. A buffer that commands have filled grows, one that has been too large for long shrinks.
func (b *inbox) consume(n int) {
	filled := n > len(b.buf)/2 && b.used == len(b.buf)
	b.used = copy(b.buf, b.buf[n:b.used])
	switch {
	case filled && len(b.buf) < usualBuffer:
		b.resize(max(firstBuffer, 2*len(b.buf)))
	case b.small >= shrinkAfter && len(b.buf) > usualBuffer:
		b.resize(usualBuffer)
	}
}

// rest gives the memory back while nothing arrives.
func (b *inbox) rest() {
	if b.used == 0 && len(b.buf) > idleBuffer {
		b.resize(idleBuffer)
	}
}

func (b *inbox) resize(size int) {
	buf := make([]byte, size)
	copy(buf, b.buf[:b.used])
	b.buf = buf
}
