package history

import (
	"iter"
	"reflect"
)

// FirstDifference finds where two histories part, in one pass over both: the line of their files, of which the header is the first, and
// the operation that each has there, nil if it has ended before. The line is 0 if they are equal. The error is that of
// whichever cannot be read.
func FirstDifference(a, b iter.Seq2[Op, error]) (line int, x, y *Op, err error) {
	next, stop := iter.Pull2(b)
	defer stop()
	line = 1
	for op, err := range a {
		line++
		if err != nil {
			return 0, nil, nil, err
		}
		other, err, ok := next()
		switch {
		case err != nil:
			return 0, nil, nil, err
		case !ok:
			return line, &op, nil, nil
		case !reflect.DeepEqual(op, other):
			return line, &op, &other, nil
		}
	}
	if other, err, ok := next(); err != nil {
		return 0, nil, nil, err
	} else if ok {
		return line + 1, nil, &other, nil
	}
	return 0, nil, nil, nil
}
