package broker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestErrorsArePinned: every text that a client can be told when it did wrong stands in a conversation, with what comes of it.
func TestErrorsArePinned(t *testing.T) {
	var conversations strings.Builder
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s does not begin by saying what it shows", name)
		}
		conversations.Write(text)
	}
	lines := errorLines(conversations.String())
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, format := range errorFormats(t, name) {
			found++
			if !pinned(format, lines) {
				t.Errorf("%s: %q is in no conversation", name, format)
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d texts were found in the source", found)
	}
	if pinned("E_INVALID no such error %s", lines) {
		t.Error("a text that no one says is found in a conversation")
	}
}

// errorLines are the errors that clients were told.
func errorLines(conversations string) (lines []string) {
	for _, m := range regexp.MustCompile("(?m)^.*: error [\"`](.*)[\"`]$").FindAllStringSubmatch(conversations, -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// errorFormats are the formats of the errors in a source file.
func errorFormats(t *testing.T, name string) (formats []string) {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "violation" && f.Name != "refusal" {
			return true
		}
		literal, ok := call.Args[0].(*ast.BasicLit)
		if !ok {
			t.Errorf("%s: an error without a literal text", name)
			return true
		}
		format, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		formats = append(formats, format)
		return true
	})
	return formats
}

// pinned says whether a line was made with the format.
func pinned(format string, lines []string) bool {
	text := regexp.QuoteMeta(format)
	text = regexp.MustCompile(`%[sdq]`).ReplaceAllString(text, ".*")
	match := regexp.MustCompile("^" + text + "$")
	for _, line := range lines {
		if match.MatchString(line) {
			return true
		}
	}
	return false
}
