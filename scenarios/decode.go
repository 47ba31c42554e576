package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A decoder walks a file's syntax tree. It keeps the first mistake, and goes on without effect.
type decoder struct {
	file string
	err  *Error
	s    *Scenario
}

// A pair is one entry of a mapping.
type pair struct {
	name  string
	key   ast.Node
	value ast.Node
}

func decode(file string, src []byte, s *Scenario) error {
	d := &decoder{file: file, s: s}
	f, err := parser.ParseBytes(src, 0)
	if err != nil {
		return d.syntax(err)
	}
	if len(f.Docs) != 1 || f.Docs[0].Body == nil {
		return &Error{file, 1, 1, "want one YAML document with brokers, load and faults"}
	}
	root := f.Docs[0].Body
	fields(d, "the scenario", root, scenarioKeys, s)
	if d.err != nil {
		return d.err
	}
	return nil
}

// syntax puts a parser's error into our form.
func (d *decoder) syntax(err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		p := at.GetToken().Position
		return &Error{d.file, p.Line, p.Column, at.GetMessage()}
	}
	return &Error{d.file, 1, 1, err.Error()}
}

func (d *decoder) fail(n ast.Node, format string, args ...any) {
	if d.err != nil {
		return
	}
	line, column := 1, 1
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // a block's own token is its first colon
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		line, column = t.Position.Line, t.Position.Column
	}
	d.err = &Error{d.file, line, column, fmt.Sprintf(format, args...)}
}

// pairs are the entries of a mapping, in order. Each key stands once.
func (d *decoder) pairs(what string, n ast.Node) []pair {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		d.fail(n, "%s: want a mapping of keys and values, not a %s", what, kindOf(n))
		return nil
	}
	var all []pair
	for _, v := range values {
		name := v.Key.GetToken().Value
		if slices.ContainsFunc(all, func(p pair) bool { return p.name == name }) {
			d.fail(v.Key, "%s: %s stands here twice", what, name)
		}
		all = append(all, pair{name, v.Key, v.Value})
	}
	return all
}

// list are the items of a list.
func (d *decoder) list(what string, n ast.Node) []ast.Node {
	if s, ok := n.(*ast.SequenceNode); ok {
		return s.Values
	}
	d.fail(n, "%s: want a list, not a %s", what, kindOf(n))
	return nil
}

// A key is what may stand in a mapping that becomes a T.
type key[T any] struct {
	name     string
	usage    string
	required bool
	typ      *valueType                   // of a scalar; nil if read does it
	set      func(*T, any)                // takes the scalar
	read     func(*decoder, *T, ast.Node) // takes anything else
	get      func(*T) string              // as it is written in a file; empty: it may be left out. See Scenario.Text
	shape    func() map[string]any        // its JSON Schema, where read does it
}

// fields reads a mapping by its table: unknown keys first, then the known ones.
func fields[T any](d *decoder, what string, n ast.Node, keys []key[T], into *T) {
	pairs := d.pairs(what, n)
	for _, p := range pairs {
		if !slices.ContainsFunc(keys, func(k key[T]) bool { return k.name == p.name }) {
			d.fail(p.key, "%s has no key %q; it has %s", what, p.name, names(keys))
			return
		}
	}
	for _, k := range keys { // in the table's order: what comes later may speak of what came before
		i := slices.IndexFunc(pairs, func(p pair) bool { return p.name == k.name })
		switch {
		case i < 0 && k.required:
			d.fail(n, "%s lacks %s: %s", what, k.name, k.usage)
		case i < 0:
		case k.typ == nil:
			k.read(d, into, pairs[i].value)
		default:
			if v := d.scalar(k.name, pairs[i].value, *k.typ); v != nil {
				k.set(into, v)
			}
		}
	}
}

func names[T any](keys []key[T]) string {
	var all []string
	for _, k := range keys {
		all = append(all, k.name)
	}
	return strings.Join(all, ", ")
}
