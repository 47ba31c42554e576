package broker

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPurity: the broker, and what else speaks on a connection, is a function of what it is told.
func TestPurity(t *testing.T) {
	for _, dir := range []string{".", "wire", "client", "lookup"} {
		files := map[string]string{}
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(text)
		}
		if len(files) == 0 && dir != "client" && dir != "lookup" {
			t.Errorf("%s: no source", dir)
		}
		for _, sin := range sins(t, files) {
			t.Error(sin)
		}
	}
}

// TestPurityBites: each rule finds what it is there for, and nothing else.
func TestPurityBites(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"func f() { go f() }", "go statement"},
		{"type t struct{ c chan int }", "channel"},
		{"func f(c <-chan int) {}", "channel"},
		{"func f() { select {} }", "select"},
		{"func f() { <-g() }", "channel"},
		{"func f() { g() <- 1 }", "channel"},
		{"func init() {}", "init"},
		{"import \"time\"\nvar f = time.Now", "time.Now"},
		{"import clock \"time\"\nfunc f() { clock.Sleep(1) }", "time.Sleep"},
		{"import \"time\"\nfunc f() { time.AfterFunc(1, f) }", "time.AfterFunc"},
		{"import . \"time\"", "dot"},
		{"import \"math/rand/v2\"\nfunc f() { rand.IntN(1) }", "rand.IntN"},
		{"import r \"math/rand\"\nfunc f() { r.Shuffle(1, nil) }", "rand.Shuffle"},
		{"import \"crypto/rand\"", "crypto/rand"},
		{"import \"log\"", "log"},
		{"import \"log/slog\"", "log/slog"},
		{"import \"os\"", "os"},
		{"import \"net/http\"", "net/http"},
		{"import \"testing\"", "testing"},
		{"import \"context\"", "context"},
		{"import \"sync\"\nvar w sync.WaitGroup", "sync.WaitGroup"},
		{"import \"fmt\"\nfunc f() { fmt.Println() }", "fmt.Println"},
		{"func f() { println() }", "println"},
		{"var n int\nfunc f() { n = 1 }", "n is changed"},
		{"var n int\nfunc f() { n++ }", "n is changed"},
		{"var m = map[int]int{}\nfunc f() { m[1] = 2 }", "m is changed"},
		{"var m = map[int]int{}\nfunc f() { delete(m, 1) }", "m is changed"},
		{"var s struct{ a []int }\nfunc f() { s.a[0], _ = 1, 2 }", "s is changed"},
		{"var p = &struct{ n int }{}\nfunc f() { (*p).n += 1 }", "p is changed"},
		{"var n int\nfunc f() { for n = range 3 {} }", "n is changed"},
		{"import \"sync\"\nvar mu sync.Mutex", "mu is of a kind that changes"},
		{"import \"sync/atomic\"\nvar count atomic.Int64", "count is of a kind that changes"},
		{"import \"sync\"\nvar cache = &sync.Map{}", "cache is of a kind that changes"},

		{"import (\"errors\"; \"time\"; \"math/rand/v2\")\nvar err = errors.New(\"x\")\nvar table = []int{1}\n" +
			"func f(now time.Time) { err := err; err = nil; _ = rand.New(rand.NewPCG(1, 2)).IntN(table[0]); _ = now.Add(time.Second) }", ""},
		{"var n int\nfunc f() { n := 1; n++; { var n struct{ m int }; n.m = 2 } }", ""},
		{"type time struct{}\nfunc (time) Now() {}\nfunc f() { var time time; time.Now() }", ""},
	} {
		got := sins(t, map[string]string{"sample.go": "package sample\n" + c.source})
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s\nis found guilty: %s", c.source, got)
		case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
			t.Errorf("%s\nwant %q, found %q", c.source, c.want, got)
		}
	}
}

// The functions and types of other packages that are forbidden, or all but some of them.
var (
	forbidden = map[string]*regexp.Regexp{
		"time": regexp.MustCompile(`^(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)$`),
		"sync": regexp.MustCompile(`^(WaitGroup|Cond|NewCond)$`),
		"fmt":  regexp.MustCompile(`^(Print|Scan)`),
	}
	forbiddenImport = regexp.MustCompile(`^(log|os|net|syscall|runtime|testing|unsafe|plugin)(/|$)|^crypto/rand$|^context$`)
	// Of math/rand, what has a seed.
	allowed = regexp.MustCompile(`^(Rand|New|Source|PCG|NewPCG|ChaCha8|NewChaCha8|Zipf|NewZipf)$`)
	// Packages whose types are there to be changed.
	changing = regexp.MustCompile(`^(sync|atomic)$`)
)

// A judge reads the source of one package.
type judge struct {
	fset  *token.FileSet
	info  types.Info
	scope *types.Scope
	found map[string]bool
}

// sins lists what is impure in a package.
func sins(t *testing.T, files map[string]string) []string {
	j := &judge{fset: token.NewFileSet(), found: map[string]bool{}}
	var parsed []*ast.File
	for name, text := range files {
		file, err := parser.ParseFile(j.fset, name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, file)
	}
	j.info = types.Info{Uses: map[*ast.Ident]types.Object{}}
	// Imports are not followed: only what belongs to this package has to be known, the rest is told by its name.
	config := types.Config{Error: func(error) {}}
	pkg, _ := config.Check("", j.fset, parsed, &j.info)
	j.scope = pkg.Scope()
	for _, file := range parsed {
		imports := j.imports(file)
		j.globals(file, imports)
		ast.Inspect(file, func(n ast.Node) bool {
			j.node(n, imports)
			return true
		})
	}
	var list []string
	for sin := range j.found {
		list = append(list, sin)
	}
	slices.Sort(list)
	return list
}

func (j *judge) sin(n ast.Node, format string, args ...any) {
	j.found[fmt.Sprintf("%s: ", j.fset.Position(n.Pos()))+fmt.Sprintf(format, args...)] = true
}

// imports gives the paths of a file's imports by their names in it.
func (j *judge) imports(file *ast.File) map[string]string {
	imports := map[string]string{}
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil || forbiddenImport.MatchString(p) {
			j.sin(spec, "import of %s", p)
		}
		name := path.Base(p)
		if regexp.MustCompile(`^v[0-9]+$`).MatchString(name) {
			name = path.Base(path.Dir(p))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			j.sin(spec, "dot import of %s", p)
		}
		imports[name] = p
	}
	return imports
}

// globals looks at variables of the package: a lock, a counter or a cache is state.
func (j *judge) globals(file *ast.File, imports map[string]string) {
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.VAR {
			continue
		}
		for _, spec := range decl.Specs {
			j.global(spec.(*ast.ValueSpec), imports)
		}
	}
}

func (j *judge) global(spec *ast.ValueSpec, imports map[string]string) {
	ast.Inspect(spec, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := s.X.(*ast.Ident)
		if p := imports[x.String()]; ok && changing.MatchString(path.Base(p)) && !forbiddenName(p, s.Sel.Name) {
			j.sin(spec, "%s is of a kind that changes", spec.Names[0])
		}
		return true
	})
}

func forbiddenName(pkg, name string) bool {
	if pkg == "math/rand" || pkg == "math/rand/v2" {
		return !allowed.MatchString(name)
	}
	return forbidden[pkg] != nil && forbidden[pkg].MatchString(name)
}

func (j *judge) node(n ast.Node, imports map[string]string) {
	switch n := n.(type) {
	case *ast.GoStmt:
		j.sin(n, "go statement")
	case *ast.SelectStmt:
		j.sin(n, "select")
	case *ast.ChanType, *ast.SendStmt:
		j.sin(n, "channel")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			j.sin(n, "channel")
		}
	case *ast.FuncDecl:
		if n.Name.Name == "init" && n.Recv == nil {
			j.sin(n, "init")
		}
	case *ast.SelectorExpr:
		j.selector(n, imports)
	case *ast.CallExpr:
		j.call(n)
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, x := range n.Lhs {
				j.changed(x)
			}
		}
	case *ast.IncDecStmt:
		j.changed(n.X)
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			j.changed(n.Key)
			j.changed(n.Value)
		}
	}
}

func (j *judge) selector(n *ast.SelectorExpr, imports map[string]string) {
	x, ok := n.X.(*ast.Ident)
	if !ok || imports[x.Name] == "" {
		return
	}
	if v, ok := j.info.Uses[x].(*types.Var); ok && v != nil {
		return // a variable that is called like the package
	}
	if forbiddenName(imports[x.Name], n.Sel.Name) {
		p := strings.TrimSuffix(imports[x.Name], "/v2")
		j.sin(n, "%s.%s", path.Base(p), n.Sel.Name)
	}
}

func (j *judge) call(n *ast.CallExpr) {
	f, ok := n.Fun.(*ast.Ident)
	if !ok {
		return
	}
	switch f.Name {
	case "print", "println":
		j.sin(n, "%s", f.Name)
	case "delete", "clear":
		j.changed(n.Args[0])
	}
}

// changed finds the variable whose part is assigned to, if it is one of the package.
func (j *judge) changed(x ast.Expr) {
	switch e := x.(type) {
	case *ast.Ident:
		if v, ok := j.info.Uses[e].(*types.Var); ok && v.Parent() == j.scope {
			j.sin(e, "%s is changed", e.Name)
		}
	case *ast.SelectorExpr:
		j.changed(e.X)
	case *ast.IndexExpr:
		j.changed(e.X)
	case *ast.StarExpr:
		j.changed(e.X)
	case *ast.ParenExpr:
		j.changed(e.X)
	}
}
