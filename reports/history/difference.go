package history

import (
	"bytes"
	"iter"
	"slices"
)

// keptBefore is how many operations before a difference are told with it.
const keptBefore = 4

// A Difference is the first place at which two histories are not the same.
type Difference struct {
	Line   int  // in the files of both, where the header is line 1
	A, B   *Op  // that stand there; nil: that history has ended
	Before []Op // that both have, up to that place; a few
}

// FirstDifference reads two histories in step and finds where they differ first: the line of their files, of which the header is the first,
// and the operation that each has there, nil if it has ended. The line is 0 if they are the same to their ends. It holds a few operations,
// however long they are. The error is that of whichever cannot be read.
func FirstDifference(a, b iter.Seq2[Op, error]) (line int, x, y *Op, err error) {
	c := Follow(a)
	defer c.Stop()
	var d *Difference
	for op, err := range b {
		if err != nil {
			return 0, nil, nil, err
		}
		if d, err = c.Observe(op); d != nil || err != nil {
			return d.place(err)
		}
	}
	d, err = c.End()
	return d.place(err)
}

// place is a difference in parts; nil is none.
func (d *Difference) place(err error) (line int, a, b *Op, _ error) {
	if d == nil {
		return 0, nil, nil, err
	}
	return d.Line, d.A, d.B, err
}

// A Comparison reads a history along with another that happens meanwhile. It holds a few operations.
type Comparison struct {
	next   func() (Op, error, bool)
	stop   func()
	line   int
	before []Op
	a, b   []byte
}

// Follow begins to compare a history with operations that are yet to come. Stop must be called in the end.
func Follow(a iter.Seq2[Op, error]) *Comparison {
	c := &Comparison{line: 1}
	c.next, c.stop = iter.Pull2(a)
	return c
}

// Observe takes the next operation of the other history. It gives the difference, if this is one: then nothing more can be compared. The
// error is that of reading.
func (c *Comparison) Observe(op Op) (*Difference, error) {
	c.line++
	mine, err, ok := c.next()
	switch {
	case err != nil:
		return nil, err
	case !ok || !c.same(&mine, &op):
		d := &Difference{Line: c.line, B: kept(op), Before: slices.Clone(c.before)}
		if ok {
			d.A = kept(mine)
		}
		return d, nil
	}
	if len(c.before) == keptBefore {
		c.before = append(c.before[:0], c.before[1:]...)
	}
	c.before = append(c.before, op)
	return nil, nil
}

// kept is an operation to point to: one that is only compared stays off the heap.
func kept(op Op) *Op { return &op }

// same says whether two operations have the same line in a file.
func (c *Comparison) same(a, b *Op) bool {
	c.a, c.b = appendOp(c.a[:0], a), appendOp(c.b[:0], b)
	return bytes.Equal(c.a, c.b)
}

// End says that the other history is over. It gives the difference, if the first goes on.
func (c *Comparison) End() (*Difference, error) {
	mine, err, ok := c.next()
	if !ok || err != nil {
		return nil, err
	}
	return &Difference{Line: c.line + 1, A: kept(mine), Before: slices.Clone(c.before)}, nil
}

// Line is that of the last operation that was observed, in a file with a header; 1 before the first.
func (c *Comparison) Line() int { return c.line }

// Stop lets go of the history that is read.
func (c *Comparison) Stop() { c.stop() }

// Line is the operation as a file has it, without the end of the line.
func (op Op) Line() string { return string(appendOp(nil, &op)) }
