package history

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func full() Op {
	return Op{
		Time: 5 * time.Second, Process: "producer-1", Type: Invoke, F: Publish, Node: "b1", Topic: "orders", Channel: "billing",
		Msg: Msg(3, 17), Attempt: 2, Conn: 9, After: time.Second, Due: time.Millisecond, Count: -4, Note: "\"quoted\"\n<é>", Error: "why", Licenses: []string{"no-loss", "x"}, Durability: "os", Ends: true,
		States: []string{"syncing", "in-flight"}, Clients: true, Lingers: time.Minute, Waits: true,
	}
}

func TestRoundTrip(t *testing.T) {
	want := []Op{full(), {Time: 6, Process: "nemesis", Type: OK, F: "kill"}}
	head := Header{Run: "r", Scenario: "s.yaml", Backend: "virtual", Seed: 1, Nodes: []string{"b1"}, Expect: []Expectation{{Promise: "latency", Limits: map[string]time.Duration{"p99": 3}}}}
	var buf bytes.Buffer
	w, err := NewWriter(&buf, head)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range want {
		if err := w.Write(op); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	h, ops, err := Read(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if h.Version = 0; !reflect.DeepEqual(h, head) {
		t.Errorf("header %+v, want %+v", h, head)
	}
	var got []Op
	for op, err := range ops {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, op)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("operations\n%+v, want\n%+v", got, want)
	}
}

func TestOneField(t *testing.T) {
	whole := reflect.ValueOf(full())
	for i := range whole.NumField() {
		var op, got Op
		reflect.ValueOf(&op).Elem().Field(i).Set(whole.Field(i))
		if err := json.Unmarshal(appendOp(nil, &op), &got); err != nil || !reflect.DeepEqual(got, op) {
			t.Errorf("field %s: read %+v, %v", whole.Type().Field(i).Name, got, err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"empty", "", "line 1: no header"},
		{"no JSON", "hello\n", "line 1: header"},
		{"another file", `{"a":1}` + "\n", "nsqlab_history is 0, want 1"},
		{"bad in the middle", `{"nsqlab_history":1}` + "\n" + `{"t":1}` + "\n" + `{"t":` + "\n" + `{"t":2}` + "\n", "line 3"},
		{"bad at the end", `{"nsqlab_history":1}` + "\n" + `{"t":` + "\n", "line 2"},
		{"long", `{"nsqlab_history":1}` + "\n" + strings.Repeat("x", maxLine+1), "too long"},
	} {
		_, ops, err := Read(strings.NewReader(test.file))
		if err == nil {
			for _, e := range ops {
				err = e
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
}

// TestCutOff: the last line of a run that was killed is left out, and the rest is read.
func TestCutOff(t *testing.T) {
	_, ops, err := Read(strings.NewReader(`{"nsqlab_history":1}` + "\n" + `{"t":1,"p":"p","type":"ok","f":"pub"}` + "\n" + `{"t":2,"p":"pr`))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for op, err := range ops {
		if n++; err != nil || op.Time != 1 {
			t.Errorf("read %+v, %v", op, err)
		}
	}
	if n != 1 {
		t.Errorf("read %d operations, want 1", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	w, _ := NewWriter(&bytes.Buffer{}, Header{})
	op := full()
	op.Note, op.Error, op.Licenses = "", "", nil
	for b.Loop() {
		w.w.Reset(discard{})
		_ = w.Write(op)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
