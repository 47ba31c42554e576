package wire

import (
	"bytes"
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// FuzzParseCommand: what AppendCommand writes, ParseLine reads, and nothing of it before its newline has come.
func FuzzParseCommand(f *testing.F) {
	f.Add("PUB", "orders", "")
	f.Add("DPUB", "orders", "1000")
	f.Add("", "", "")
	f.Add("REQ", "0123456789abcdef", "x\r")
	f.Fuzz(func(t *testing.T, name, first, second string) {
		for _, word := range []string{name, first, second} {
			if strings.ContainsAny(word, " \n") {
				t.Skip("two words")
			}
		}
		p := AppendCommand([]byte("before"), name, first, second)[len("before"):]
		if len(p) > MaxLine {
			t.Skip("long")
		}
		for _, end := range []int{0, len(p) / 2, len(p) - 1} {
			if _, n, err := ParseLine(p[:end]); n != 0 || err != nil {
				t.Fatalf("ParseLine(%q) = %d, %v", p[:end], n, err)
			}
		}
		c, n, err := ParseLine(append(p, "NOP\n"...))
		second = strings.TrimSuffix(second, "\r")
		words := []string{string(c.Name), string(c.Args[0]), string(c.Args[1])}
		if err != nil || n != len(p) || c.Params != 2 || !slices.Equal(words, []string{name, first, second}) {
			t.Fatalf("ParseLine(%q) = %+v, %d, %v", p, c, n, err)
		}
	})
}

// FuzzParseLine: any line can be written again from what was read of it.
func FuzzParseLine(f *testing.F) {
	for _, line := range []string{"NOP\n", "PUB t\r\nrest", "\n", "  \n", "A b c d e\n", "no end", "\r\n", "\r\r\n"} {
		f.Add([]byte(line))
	}
	f.Add(bytes.Repeat([]byte("x"), MaxLine))
	f.Fuzz(func(t *testing.T, p []byte) {
		c, n, err := ParseLine(p)
		end := bytes.IndexByte(p, '\n')
		if short := end >= 0 && end < MaxLine; short != (n == end+1 && n > 0) || (err != nil) != (!short && len(p) >= MaxLine) {
			t.Fatalf("ParseLine of %d bytes with a newline at %d = %d, %v", len(p), end, n, err)
		}
		if n == 0 {
			return
		}
		words := strings.Split(strings.TrimSuffix(string(p[:end]), "\r"), " ")
		if c.Params != len(words)-1 || string(c.Name) != words[0] || c.Body != nil {
			t.Fatalf("ParseLine(%q) = %+v", p, c)
		}
		for i, arg := range c.Args {
			if want := i+1 < len(words); want != (arg != nil) || want && string(arg) != words[i+1] {
				t.Fatalf("ParseLine(%q): argument %d is %q", p, i, arg)
			}
		}
	})
}

func TestLongestLine(t *testing.T) {
	line := []byte(strings.Repeat("x", MaxLine-1) + "\n")
	if _, n, err := ParseLine(line); n != MaxLine || err != nil {
		t.Errorf("a line of MaxLine bytes: %d, %v", n, err)
	}
	if _, n, err := ParseLine(line[:MaxLine-1]); n != 0 || err != nil {
		t.Errorf("the same without its newline: %d, %v", n, err)
	}
	if _, n, err := ParseLine(append([]byte("x"), line...)); n != 0 || !errors.Is(err, ErrLineTooLong) {
		t.Errorf("a line of one more: %d, %v", n, err)
	}
}

// FuzzParseFrame: any frame can be written again, and none is read before it has all come.
func FuzzParseFrame(f *testing.F) {
	f.Add(AppendFrame(nil, FrameResponse, []byte("OK")), 10)
	f.Add(AppendFrame(nil, FrameError, nil), 0)
	f.Add(AppendFrame(nil, 3, []byte("what")), 10)
	f.Add([]byte{0, 0, 0, 3, 0, 0, 0}, 10)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 10)
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 1<<31-1)
	f.Fuzz(func(t *testing.T, p []byte, maxSize int) {
		maxSize = max(maxSize, 0)
		frame, n, err := ParseFrame(p, maxSize)
		if n == 0 {
			return
		}
		if err != nil || len(frame.Data) > maxSize || frame.Type > FrameMessage {
			t.Fatalf("ParseFrame(%q, %d) = %d %q, %v", p, maxSize, frame.Type, frame.Data, err)
		}
		if again := AppendFrame(nil, frame.Type, frame.Data); !bytes.Equal(again, p[:n]) {
			t.Fatalf("ParseFrame(%q) is written again as %q", p[:n], again)
		}
		for _, end := range []int{0, min(3, n), min(7, n-1), n / 2, n - 1} {
			if _, n, err := ParseFrame(p[:end], maxSize); n != 0 || err != nil {
				t.Fatalf("ParseFrame(%q) = %d, %v", p[:end], n, err)
			}
		}
	})
}

func TestFrameLimits(t *testing.T) {
	p := AppendFrame(nil, FrameMessage, make([]byte, 100))
	if _, n, err := ParseFrame(p, 100); n != len(p) || err != nil {
		t.Errorf("a frame of the largest size: %d, %v", n, err)
	}
	for name, p := range map[string][]byte{
		"too large":             p,
		"without room for type": {0, 0, 0, 3, 0, 0, 0, 0},
		"negative":              {0x80, 0, 0, 0, 0, 0, 0, 0},
		"unknown type":          AppendFrame(nil, 3, nil),
		"negative type":         AppendFrame(nil, -1, nil),
	} {
		if _, n, err := ParseFrame(p, 99); n != 0 || err == nil {
			t.Errorf("a frame that is %s: %d, %v", name, n, err)
		}
	}
}

// FuzzParseMessage: messages can be written and read again, both ways.
func FuzzParseMessage(f *testing.F) {
	f.Add(int64(1795386544938155336), uint16(1), []byte("18a4d6f2e2269000"), []byte("hi"))
	f.Add(int64(-1), uint16(65535), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, timestamp int64, attempts uint16, id, body []byte) {
		m := Message{Timestamp: timestamp, Attempts: attempts, Body: body}
		copy(m.ID[:], id)
		p := AppendMessage([]byte("before"), m)[len("before"):]
		frame, n, err := ParseFrame(p, len(p))
		if err != nil || n != len(p) || frame.Type != FrameMessage {
			t.Fatalf("ParseFrame(%q) = %d %q, %d, %v", p, frame.Type, frame.Data, n, err)
		}
		got, err := ParseMessage(frame.Data)
		same := got.Timestamp == timestamp && got.Attempts == attempts && got.ID == m.ID && bytes.Equal(got.Body, body)
		if err != nil || !same {
			t.Fatalf("ParseMessage(%q) = %v, %v; want %v", frame.Data, got, err, m)
		}
		if _, err := ParseMessage(frame.Data[:min(len(frame.Data)-1, messageHeader-1)]); err == nil {
			t.Fatal("a message without a whole header was read")
		}
	})
}

// FuzzParseBodies: a body that is cut up into messages comes back whole.
func FuzzParseBodies(f *testing.F) {
	f.Add([]byte("one two three"), byte(3))
	f.Add([]byte{}, byte(0))
	f.Fuzz(func(t *testing.T, text []byte, size byte) {
		var bodies [][]byte
		for rest := text; len(rest) > 0; {
			n := min(len(rest), max(1, int(size)))
			bodies, rest = append(bodies, rest[:n]), rest[n:]
		}
		p := AppendBodies(nil, bodies)
		declared, _ := ParseSize(p)
		count, ok := ParseSize(p[4:])
		if !ok || int(declared) != len(p)-4 || int(count) != len(bodies) {
			t.Fatalf("AppendBodies of %d: declares %d bytes of %d, %d messages", len(bodies), declared, len(p), count)
		}
		p = p[8:]
		for _, body := range bodies {
			size, ok := ParseSize(p)
			if !ok || !bytes.Equal(p[4:4+size], body) {
				t.Fatalf("%q: want %q", p, body)
			}
			if alone := AppendBody(nil, body); !bytes.Equal(alone, p[:len(alone)]) {
				t.Fatalf("AppendBody(%q) = %q", body, alone)
			}
			p = p[4+size:]
		}
		if len(p) != 0 {
			t.Fatalf("%q is left", p)
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"", "0", "007", "18446744073709551615", "18446744073709551616", "-1", "+1", "1 ", "0x1", "１"} {
		f.Add(s)
	}
	modulus := new(big.Int).Lsh(big.NewInt(1), 64)
	digits := regexp.MustCompile(`^[0-9]*$`)
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := ParseNumber([]byte(s))
		if ok != (digits.MatchString(s) && !strings.Contains(s, "\n")) {
			t.Fatalf("ParseNumber(%q) = %d, %v", s, n, ok)
		}
		want, _ := new(big.Int).SetString("0"+s, 10)
		if ok && n != want.Mod(want, modulus).Uint64() {
			t.Fatalf("ParseNumber(%q) = %d", s, n)
		}
	})
}

func FuzzValidName(f *testing.F) {
	for _, s := range []string{
		"test", "test-with_period.", "test#ephemeral", "test:ephemeral", "#ephemeral", "a#ephemeral#ephemeral", "a#", "ä", "a b", "",
		strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("x", 54) + Ephemeral, strings.Repeat("x", 55) + Ephemeral, "a\n",
	} {
		f.Add(s)
	}
	valid := regexp.MustCompile(`\A[.a-zA-Z0-9_-]+(#ephemeral)?\z`)
	f.Fuzz(func(t *testing.T, s string) {
		if want := len(s) <= 64 && valid.MatchString(s); ValidName(s) != want {
			t.Fatalf("ValidName(%q) = %v", s, !want)
		}
	})
}

func TestIsEphemeral(t *testing.T) {
	for name, want := range map[string]bool{"a#ephemeral": true, "a": false, "ephemeral": false, "a#ephemeral2": false} {
		if IsEphemeral(name) != want {
			t.Errorf("IsEphemeral(%q) = %v", name, !want)
		}
	}
}
