package server

import (
	"flag"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A setting sets a flag to a value of a TOML file, as upstream converts it.
type setting struct{ to flag.Value }

// UnmarshalTOML implements toml.Unmarshaler.
func (s *setting) UnmarshalTOML(v any) error {
	if isList(s.to) {
		return setList(s.to, v)
	}
	k := kindOf(s.to)
	word, ok := k.word(v)
	if !ok {
		return fmt.Errorf("want %s, not %s", k.want, show(v))
	}
	if err := s.to.Set(word); err != nil {
		if _, plain := s.to.(flag.Getter); plain {
			return fmt.Errorf("want %s, not %s", k.want, show(v))
		}
		return err
	}
	return nil
}

// A kind is how flags of a type are set.
type kind struct {
	want string
	word func(v any) (word string, ok bool) // what Set reads; not ok if v is of another type
}

// kindOf is the kind of a flag that is no list. A flag.Value that is not of package flag reads words, and true and false if it may stand alone.
func kindOf(to flag.Value) kind {
	if getter, ok := to.(flag.Getter); ok {
		switch getter.Get().(type) {
		case time.Duration:
			return kind{`a duration such as "250ms" or "1m30s", or an integer of milliseconds`, durationWord}
		case int, int64, uint, uint64:
			return kind{"an integer", integerWord}
		case bool:
			return kind{"true or false", boolWord}
		}
	} else if alone, ok := to.(interface{ IsBoolFlag() bool }); ok && alone.IsBoolFlag() {
		return kind{"true, false or a string", boolOrStringWord}
	}
	return kind{"a string", stringWord}
}

func stringWord(v any) (string, bool) {
	s, ok := v.(string)
	return s, ok
}

// integerWord reads integers, also those that stand in quotes.
func integerWord(v any) (string, bool) {
	if s, ok := v.(string); ok {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	}
	n, ok := v.(int64)
	return strconv.FormatInt(n, 10), ok
}

// durationWord reads Go's durations and integers, which are milliseconds.
func durationWord(v any) (string, bool) {
	if ms, ok := integerWord(v); ok {
		return ms + "ms", true
	}
	return stringWord(v)
}

// boolWord reads true and false, also in quotes. Integers, which upstream takes for the opposite of what they say, are not read.
func boolWord(v any) (string, bool) {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v), true
	case string:
		word := strings.ToLower(v)
		return word, word == "true" || word == "false"
	}
	return "", false
}

func boolOrStringWord(v any) (string, bool) {
	if s, ok := v.(string); ok {
		return s, true
	}
	return boolWord(v)
}

// isList says whether a flag adds up what it is set to: its type is a slice or a map.
func isList(to flag.Value) bool {
	t := reflect.TypeOf(to)
	return t.Kind() == reflect.Pointer && (t.Elem().Kind() == reflect.Slice || t.Elem().Kind() == reflect.Map)
}

// setList sets a list to an array, or to a string with commas.
func setList(to flag.Value, v any) error {
	element := kind{"a string", stringWord}
	if reflect.TypeOf(to).Elem().Elem().Kind() == reflect.Float64 {
		element = kind{"a number", numberWord}
	}
	var elements []any
	switch v := v.(type) {
	case []any:
		elements = v
	case string:
		for word := range strings.SplitSeq(v, ",") {
			if word = strings.TrimSpace(word); word != "" {
				elements = append(elements, word)
			}
		}
	default:
		return fmt.Errorf("want an array, or a string with commas, not %s", show(v))
	}
	for _, e := range elements {
		word, ok := element.word(e)
		if !ok {
			return fmt.Errorf("want %s in it, not %s", element.want, show(e))
		}
		if err := to.Set(word); err != nil {
			return err
		}
	}
	return nil
}

// numberWord reads numbers, also those that stand in quotes.
func numberWord(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// show is a value as an error tells of it.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case bool, int64, float64:
		return fmt.Sprint(v)
	case time.Time:
		return "a time"
	case []any:
		return "an array"
	}
	return "a table"
}
