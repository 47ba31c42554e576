package server

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A Level is how much a line of the log matters. It is a flag.Value and reads debug, info, warn, error or fatal.
type Level int

// The levels, from the most talkative.
const (
	Debug Level = iota + 1
	Info
	Warn
	Error
	Fatal
)

var levels = []struct {
	level     Level
	name, tag string
}{
	{Debug, "debug", "DEBUG"},
	{Info, "info", "INFO"},
	{Warn, "warn", "WARNING"},
	{Error, "error", "ERROR"},
	{Fatal, "fatal", "FATAL"},
}

// String gives the name that Set reads.
func (l Level) String() string {
	for _, e := range levels {
		if e.level == l {
			return e.name
		}
	}
	return fmt.Sprintf("level %d", int(l))
}

// Set reads a level's name, in any case.
func (l *Level) Set(name string) error {
	for _, e := range levels {
		if e.name == strings.ToLower(name) {
			*l = e.level
			return nil
		}
	}
	return fmt.Errorf("log level %q: want debug, info, warn, error or fatal", name)
}

// A Log takes the lines of a daemon's log. Safe from any goroutine; nil drops them.
type Log func(level Level, format string, args ...any)

// WriteLog makes a Log that writes what is of the given level or above as lines of nsqd's format: the prefix, the local time,
// the level and the text.
func WriteLog(w io.Writer, prefix string, least Level) Log {
	var mu sync.Mutex
	return func(level Level, format string, args ...any) {
		if level < least {
			return
		}
		var tag string
		for _, e := range levels {
			if e.level == level {
				tag = e.tag
			}
		}
		line := fmt.Sprintf("%s%s %s: %s\n", prefix, time.Now().Format("2006/01/02 15:04:05.000000"), tag, fmt.Sprintf(format, args...))
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(w, line) // there is nowhere to tell of a log that cannot be written
	}
}
