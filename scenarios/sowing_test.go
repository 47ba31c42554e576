package scenarios_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
)

// plantVariable is the environment variable that says which bug is awake, by its number from 1; none is without it.
const plantVariable = "NSQLAB_PLANT"

// A field is a source file of the broker that bugs are sown in: each in a copy of its function, which the function calls if the bug is awake.
type field struct {
	text   string
	tree   *ast.File
	set    *token.FileSet
	calls  []call
	copies strings.Builder
}

// A call of a copy stands at the beginning of its function.
type call struct {
	at   int
	text string
}

func readField(path string) (*field, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := &field{text: string(text), set: token.NewFileSet()}
	f.tree, err = parser.ParseFile(f.set, path, text, parser.SkipObjectResolution)
	return f, err
}

// sow puts a bug into the file.
func (f *field) sow(number int, bug plant) error {
	if n := strings.Count(f.text, bug.old); n != 1 {
		return fmt.Errorf("the plant does not fit any more: broker/%s has %d pieces like this, want one:\n%s", bug.file, n, bug.old)
	}
	from := strings.Index(f.text, bug.old)
	to := from + len(bug.old)
	for _, d := range f.tree.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if ok && f.at(fn.Body.Lbrace) < from && to <= f.at(fn.Body.Rbrace) {
			copied := fmt.Sprint(fn.Name.Name, "Planted", number)
			f.calls = append(f.calls, call{f.at(fn.Body.Lbrace) + 1, f.awake(fn, copied, number)})
			head := f.text[f.at(fn.Pos()):f.at(fn.Name.Pos())] + copied
			fmt.Fprint(&f.copies, "\n", head, f.text[f.at(fn.Name.End()):from], bug.new, f.text[to:f.at(fn.End())], "\n")
			return nil
		}
	}
	return fmt.Errorf("the plant does not fit: it is not in one function of broker/%s", bug.file)
}

func (f *field) at(p token.Pos) int { return f.set.Position(p).Offset }

// awake is the call of a function's copy, if the bug is awake.
func (f *field) awake(fn *ast.FuncDecl, copied string, number int) string {
	var args []string
	for _, p := range fn.Type.Params.List {
		for _, name := range p.Names {
			args = append(args, name.Name)
		}
	}
	if fn.Recv != nil {
		copied = fn.Recv.List[0].Names[0].Name + "." + copied
	}
	called := fmt.Sprintf("%s(%s)", copied, strings.Join(args, ", "))
	if fn.Type.Results == nil {
		return fmt.Sprintf("\n\tif planted(\"%d\") {\n\t\t%s\n\t\treturn\n\t}\n", number, called)
	}
	return fmt.Sprintf("\n\tif planted(\"%d\") {\n\t\treturn %s\n\t}\n", number, called)
}

// source is the file with its bugs.
func (f *field) source() string {
	slices.SortStableFunc(f.calls, func(a, b call) int { return a.at - b.at })
	var out strings.Builder
	done := 0
	for _, c := range f.calls {
		out.WriteString(f.text[done:c.at] + c.text)
		done = c.at
	}
	return out.String() + f.text[done:] + f.copies.String()
}

// alarm is a file for the same package, which says whether a bug is awake: it may fall asleep, and another wake up, while the program runs.
func (f *field) alarm() string {
	return fmt.Sprintf("package %s\n\nimport \"os\"\n\nfunc planted(bug string) bool { return os.Getenv(%q) == bug }\n", f.tree.Name.Name, plantVariable)
}
