package history

import (
	"errors"
	"iter"
	"reflect"
	"runtime"
	"testing"
	"time"
)

// counted gives n operations, one a second, changed by a function where it is not nil.
func counted(n int, change func(i int, op *Op)) iter.Seq2[Op, error] {
	return func(yield func(Op, error) bool) {
		for i := range n {
			op := Op{Time: time.Duration(i) * time.Second, Process: "p", Type: OK, F: Deliver, Msg: Msg(1, uint64(i+1))}
			if change != nil {
				change(i, &op)
			}
			if !yield(op, nil) {
				return
			}
		}
	}
}

func TestFirstDifference(t *testing.T) {
	attempt := func(at int) func(int, *Op) {
		return func(i int, op *Op) {
			if i >= at {
				op.Attempt = 2
			}
		}
	}
	for _, c := range []struct {
		name   string
		a, b   iter.Seq2[Op, error]
		line   int // 0: none
		before int
		ended  string // which of them
	}{
		{"the same", counted(9, nil), counted(9, nil), 0, 0, ""},
		{"empty", counted(0, nil), counted(0, nil), 0, 0, ""},
		{"the first", counted(9, nil), counted(9, attempt(0)), 2, 0, ""},
		{"the third", counted(9, nil), counted(9, attempt(2)), 4, 2, ""},
		{"the last", counted(9, attempt(8)), counted(9, nil), 10, keptBefore, ""},
		{"a ends", counted(7, nil), counted(9, nil), 9, keptBefore, "a"},
		{"b ends", counted(9, nil), counted(7, nil), 9, keptBefore, "b"},
		{"a is empty", counted(0, nil), counted(9, nil), 2, 0, "a"},
	} {
		d, err := FirstDifference(c.a, c.b)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if d == nil {
			if c.line != 0 {
				t.Errorf("%s: no difference, want one in line %d", c.name, c.line)
			}
			continue
		}
		if d.Line != c.line || len(d.Before) != c.before || (d.A == nil) != (c.ended == "a") || (d.B == nil) != (c.ended == "b") {
			t.Errorf("%s: %+v, want line %d with %d before, ended %q", c.name, d, c.line, c.before, c.ended)
			continue
		}
		for i, op := range append(d.Before, orNone(d.A), orNone(d.B)) {
			place := min(c.line-2-c.before+i, c.line-2)
			if op.Process != "" && op.Time != time.Duration(place)*time.Second {
				t.Errorf("%s: operation %d is of %v", c.name, i, op.Time)
			}
		}
	}
}

func orNone(op *Op) Op {
	if op == nil {
		return Op{}
	}
	return *op
}

// TestEveryFieldDiffers: no field of an operation is left out of the comparison.
func TestEveryFieldDiffers(t *testing.T) {
	whole := reflect.ValueOf(full())
	for i := range whole.NumField() {
		change := func(_ int, op *Op) { reflect.ValueOf(op).Elem().Field(i).Set(whole.Field(i)) }
		if d, err := FirstDifference(counted(1, nil), counted(1, change)); d == nil || err != nil {
			// The plain ones have some values of the full one.
			if !reflect.DeepEqual(whole.Field(i).Interface(), firstField(i)) {
				t.Errorf("field %s is not compared: %v, %v", whole.Type().Field(i).Name, d, err)
			}
		}
	}
}

// firstField is a field of the first operation that counted gives.
func firstField(i int) any {
	for op := range counted(1, nil) {
		return reflect.ValueOf(op).Field(i).Interface()
	}
	return nil
}

func TestDifferenceErrors(t *testing.T) {
	broken := errors.New("broken")
	fails := func(yield func(Op, error) bool) { yield(Op{}, broken) }
	if _, err := FirstDifference(fails, counted(1, nil)); !errors.Is(err, broken) {
		t.Errorf("a's error is %v", err)
	}
	if _, err := FirstDifference(counted(1, nil), fails); !errors.Is(err, broken) {
		t.Errorf("b's error is %v", err)
	}
	if _, err := FirstDifference(fails, counted(0, nil)); !errors.Is(err, broken) {
		t.Errorf("a's error behind b's end is %v", err)
	}
}

// TestDifferenceHoldsNothing: what is compared is not kept.
func TestDifferenceHoldsNothing(t *testing.T) {
	var before, after runtime.MemStats
	heap := func(into *runtime.MemStats) func(int, *Op) {
		return func(i int, _ *Op) {
			if i == 199_999 {
				runtime.GC()
				runtime.ReadMemStats(into)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	if d, err := FirstDifference(counted(200_000, nil), counted(200_000, heap(&after))); d != nil || err != nil {
		t.Fatal(d, err)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

func BenchmarkFirstDifference(b *testing.B) {
	b.ReportAllocs()
	if d, err := FirstDifference(counted(b.N, nil), counted(b.N, nil)); d != nil || err != nil {
		b.Fatal(d, err)
	}
}
