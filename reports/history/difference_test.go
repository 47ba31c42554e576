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
		name  string
		a, b  iter.Seq2[Op, error]
		line  int    // 0: none
		ended string // which of them
	}{
		{"the same", counted(9, nil), counted(9, nil), 0, ""},
		{"empty", counted(0, nil), counted(0, nil), 0, ""},
		{"the first", counted(9, nil), counted(9, attempt(0)), 2, ""},
		{"the third", counted(9, nil), counted(9, attempt(2)), 4, ""},
		{"the last", counted(9, attempt(8)), counted(9, nil), 10, ""},
		{"a ends", counted(7, nil), counted(9, nil), 9, "a"},
		{"b ends", counted(9, nil), counted(7, nil), 9, "b"},
		{"a is empty", counted(0, nil), counted(9, nil), 2, "a"},
	} {
		line, a, b, err := FirstDifference(c.a, c.b)
		if err != nil {
			t.Fatal(c.name, err)
		}
		none := c.line == 0
		if line != c.line || (a == nil) != (none || c.ended == "a") || (b == nil) != (none || c.ended == "b") {
			t.Errorf("%s: line %d, %v and %v, want line %d, ended %q", c.name, line, a, b, c.line, c.ended)
		}
		for _, op := range []*Op{a, b} {
			if op != nil && op.Time != time.Duration(c.line-2)*time.Second {
				t.Errorf("%s: an operation of %v", c.name, op.Time)
			}
		}
	}
}

// TestComparisonBefore: a difference is told with the last operations before it, which both have.
func TestComparisonBefore(t *testing.T) {
	for _, same := range []int{0, 1, keptBefore, 20} {
		c := Follow(counted(same+1, nil))
		defer c.Stop()
		for op := range counted(same, nil) {
			if d, err := c.Observe(op); d != nil || err != nil {
				t.Fatal(d, err)
			}
		}
		if c.Line() != same+1 {
			t.Errorf("%d operations end in line %d", same, c.Line())
		}
		d, err := c.Observe(Op{})
		if err != nil || d == nil || len(d.Before) != min(same, keptBefore) {
			t.Fatalf("after %d: %+v, %v", same, d, err)
		}
		for i, op := range d.Before {
			if want := time.Duration(same-len(d.Before)+i) * time.Second; op.Time != want {
				t.Errorf("after %d: operation %d before is of %v, want %v", same, i, op.Time, want)
			}
		}
	}
}

// TestEveryFieldDiffers: no field of an operation is left out of the comparison.
func TestEveryFieldDiffers(t *testing.T) {
	whole := reflect.ValueOf(full())
	for i := range whole.NumField() {
		change := func(_ int, op *Op) { reflect.ValueOf(op).Elem().Field(i).Set(whole.Field(i)) }
		if line, _, _, err := FirstDifference(counted(1, nil), counted(1, change)); line == 0 || err != nil {
			// The plain ones have some values of the full one.
			if !reflect.DeepEqual(whole.Field(i).Interface(), firstField(i)) {
				t.Errorf("field %s is not compared: line %d, %v", whole.Type().Field(i).Name, line, err)
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
	if _, _, _, err := FirstDifference(fails, counted(1, nil)); !errors.Is(err, broken) {
		t.Errorf("a's error is %v", err)
	}
	if _, _, _, err := FirstDifference(counted(1, nil), fails); !errors.Is(err, broken) {
		t.Errorf("b's error is %v", err)
	}
	if _, _, _, err := FirstDifference(fails, counted(0, nil)); !errors.Is(err, broken) {
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
	if line, _, _, err := FirstDifference(counted(200_000, nil), counted(200_000, heap(&after))); line != 0 || err != nil {
		t.Fatal(line, err)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

func BenchmarkFirstDifference(b *testing.B) {
	b.ReportAllocs()
	if line, _, _, err := FirstDifference(counted(b.N, nil), counted(b.N, nil)); line != 0 || err != nil {
		b.Fatal(line, err)
	}
}
