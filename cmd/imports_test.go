// Package cmd_test holds the rules for the repository as a whole.
package cmd_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nsqlab/nsqlab/"

// A rule is a line of the table.
type rule struct {
	pkg     string
	imports []string
}

// allowed is what each package may import of ours, in the order to read them in. A package that is not here is not allowed
// to be; those of cmd may import anything.
var allowed = []rule{
	{"broker/wire", nil},
	{"broker/store", nil},
	{"reports/history", nil},
	{"broker", []string{"broker/wire", "broker/store"}},
	{"broker/client", []string{"broker/wire"}},
	{"broker/lookup", []string{"broker/wire"}},
	{"broker/httpapi", []string{"broker", "broker/lookup"}},
	{"broker/admin", []string{"broker/httpapi"}},
	{"broker/server", []string{"broker", "broker/lookup", "broker/httpapi", "broker/admin", "broker/store", "broker/wire"}},
	{"sim", []string{"broker", "broker/lookup", "broker/httpapi", "broker/store", "broker/wire"}},
	{"sim/live", []string{"sim", "broker/server", "broker", "broker/store", "broker/wire"}},
	{"chaos", []string{"sim", "broker/wire"}},
	{"reports", []string{"reports/history"}},
	{"scenarios", []string{"broker/client", "broker/wire", "sim", "chaos", "reports", "reports/history"}},
}

// TestImports: nothing imports but what the table says. Tests may import more.
func TestImports(t *testing.T) {
	packages := imports(t, os.DirFS(".."))
	if len(packages["broker"]) == 0 {
		t.Error("the imports of broker were not found")
	}
	for _, wrong := range check(packages) {
		t.Error(wrong)
	}
}

func TestImportsBite(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		wrong         int
	}{
		{"broker", "broker/wire", 0},
		{"broker", "sim", 1},
		{"broker/wire", "broker", 1},
		{"reports", "scenarios", 1},
		{"scenarios", "sim/live", 1},
		{"chaos", "broker", 1},
		{"cmd/nsqd", "broker/server", 0},
		{"broker/server", "cmd/nsqd", 1},
		{"cmd", "broker", 1},
		{"broker/util", "broker/wire", 1},
		{"internal/x", "", 1},
	} {
		packages := map[string][]string{c.pkg: {c.imported}}
		if c.imported == "" {
			packages[c.pkg] = nil
		}
		if got := check(packages); len(got) != c.wrong {
			t.Errorf("%s imports %s: %q", c.pkg, c.imported, got)
		}
	}
}

// check lists what is against the table.
func check(packages map[string][]string) (wrong []string) {
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		if strings.HasPrefix(pkg, "cmd/") {
			continue
		}
		line := slices.IndexFunc(allowed, func(r rule) bool { return r.pkg == pkg })
		if line < 0 {
			wrong = append(wrong, fmt.Sprintf("%s is no package of the table", pkg))
			continue
		}
		for _, imported := range packages[pkg] {
			if !slices.Contains(allowed[line].imports, imported) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s", pkg, imported))
			}
		}
	}
	return wrong
}

// imports reads the source of a module: for each package what it imports of ours.
func imports(t *testing.T, root fs.FS) map[string][]string {
	packages := map[string][]string{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() && name != "." && (base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(name)
		if _, ok := packages[pkg]; !ok {
			packages[pkg] = nil
		}
		for _, spec := range file.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(p, module); ok {
				packages[pkg] = append(packages[pkg], ours)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}
