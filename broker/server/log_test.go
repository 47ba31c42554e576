package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The level is changed under those who log, and holds from the next line on.
func TestLogLevelChanges(t *testing.T) {
	var out lockedBuffer
	l := WriteLog(&out, "", Error)
	var talkers sync.WaitGroup
	for range 4 {
		talkers.Go(func() {
			for range 100 {
				l.Log(Debug, "debug")
				l.Log(Fatal, "fatal")
			}
		})
	}
	for range 100 {
		l.SetLevel(Debug)
		l.SetLevel(Fatal)
	}
	talkers.Wait()
	if n := strings.Count(out.text(), " FATAL: fatal\n"); n != 400 {
		t.Errorf("%d lines are fatal", n)
	}
	l.Log(Error, "before")
	l.SetLevel(Error)
	l.Log(Error, "after")
	l.Log(Warn, "below")
	if got := out.text(); l.Level() != Error || strings.Contains(got, "before") || !strings.Contains(got, "ERROR: after\n") || strings.Contains(got, "below") {
		t.Errorf("at level %s: %s", l.Level(), got)
	}
}

// A log that is moved away goes on in a new file, at once and without losing a line.
func TestReopenLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nsqd.log")
	if err := os.WriteFile(path, []byte("what was there\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLog(path, "", Info)
	if err != nil {
		t.Fatal(err)
	}
	const lines = 2000
	var talker sync.WaitGroup
	talker.Go(func() {
		for range lines {
			l.Log(Info, "line")
		}
	})
	moved := 0
	for range 20 {
		if err := os.Rename(path, path+"."+strings.Repeat("x", moved)); err != nil {
			t.Fatal(err)
		}
		moved++
		if err := l.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	talker.Wait()
	l.Log(Info, "last")
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != moved+1 {
		t.Errorf("%d files: %v", len(files), err)
	}
	var all string
	for _, file := range files {
		all += textOf(t, file)
	}
	if n := strings.Count(all, " INFO: line\n"); n != lines || !strings.Contains(all, "what was there\n") {
		t.Errorf("%d of %d lines are there", n, lines)
	}
	if !strings.HasSuffix(textOf(t, path), " INFO: last\n") {
		t.Error("the last line is not in the last file")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// A log that cannot be opened again goes on in the file it has.
func TestReopenLogFails(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "logs", "nsqd.log")
	if _, err := OpenLog(path, "", Info); err == nil || !strings.HasPrefix(err.Error(), "failed to open the log: open "+path) {
		t.Errorf("a log was opened where there is no folder: %v", err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLog(path, "", Info)
	if err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(folder, "aside")
	if err := os.Rename(filepath.Dir(path), aside); err != nil {
		t.Fatal(err)
	}
	d := startNsqd(t, func(c *Config) { c.Log = l })
	second := errors.New("the second")
	d.reloads = append(d.reloads, func() error { return second })
	if err := d.Reload(); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, second) {
		t.Errorf("reloaded: %v", err)
	}
	l.Log(Info, "still there")
	if got := textOf(t, filepath.Join(aside, "nsqd.log")); !strings.HasSuffix(got, " INFO: still there\n") {
		t.Errorf("the log is %q", got)
	}
}

// A log that is not in a file has nothing to open or close.
func TestReopenOtherLogs(t *testing.T) {
	l := WriteLog(os.Stderr, "", Info)
	if err := errors.Join(l.Reopen(), l.Close(), startNsqd(t, nil).Reload()); err != nil {
		t.Error(err)
	}
}

func textOf(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
