package reports

import (
	"fmt"
	"io"
	"strings"
)

// A Format is a way to write a report down.
type Format struct {
	Name      string // as it is asked for: "junit"
	Extension string // of its files, with the dot: ".xml"
	Usage     string // in one line: what it is good for

	// Write writes the report whole, in one call of w's Write. It leaves the report as it is.
	Write func(w io.Writer, r *Report) error
}

// Formats is the table of them.
var Formats = []Format{Text, JSON, JUnit, Markdown, HTML}

// FormatNamed finds a format by its name; its error lists the names that there are.
func FormatNamed(name string) (Format, error) {
	names := make([]string, 0, len(Formats))
	for _, f := range Formats {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("no report format %q: there are %s", name, strings.Join(names, ", "))
}
