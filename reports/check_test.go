package reports

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/reports/history"
)

func TestHistories(t *testing.T) {
	for _, want := range histories {
		t.Run(want.file, func(t *testing.T) {
			h, ops := readHistory(t, want.file)
			p := promiseOf(t, judged(t, h, ops), checkerOf(t, want.file))
			if got := rulingOf(want.file, p); got != want {
				t.Errorf("the verdict is\n%+v, want\n%+v", got, want)
			}
			if p.Summary == "" {
				t.Error("it has no summary")
			}
		})
	}
}

func rulingOf(file string, p Promise) ruling {
	v := ruling{file: file, validity: p.Validity, count: p.Count}
	if len(p.Findings) > 0 {
		v.first = p.Findings[0].Msg + ": " + p.Findings[0].What
	}
	return v
}

// TestEveryChecker has a good and a bad history for each, and no history that is not judged.
func TestEveryChecker(t *testing.T) {
	find := func(file string) ruling {
		i := slices.IndexFunc(histories, func(v ruling) bool { return v.file == file })
		if i < 0 {
			t.Fatalf("%s is not in the table", file)
		}
		return histories[i]
	}
	for _, c := range Checkers {
		if v := find(c.Name + "-good"); v.validity != Valid {
			t.Errorf("%s is %s", v.file, v.validity)
		}
		if v := find(c.Name + "-bad"); v.validity != Invalid && c.Name != Activity.Name || v.count == 0 {
			t.Errorf("%s is %s with %d findings", v.file, v.validity, v.count)
		}
	}
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) != len(histories) {
		t.Errorf("testdata has %d histories, the table %d: %v", len(files), len(histories), err)
	}
	for _, f := range files {
		find(strings.TrimSuffix(filepath.Base(f), ".jsonl"))
	}
}

// TestGoodIsGoodForAll has every other promise hold too in the histories that are good for one.
func TestGoodIsGoodForAll(t *testing.T) {
	for _, v := range histories {
		if !strings.HasSuffix(v.file, "-good") {
			continue
		}
		h, ops := readHistory(t, v.file)
		h.Expect = nil
		if r := judged(t, h, ops); r.Validity != Valid {
			t.Errorf("%s is %s: %s", v.file, r.Validity, r.Reason)
		}
	}
}

// readHistory reads a history of testdata.
func readHistory(t testing.TB, name string) (history.Header, []history.Op) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	h, seq, err := history.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var ops []history.Op
	for op, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, op)
	}
	return h, ops
}

// judged judges a history.
func judged(t testing.TB, h history.Header, ops []history.Op) *Report {
	t.Helper()
	j, err := NewJudge(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range ops {
		j.Observe(op)
	}
	r, err := j.Report(again(ops))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func again(ops []history.Op) iter.Seq2[history.Op, error] {
	return func(yield func(history.Op, error) bool) {
		for _, op := range ops {
			if !yield(op, nil) {
				return
			}
		}
	}
}

// checkerOf is the promise that a file's name begins with.
func checkerOf(t *testing.T, file string) string {
	t.Helper()
	for _, c := range Checkers {
		if strings.HasPrefix(file, c.Name+"-") {
			return c.Name
		}
	}
	t.Fatalf("%s is of no checker", file)
	return ""
}

func promiseOf(t *testing.T, r *Report, name string) Promise {
	t.Helper()
	for _, p := range r.Promises {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("the report has no %s", name)
	return Promise{}
}

// TestExamples keeps few findings as examples, and the worst ones.
func TestExamples(t *testing.T) {
	c := &check{Promise: Promise{Validity: Valid}}
	for i := range maxFindings + 2 {
		c.find(Licensed, 0, uint64(i+1), "permitted")
	}
	c.find(Invalid, 0, 99, "not permitted")
	if c.Validity != Invalid || c.Count != maxFindings+3 || len(c.Findings) != maxFindings {
		t.Errorf("%d findings, %d kept, %s", c.Count, len(c.Findings), c.Validity)
	}
	if first, last := c.Findings[0], c.Findings[maxFindings-1]; first.number != 1 || last.number != 99 {
		t.Errorf("the examples are from %+v to %+v", first, last)
	}
}
