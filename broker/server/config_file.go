package server

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxConfigFile is the largest file of settings, in bytes.
const maxConfigFile = 128 << 10

// keys are the flags whose key in a file is another than their name with _ for -, of all daemons.
var keys = map[string]string{
	"node-id":                           "id",
	"lookupd-tcp-address":               "nsqlookupd_tcp_addresses",
	"auth-http-address":                 "auth_http_addresses",
	"e2e-processing-latency-percentile": "e2e_processing_latency_percentiles",
	"lookupd-http-address":              "nsqlookupd_http_addresses",
	"nsqd-http-address":                 "nsqd_http_addresses",
	"admin-user":                        "admin_users",
}

// notInFiles are the flags that a file cannot set.
var notInFiles = []string{"config", "version"}

// ConfigKey is the key of a flag in a file of settings, and under /config.
func ConfigKey(flag string) string {
	if key, ok := keys[flag]; ok {
		return key
	}
	return strings.ReplaceAll(flag, "-", "_")
}

// Origins are where in a file the flags stand that it has set, as file:line: key.
type Origins map[string]string

// Explain adds to an error that names flags, as --flag, where in the file they stand.
func (o Origins) Explain(err error) error {
	if err == nil {
		return nil
	}
	for word := range strings.FieldsSeq(err.Error()) {
		name, ok := strings.CutPrefix(strings.TrimRight(word, ":,;"), "--")
		if origin := o[name]; ok && origin != "" {
			return fmt.Errorf("%w (%s)", err, origin)
		}
	}
	return err
}

// ReadConfigFile sets flags to what a TOML file says, as upstream's daemons read theirs: all but those that the command line has
// set, so fs has to be parsed before. A list replaces nothing but an empty default. An error tells the line; what the file does not
// say right, upstream passes over, and this refuses: a key that is no flag's.
func ReadConfigFile(fs *flag.FlagSet, name string) (Origins, error) {
	text, err := readSettings(name)
	if err != nil {
		return nil, fmt.Errorf("failed to load config file %s - %w", name, err)
	}
	return readConfig(fs, name, text)
}

func readSettings(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err == nil && len(text) > maxConfigFile {
		err = fmt.Errorf("it has more than %d bytes", maxConfigFile)
	}
	return string(text), err
}

// readConfig is ReadConfigFile for the text of a file.
func readConfig(fs *flag.FlagSet, name, text string) (Origins, error) {
	values := map[string]toml.Primitive{}
	meta, err := toml.Decode(text, &values)
	if bad := (toml.ParseError{}); errors.As(err, &bad) {
		return nil, fmt.Errorf("%s:%d: %s", name, max(1, bad.Position.Line), bad.Message) // package toml gives some errors of the first line none
	}
	if err != nil {
		return nil, fmt.Errorf("failed to load config file %s - %w", name, err)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	origins := Origins{}
	for _, key := range topKeys(meta) {
		line := lineOf(&meta, values[key])
		f := flagOf(fs, key)
		if f == nil {
			return nil, fmt.Errorf("%s:%d: %s: unknown key%s", name, line, key, suggestion(fs, key))
		}
		if given[f.Name] {
			continue
		}
		if err := meta.PrimitiveDecode(values[key], &setting{f.Value}); err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", name, line, key, unwrapTOML(err))
		}
		origins[f.Name] = fmt.Sprintf("%s:%d: %s", name, line, key)
	}
	return origins, nil
}

// topKeys are the keys that stand in no table, and the names of the tables, in the order of the file.
func topKeys(meta toml.MetaData) (keys []string) {
	seen := map[string]bool{}
	for _, key := range meta.Keys() {
		if !seen[key[0]] {
			seen[key[0]] = true
			keys = append(keys, key[0])
		}
	}
	return keys
}

// flagOf is the flag that a key sets, nil if there is none.
func flagOf(fs *flag.FlagSet, key string) (found *flag.Flag) {
	fs.VisitAll(func(f *flag.Flag) {
		if ConfigKey(f.Name) == key && !slices.Contains(notInFiles, f.Name) {
			found = f
		}
	})
	return found
}

// A place is decoded to no more than an error, which tells where the value stands.
type place struct{}

var errPlace = errors.New("the value stands here")

// UnmarshalTOML implements toml.Unmarshaler.
func (*place) UnmarshalTOML(any) error { return errPlace }

// lineOf is the line that a value begins on. A table that a dotted key makes begins with the first value in it.
func lineOf(meta *toml.MetaData, value toml.Primitive) int {
	var at toml.ParseError
	if errors.As(meta.PrimitiveDecode(value, &place{}), &at) && at.Position.Line > 0 {
		return at.Position.Line
	}
	var inner map[string]toml.Primitive
	if meta.PrimitiveDecode(value, &inner) != nil {
		return 0
	}
	line := 0
	for _, v := range inner {
		if l := lineOf(meta, v); line == 0 || l > 0 && l < line {
			line = l
		}
	}
	return line
}

// unwrapTOML is the error that a setting gave.
func unwrapTOML(err error) error {
	if bad := (toml.ParseError{}); errors.As(err, &bad) {
		return errors.New(bad.Message)
	}
	return err
}

// suggestion names the key that is likely meant.
func suggestion(fs *flag.FlagSet, key string) string {
	best, least := "", len(key)/2+1
	fs.VisitAll(func(f *flag.Flag) {
		if slices.Contains(notInFiles, f.Name) {
			return
		}
		far := min(distance(key, ConfigKey(f.Name)), distance(strings.ReplaceAll(key, "-", "_"), strings.ReplaceAll(f.Name, "-", "_")))
		if far < least {
			best, least = ConfigKey(f.Name), far
		}
	})
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is Levenshtein's: how many letters have to be put in, left out or changed to make one word of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
