package reports

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/nsqlab/nsqlab/reports/history"
)

// FuzzJudge has any file judged that can be read as a history.
func FuzzJudge(f *testing.F) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		f.Fatal("there are no histories to begin with: ", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, ops, err := history.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		j, err := NewJudge(h)
		if err != nil {
			return
		}
		var all []history.Op
		for op, err := range ops {
			if err != nil {
				return
			}
			j.Observe(op)
			all = append(all, op)
		}
		r, err := j.Report(again(all))
		if err != nil {
			t.Fatal(err)
		}
		if r.Validity.rank() >= len(Validities) || r.Reason == "" {
			t.Errorf("the verdict is %q for %q", r.Validity, r.Reason)
		}
	})
}
