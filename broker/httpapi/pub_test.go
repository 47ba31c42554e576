package httpapi

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPub(t *testing.T) {
	g := newLimitedRig(t, 10, 40)
	g.run([]exchange{
		{"POST", "/pub?topic=t", "0123456789", 200, "OK"},
		{"POST", "/pub?topic=t", "0123456789x", 413, told("MSG_TOO_BIG")},
		{"POST", "/pub?topic=%zz", "0123456789x", 413, told("MSG_TOO_BIG")}, // the body comes first
		{"POST", "/pub?topic=%zz", "", 400, told("MSG_EMPTY")},
		{"POST", "/pub?topic=%zz", "m", 400, told("INVALID_REQUEST")},
		{"POST", "/pub", "m", 400, told("MISSING_ARG_TOPIC")},
		{"POST", "/pub?topic=", "m", 400, told("INVALID_TOPIC")},
		{"POST", "/pub?topic=:&defer=x", "m", 400, told("INVALID_TOPIC")},
		{"POST", "/pub?topic=made&defer=x", "m", 400, told("INVALID_DEFER")},
		{"POST", "/pub?topic=t&defer=", "m", 400, told("INVALID_DEFER")},
		{"POST", "/pub?topic=t&defer=-1", "m", 400, told("INVALID_DEFER")},
		{"POST", "/pub?topic=t&defer=3600001", "m", 400, told("INVALID_DEFER")},
		{"POST", "/pub?topic=t&defer=9223372036854775807", "m", 400, told("INVALID_DEFER")},
		{"POST", "/pub?topic=t&defer=9223372036854775808", "m", 400, told("INVALID_DEFER")},
		{"POST", "/channel/create?topic=t&channel=c", "", 200, ""},
		{"POST", "/pub?topic=t&defer=3600000", "m", 200, "OK"},
		{"POST", "/pub?topic=t&defer=+1000", "m", 400, told("INVALID_DEFER")}, // a plus is a blank
		{"POST", "/pub?topic=t&defer=%2B1000", "m", 200, "OK"},
		{"POST", "/pub?topic=t&defer=0", "m", 200, "OK"},
	})
	topics := g.broker.Stats().Topics
	if len(topics) != 2 || topics[0].Name != "made" {
		t.Errorf("a topic is made before the deferral is looked at: %+v", topics)
	}
	if c := topics[1].Channels[0]; c.Deferred != 2 || c.Depth != 2 {
		t.Errorf("%d deferred and %d waiting, want 2 and 2", c.Deferred, c.Depth)
	}
	w := g.ask("POST", "/pub?topic=t", io.MultiReader(strings.NewReader("01234567"), strings.NewReader("890")))
	if w.Code != 413 || w.Body.String() != told("MSG_TOO_BIG") {
		t.Errorf("too big without a length: %d %q", w.Code, w.Body)
	}
	w = g.ask("POST", "/pub?topic=t", brokenBody{strings.NewReader("012")})
	if w.Code != 500 || w.Body.String() != told("INTERNAL_ERROR") {
		t.Errorf("a body that breaks off: %d %q", w.Code, w.Body)
	}
	g.broker.Close(g.now)
	g.run([]exchange{
		{"POST", "/pub?topic=new", "m", 503, told("EXITING")},
		{"POST", "/mpub?topic=new", "m", 503, told("EXITING")},
	})
}

// A body that is announced as too big is not read.
func TestTooBigIsNotRead(t *testing.T) {
	g := newLimitedRig(t, 10, 40)
	for target, code := range map[string]string{"/pub?topic=t": "MSG_TOO_BIG", "/mpub?topic=t": "BODY_TOO_BIG"} {
		body := strings.NewReader(strings.Repeat("x", 41))
		if w := g.ask("POST", target, body); w.Code != 413 || w.Body.String() != told(code) || body.Len() != 41 {
			t.Errorf("%s: %d %q, and %d bytes were left", target, w.Code, w.Body, body.Len())
		}
	}
}

// A brokenBody ends with an error.
type brokenBody struct{ r io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = errors.New("broken")
	}
	return n, err
}

// binaryBody makes the binary body of an /mpub with the count given and the messages.
func binaryBody(count int32, messages ...string) string {
	p := binary.BigEndian.AppendUint32(nil, uint32(count))
	for _, m := range messages {
		p = binary.BigEndian.AppendUint32(p, uint32(len(m)))
		p = append(p, m...)
	}
	return string(p)
}

func TestMPub(t *testing.T) {
	forty := "0123456789\n012345678\n012345678\n012345678"
	for _, c := range []struct {
		query, body string
		status      int
		answer      string
		queued      int64
	}{
		{"topic=t", "a\nb\nc", 200, "OK", 3},
		{"topic=t", "a\n\n\nb\r\n", 200, "OK", 2},
		{"topic=t", "", 200, "OK", 0},
		{"topic=t", "\n\n", 200, "OK", 0},
		{"topic=t", "0123456789\n", 200, "OK", 1},
		{"topic=t", "a\n0123456789x\n", 413, told("MSG_TOO_BIG"), 0},
		{"topic=t", forty, 200, "OK", 4},
		{"topic=t", forty + "x", 413, told("BODY_TOO_BIG"), 0},
		{"topic=t&binary=false", "a\nb", 200, "OK", 2},
		{"topic=t&binary=0", "a\nb", 200, "OK", 2},
		{"topic=t&binary=true", binaryBody(2, "a", "bc"), 200, "OK", 2},
		{"topic=t&binary=1", binaryBody(1, "a\n"), 200, "OK", 1},
		{"topic=t&binary", binaryBody(1, "a"), 200, "OK", 1},
		{"topic=t&binary=no", binaryBody(1, "a"), 200, "OK", 1},
		{"topic=t&binary=1", binaryBody(1, "a") + "more", 200, "OK", 1},
		{"topic=t&binary=1", binaryBody(1, "0123456789"), 200, "OK", 1},
		{"topic=t&binary=1", "", 413, told("BAD_BODY"), 0},
		{"topic=t&binary=1", "\x00\x00\x00", 413, told("BAD_BODY"), 0},
		{"topic=t&binary=1", binaryBody(0), 413, told("BAD_BODY"), 0},
		{"topic=t&binary=1", binaryBody(-1), 413, told("BAD_BODY"), 0},
		{"topic=t&binary=1", binaryBody(8, "a", "a", "a", "a", "a", "a", "a"), 413, told("BAD_BODY"), 0}, // (40-4)/5 is 7
		{"topic=t&binary=1", binaryBody(7, "a", "a", "a", "a", "a", "a", "a"), 200, "OK", 7},
		{"topic=t&binary=1", binaryBody(2, "a"), 413, told("BAD_MESSAGE"), 0},
		{"topic=t&binary=1", binaryBody(2, "a", ""), 413, told("BAD_MESSAGE"), 0},
		{"topic=t&binary=1", binaryBody(1, "0123456789x"), 413, told("BAD_MESSAGE"), 0},
		{"topic=t&binary=1", binaryBody(1) + "\xff\xff\xff\xff", 413, told("BAD_MESSAGE"), 0},
		{"topic=t&binary=1", binaryBody(1) + "\x00\x00\x00\x02a", 413, told("BAD_MESSAGE"), 0},
		{"topic=%zz", forty + "x", 413, told("BODY_TOO_BIG"), -1}, // the length comes first
		{"topic=%zz", "a", 400, told("INVALID_REQUEST"), -1},
		{"", "a", 400, told("MISSING_ARG_TOPIC"), -1},
		{"topic=:", "a", 400, told("INVALID_TOPIC"), -1},
	} {
		g := newLimitedRig(t, 10, 40)
		g.run([]exchange{{"POST", "/mpub?" + c.query, c.body, c.status, c.answer}})
		queued := int64(-1)
		if st := g.broker.Stats(); len(st.Topics) > 0 {
			queued = st.Topics[0].Depth
		}
		if c.status != 413 && queued != c.queued { // a topic may be made before
			t.Errorf("%s %q: %d messages queued, want %d", c.query, c.body, queued, c.queued)
		}
		if c.status == 413 && queued > 0 {
			t.Errorf("%s %q: refused, and %d messages queued", c.query, c.body, queued)
		}
	}
}

// A body whose length is not told before is limited as well.
func TestMPubWithoutLength(t *testing.T) {
	g := newLimitedRig(t, 10, 40)
	for _, c := range []struct{ query, body, code string }{
		{"topic=t", strings.Repeat("01234567\n", 5), "BODY_TOO_BIG"},
		{"topic=t", strings.Repeat("01234567890\n", 5), "MSG_TOO_BIG"},
		{"topic=t&binary=1", binaryBody(5, "01234567", "01234567", "01234567", "01234567", "01234567"), "BODY_TOO_BIG"},
	} {
		w := g.ask("POST", "/mpub?"+c.query, io.MultiReader(strings.NewReader(c.body)))
		if w.Code != 413 || w.Body.String() != told(c.code) {
			t.Errorf("%s %q: %d %q, want 413 %s", c.query, c.body, w.Code, w.Body, c.code)
		}
	}
	for _, c := range []struct {
		query, body string
		status      int
		answer      string
	}{
		{"topic=t", "a\nb", 500, told("INTERNAL_ERROR")},
		{"topic=t", "a\nb\n", 500, told("INTERNAL_ERROR")},
		{"topic=t&binary=1", binaryBody(2, "a"), 413, told("BAD_MESSAGE")},
	} {
		w := g.ask("POST", "/mpub?"+c.query, brokenBody{strings.NewReader(c.body)})
		if w.Code != c.status || w.Body.String() != c.answer {
			t.Errorf("broken off %s %q: %d %q, want %d %s", c.query, c.body, w.Code, w.Body, c.status, c.answer)
		}
	}
}
