package scenarios

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A valueType is what a scalar may be: how it is read, what to tell a person who wrote something else, and its JSON Schema.
type valueType struct {
	want  string
	read  func(text string) (any, bool)
	shape map[string]any
}

const durationPattern = `^([0-9]+(\.[0-9]+)?(us|ms|s|m|h))+$`

// The types of scalars.
var (
	text     = valueType{"text", func(s string) (any, bool) { return s, true }, pattern("")}
	duration = valueType{"a duration of more than 0 with its unit, such as 20ms or 1m30s", readDuration(1), pattern(durationPattern)}
	moment   = valueType{"a time since the start with its unit, such as 0s or 2500ms", readDuration(0), pattern(durationPattern)}
	span     = valueType{"a duration with its unit, such as 0s or 20ms", readDuration(0), pattern(durationPattern)}
	perSec   = valueType{"a number a second, such as 200/s", readPerSecond, pattern(`^[0-9]+(\.[0-9]+)?/s$`)}
	byteRate = valueType{"bytes a second, such as 500B/s, 10KB/s or 2MB/s", readByteRate, pattern(`^[0-9]+(\.[0-9]+)?(B|KB|MB)/s$`)}
	bytesOf  = valueType{fmt.Sprintf("a number of bytes, %d or more", bodyHead), readWhole(bodyHead, 1<<30), whole(bodyHead)}
	seedOf   = valueType{"a whole number from 0", readSeed, whole(0)}
	count    = valueType{"a whole number from 1 to 10000", readWhole(1, 10000), whole(1)}
	fromZero = valueType{"a whole number from 0 to 10000", readWhole(0, 10000), whole(0)}
	part     = valueType{"a share of more than 0% and at most 100%", readPart, pattern(`^[0-9]+(\.[0-9]+)?%$`)}
	share    = valueType{"a share, from 0% to 100%", readShare, pattern(`^[0-9]+(\.[0-9]+)?%$`)}
	yesNo    = valueType{"true or false", readFlag, map[string]any{"type": "boolean"}}
	topic    = valueType{"a topic's name", readName, pattern(`^[.a-zA-Z0-9_-]+(#ephemeral)?$`)}
	queue    = valueType{"topic/channel", readQueue, pattern(`^[.a-zA-Z0-9_-]+(#ephemeral)?/[.a-zA-Z0-9_-]+(#ephemeral)?$`)}
	findBy   = valueType{"lookup", func(s string) (any, bool) { return s, s == "lookup" }, map[string]any{"enum": []string{"lookup"}}}
	direct   = words("in", "out", "both")
	shift    = valueType{"a duration with a sign, not 0, such as 30s or -1h", readShift, pattern(`^-?([0-9]+(\.[0-9]+)?(us|ms|s|m|h))+$`)}
	drift    = valueType{"how much too fast, not 0, more than -100% and 100% at the most, such as 10%, -50% or 200ppm", readDrift, pattern(`^-?[0-9]+(\.[0-9]+)?(%|ppm)$`)}
	roomOf   = valueType{"a number of bytes with its unit, such as 0B, 500B, 64KB or 2MB", readBytes, pattern(`^[0-9]+(B|KB|MB)$`)}
	fileName = valueType{"a pattern of names of files, such as \"*.log\"", readPattern, pattern("")}
	option   = valueType{"a value", func(s string) (any, bool) { return s, true }, map[string]any{"type": []string{"string", "number", "boolean"}}}
)

// words is the type of a scalar that is one of some words.
func words(all ...string) valueType {
	want := strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
	return valueType{want, func(s string) (any, bool) { return s, slices.Contains(all, s) }, map[string]any{"enum": all}}
}

func pattern(p string) map[string]any {
	m := map[string]any{"type": "string"}
	if p != "" {
		m["pattern"] = p
	}
	return m
}

func whole(least int) map[string]any { return map[string]any{"type": "integer", "minimum": least} }

func readDuration(least time.Duration) func(string) (any, bool) {
	return func(s string) (any, bool) {
		d, err := time.ParseDuration(s)
		return d, err == nil && d >= least && s != "0"
	}
}

func readPerSecond(s string) (any, bool) {
	n, ok := strings.CutSuffix(s, "/s")
	v, err := strconv.ParseFloat(n, 64)
	return v, ok && err == nil && v > 0 && !math.IsInf(v, 0) && v <= 1e6
}

func readByteRate(s string) (any, bool) {
	n, perSecond := strings.CutSuffix(s, "/s")
	n, factor, ok := cutBytes(n)
	v, err := strconv.ParseFloat(n, 64)
	return v * float64(factor), perSecond && ok && err == nil && v > 0 && !math.IsInf(v, 0)
}

func readBytes(s string) (any, bool) {
	n, factor, ok := cutBytes(s)
	v, err := strconv.ParseUint(n, 10, 32)
	return int64(v) * factor, ok && err == nil
}

// cutBytes takes the unit from a number of bytes, if it has one.
func cutBytes(s string) (number string, factor int64, ok bool) {
	number, ok = strings.CutSuffix(s, "B")
	factor = 1
	if m, kilo := strings.CutSuffix(number, "K"); kilo {
		number, factor = m, 1e3
	} else if m, mega := strings.CutSuffix(number, "M"); mega {
		number, factor = m, 1e6
	}
	return number, factor, ok
}

func readWhole(least, most int) func(string) (any, bool) {
	return func(s string) (any, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && n >= least && n <= most
	}
}

func readSeed(s string) (any, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

func readShare(s string) (any, bool) {
	n, ok := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(n, 64)
	return v / 100, ok && err == nil && v >= 0 && v <= 100
}

func readPart(s string) (any, bool) {
	v, ok := readShare(s)
	return v, ok && v.(float64) > 0
}

func readFlag(s string) (any, bool) { return s == "true", s == "true" || s == "false" }

func readName(s string) (any, bool) { return s, wire.ValidName(s) }

func readQueue(s string) (any, bool) {
	t, c, ok := strings.Cut(s, "/")
	return [2]string{t, c}, ok && wire.ValidName(t) && wire.ValidName(c)
}

func readShift(s string) (any, bool) {
	d, err := time.ParseDuration(s)
	return d, err == nil && d != 0
}

// readDrift reads a share of 1, in millionths.
func readDrift(s string) (any, bool) {
	n, ok := strings.CutSuffix(s, "ppm")
	factor := 1.0
	if !ok {
		n, ok = strings.CutSuffix(s, "%")
		factor = 1e4
	}
	v, err := strconv.ParseFloat(n, 64)
	ppm := math.Round(v * factor)
	return int64(ppm), ok && err == nil && ppm > -1e6 && ppm <= 1e6 && ppm != 0
}

func readPattern(s string) (any, bool) {
	_, err := path.Match(s, "")
	return s, err == nil && s != ""
}

// scalar reads a node as a type.
func (d *decoder) scalar(key string, n ast.Node, t valueType) any {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
	default:
		d.fail(n, "%s: want %s, not a %s", key, t.want, kindOf(n))
		return nil
	}
	s := n.GetToken().Value
	v, ok := t.read(s)
	if !ok {
		d.fail(n, "%s: %q is not %s", key, s, t.want)
		return nil
	}
	return v
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "mapping"
	case *ast.SequenceNode:
		return "list"
	case *ast.NullNode:
		return "missing value"
	}
	return strings.ToLower(n.Type().String())
}
