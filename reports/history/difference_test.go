package history

import (
	"errors"
	"iter"
	"testing"
)

// some gives operations, and then an error if there is one.
func some(err error, times ...int) iter.Seq2[Op, error] {
	return func(yield func(Op, error) bool) {
		for _, t := range times {
			if !yield(Op{Time: 1, F: Publish, Msg: uint64(t), Licenses: []string{"no-loss"}}, nil) {
				return
			}
		}
		if err != nil {
			yield(Op{}, err)
		}
	}
}

func TestFirstDifference(t *testing.T) {
	bad := errors.New("bad")
	for _, c := range []struct {
		name string
		a, b iter.Seq2[Op, error]
		line int
		x, y uint64 // messages; 0: the history has ended
		err  error
	}{
		{"equal", some(nil, 1, 2, 3), some(nil, 1, 2, 3), 0, 0, 0, nil},
		{"empty", some(nil), some(nil), 0, 0, 0, nil},
		{"first", some(nil, 1, 2), some(nil, 4, 2), 2, 1, 4, nil},
		{"third", some(nil, 1, 2, 3, 4), some(nil, 1, 2, 5, 4), 4, 3, 5, nil},
		{"the first goes on", some(nil, 1, 2), some(nil, 1), 3, 2, 0, nil},
		{"the second goes on", some(nil, 1), some(nil, 1, 2), 3, 0, 2, nil},
		{"the first cannot be read", some(bad, 1), some(nil, 1, 2), 0, 0, 0, bad},
		{"the second cannot be read", some(nil, 1, 2), some(bad, 1), 0, 0, 0, bad},
		{"the second cannot be read at its end", some(nil, 1), some(bad, 1), 0, 0, 0, bad},
	} {
		line, x, y, err := FirstDifference(c.a, c.b)
		if line != c.line || message(x) != c.x || message(y) != c.y || err != c.err {
			t.Errorf("%s: line %d, %v and %v, %v", c.name, line, x, y, err)
		}
	}
}

func message(op *Op) uint64 {
	if op == nil {
		return 0
	}
	return op.Msg
}
