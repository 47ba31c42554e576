package server

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
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

// A Logger writes a daemon's log as lines of nsqd's format: the prefix, the local time, the level and the text. Its level can change
// while it is used. Safe from any goroutine.
type Logger struct {
	prefix string
	path   string // of the file; empty: it is not the Logger's
	least  atomic.Int32

	mu   sync.Mutex
	to   io.Writer // guarded by mu, as what follows
	file *os.File  // the same as to; nil without a path
}

// WriteLog makes a Logger that writes what is of the given level or above.
func WriteLog(w io.Writer, prefix string, least Level) *Logger {
	l := &Logger{prefix: prefix, to: w}
	l.SetLevel(least)
	return l
}

// OpenLog makes a Logger that appends to a file, which it makes if there is none. Close closes it.
func OpenLog(path, prefix string, least Level) (*Logger, error) {
	file, err := openLogFile(path)
	if err != nil {
		return nil, err
	}
	l := WriteLog(file, prefix, least)
	l.path, l.file = path, file
	return l, nil
}

func openLogFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("failed to open the log: %w", err)
	}
	return file, nil
}

// Prefix is what each line begins with.
func (l *Logger) Prefix() string { return l.prefix }

// Level is the least level that is written.
func (l *Logger) Level() Level { return Level(l.least.Load()) }

// SetLevel changes the least level that is written, from the next line on.
func (l *Logger) SetLevel(least Level) { l.least.Store(int32(least)) }

// Log writes a line, if its level matters enough.
func (l *Logger) Log(level Level, format string, args ...any) {
	if level < l.Level() {
		return
	}
	var tag string
	for _, e := range levels {
		if e.level == level {
			tag = e.tag
		}
	}
	line := fmt.Sprintf("%s%s %s: %s\n", l.prefix, time.Now().Format("2006/01/02 15:04:05.000000"), tag, fmt.Sprintf(format, args...))
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(l.to, line) // there is nowhere to tell of a log that cannot be written
}

// Reopen opens the file of the log anew, for one that has been moved away; no line is lost. What cannot be opened leaves it as it is. A
// log that OpenLog has not made is left so.
func (l *Logger) Reopen() error {
	if l.path == "" {
		return nil
	}
	file, err := openLogFile(l.path)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.file
	l.to, l.file = file, file
	return old.Close()
}

// Close closes the file of a log that OpenLog has made; what is logged afterwards is lost.
func (l *Logger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
