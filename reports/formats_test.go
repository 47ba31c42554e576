package reports

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// written is a report in a format.
func written(t *testing.T, f Format, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b, r); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	return b.String()
}

// To see what a change does to the reports: go test ./reports -run Golden -rewrite, and read the diff.
func TestGolden(t *testing.T) {
	for _, name := range []string{"empty", "full"} {
		for _, f := range Formats {
			path := filepath.Join("testdata", "golden", name+f.Extension)
			got := written(t, f, fixture(t, name))
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is not as in %s: it is\n%s", f.Name, path, got)
			}
		}
	}
}

func fixture(t *testing.T, name string) *Report {
	t.Helper()
	for _, f := range fixtures {
		if f.name == name {
			return f.make()
		}
	}
	t.Fatalf("no fixture %q", name)
	return nil
}

func TestFormatNamed(t *testing.T) {
	for _, want := range Formats {
		if got, err := FormatNamed(want.Name); err != nil || got.Extension != want.Extension {
			t.Errorf("%s: got %s, %v", want.Name, got.Name, err)
		}
	}
	_, err := FormatNamed("pdf")
	if want := `no report format "pdf": there are text, json, junit, markdown, html`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFormatsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Formats {
		if f.Name == "" || f.Usage == "" || f.Write == nil || !strings.HasPrefix(f.Extension, ".") || seen[f.Name] || seen[f.Extension] {
			t.Errorf("format %+v lacks something, or is there twice", f.Name)
		}
		seen[f.Name], seen[f.Extension] = true, true
	}
}

func TestFormatsLeaveTheReportAsItIs(t *testing.T) {
	for _, f := range Formats {
		r := wildReport()
		written(t, f, r)
		if !reflect.DeepEqual(r, wildReport()) {
			t.Errorf("%s changed the report", f.Name)
		}
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriteErrors(t *testing.T) {
	full := errors.New("no space left on device")
	for _, f := range Formats {
		if err := f.Write(brokenWriter{full}, fullReport()); !errors.Is(err, full) {
			t.Errorf("%s: got %v, want %v", f.Name, err, full)
		}
	}
}
