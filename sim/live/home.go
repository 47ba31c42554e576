//go:build unix

package live

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	logLines = 20   // of a node's log in an error
	logBytes = 8192 // in which they are looked for
)

// A home is a node's folder in a workspace.
type home string

func newHome(w *workspace, node string) (home, error) {
	folder, err := w.open()
	if err != nil {
		return "", err
	}
	path, err := os.MkdirTemp(folder, node+"-")
	if err != nil {
		return "", err
	}
	h := home(path)
	return h, os.Mkdir(h.data(), 0o700)
}

// data is where the node keeps what it wants to find after a kill.
func (h home) data() string { return filepath.Join(string(h), "data") }

// openLog opens the node's log to go on with it.
func (h home) openLog() (*os.File, error) {
	return os.OpenFile(filepath.Join(string(h), "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
}

// log is the last lines of it.
func (h home) log() string {
	f, err := h.openLog()
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	text, _ := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-logBytes), logBytes)) // what can be read
	return lastLines(string(text))
}

func (h home) remove() error { return os.RemoveAll(string(h)) }

// lastLines is at most logLines of them.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}
