package server

import (
	"bytes"
	"testing"
)

// fill has n bytes read in as many reads as it takes, and gives how many those were.
func fill(b *inbox, n int) (reads int) {
	for ; n > 0; reads++ {
		took := min(n, len(b.room()))
		b.add(took)
		b.consume(0)
		n -= took
	}
	return reads
}

func TestInboxIsAsLargeAsWhatComes(t *testing.T) {
	var b inbox
	if b.room(); len(b.buf) != idleBuffer {
		t.Errorf("it begins with %d bytes", len(b.buf))
	}
	for range 100 {
		b.consume(len(b.add(4)))
	}
	if len(b.buf) != idleBuffer {
		t.Errorf("small commands made it %d bytes", len(b.buf))
	}
	for range 10 {
		b.consume(len(b.add(len(b.room()))))
	}
	if len(b.buf) != usualBuffer {
		t.Errorf("much at a time made it %d bytes, want %d", len(b.buf), usualBuffer)
	}
	if reads := fill(&b, 1<<20+100); len(b.buf) != 2<<20 || reads > 20 {
		t.Errorf("a large command made it %d bytes in %d reads", len(b.buf), reads)
	}
	b.consume(b.used)
	for range shrinkAfter - 1 {
		b.consume(len(b.add(10)))
	}
	if len(b.buf) != 2<<20 {
		t.Error("it shrank at once")
	}
	b.consume(len(b.add(10)))
	if len(b.buf) != usualBuffer {
		t.Errorf("after the large command it is %d bytes, want %d", len(b.buf), usualBuffer)
	}
	b.rest()
	if len(b.buf) != idleBuffer {
		t.Errorf("at rest it is %d bytes", len(b.buf))
	}
	fill(&b, 5*idleBuffer)
	if b.rest(); b.used != 5*idleBuffer {
		t.Error("at rest it lost what waits")
	}
}

// A command larger than the buffer makes it just large enough: that one came says nothing of how much will.
func TestInboxHoldsAGreeting(t *testing.T) {
	for _, size := range []int{100, 252, 253, 400, 1000, 3000} {
		var b inbox
		b.room()
		b.consume(min(4, len(b.add(min(4+size, idleBuffer)))))
		fill(&b, size-b.used)
		b.consume(b.used)
		if len(b.buf) > max(idleBuffer, 2*size+8) {
			t.Errorf("4 and %d bytes made it %d bytes", size, len(b.buf))
		}
	}
}

// What goes in comes out, however it is cut up and consumed.
func FuzzInbox(f *testing.F) {
	f.Add([]byte{1, 0, 255, 3, 200, 0, 7})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var b inbox
		var sent, seen int // bytes are numbered modulo 251
		for _, step := range steps {
			room := b.room()
			if len(room) == 0 {
				t.Fatal("no room")
			}
			n := min(int(step)*37, len(room))
			for i := range n {
				room[i] = byte((sent + i) % 251)
			}
			sent += n
			all := b.add(n)
			want := make([]byte, len(all))
			for i := range want {
				want[i] = byte((seen + i) % 251)
			}
			if !bytes.Equal(all, want) || seen+len(all) != sent {
				t.Fatal("what waits is not what came")
			}
			used := 0
			if step%3 != 0 {
				used = len(all) * int(step%7) / 6
			}
			seen += used
			b.consume(used)
			if step%5 == 0 {
				b.rest()
			}
		}
	})
}
