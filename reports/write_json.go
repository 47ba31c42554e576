package reports

import (
	"bytes"
	"encoding/json"
	"io"
)

// JSON is the [Report] itself, for programs: durations in nanoseconds, and a list that is empty is [], never null.
var JSON = Format{Name: "json", Extension: ".json", Usage: "the whole report, for programs", Write: writeJSON}

func writeJSON(w io.Writer, r *Report) error {
	c := *r
	if c.Nodes == nil {
		c.Nodes = []string{}
	}
	if c.Promises == nil {
		c.Promises = []Promise{}
	}
	if c.Slices == nil {
		c.Slices = []Slice{}
	}
	if c.Faults == nil {
		c.Faults = []Band{}
	}
	if c.Coverage == nil {
		c.Coverage = []Coverage{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(c); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}
