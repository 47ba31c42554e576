//go:build unix

package live

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

const (
	folderPrefix = "nsqlab-live-"
	ownerFile    = "owner" // locked as long as the folder's owner lives
)

// watch is what the watcher runs. It reads the word that its owner sends when all is well, or the end of the pipe when
// the owner is gone, however it went; then it cleans up and ends. $1 is the folder, $2 a command for the second case.
const watch = `trap '' HUP INT TERM
read -r word
[ "$word" = well ] || eval "$2"
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }`

// A workspace is a folder for temporary things that does not outlive its owner, not even one that is killed: a small
// process beside it watches. Folders that lost their watcher too go when the next one is made.
type workspace struct {
	orphaned func(id string) string // if not nil: what more its watcher runs when the owner was killed

	mu      sync.Mutex
	closed  bool           // guarded by mu
	folder  string         // "" until it is made; guarded by mu
	lock    *os.File       // guarded by mu
	watcher *exec.Cmd      // guarded by mu
	leash   io.WriteCloser // the watcher's input; guarded by mu
}

// open makes the folder, the first time. The last part of its path is an id that no other has.
func (w *workspace) open() (folder string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return "", errors.New("the launcher is closed")
	}
	if w.folder != "" {
		return w.folder, nil
	}
	sweepFolders(os.TempDir())
	if err := w.make(); err != nil {
		return "", fmt.Errorf("make a temporary folder: %w", err)
	}
	command := ""
	if w.orphaned != nil {
		command = w.orphaned(filepath.Base(w.folder))
	}
	if err := w.watch(command); err != nil {
		return "", errors.Join(fmt.Errorf("watch the temporary folder: %w", err), w.discard())
	}
	return w.folder, nil
}

// make makes the folder and locks the owner's file in it. Another's sweep may come in between, and take it.
func (w *workspace) make() error {
	for {
		folder, err := os.MkdirTemp("", folderPrefix)
		if err != nil {
			return err
		}
		name := filepath.Join(folder, ownerFile)
		lock, err := lockFile(name, os.O_CREATE|os.O_EXCL)
		if err == nil {
			w.folder, w.lock = folder, lock
			if _, err = os.Stat(name); err == nil {
				return nil
			}
		}
		os.RemoveAll(folder)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
}

func (w *workspace) watch(command string) error {
	w.watcher = exec.Command("sh", "-c", watch, "nsqlab-watch", w.folder, command)
	w.watcher.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C is for its owner
	w.watcher.Dir = "/"
	leash, err := w.watcher.StdinPipe()
	if err != nil {
		return err
	}
	w.leash = leash
	return w.watcher.Start()
}

// close has the watcher remove the folder, and waits for that.
func (w *workspace) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.folder == "" {
		return nil
	}
	// Should the watcher have failed, or been killed, discard does its work.
	_, _ = io.WriteString(w.leash, "well\n")
	_ = w.leash.Close()
	_ = w.watcher.Wait()
	return w.discard()
}

// discard removes what is left of the folder. mu is held.
func (w *workspace) discard() error {
	err := os.RemoveAll(w.folder)
	w.lock.Close()
	w.folder = ""
	return err
}

// sweepFolders removes those in a directory whose owner is gone.
func sweepFolders(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), folderPrefix) {
			sweepFolder(filepath.Join(dir, e.Name()))
		}
	}
}

// abandoned is whether nobody keeps the folder: its owner's file is gone, or not locked.
func abandoned(folder string) bool {
	lock, err := lockFile(filepath.Join(folder, ownerFile), 0)
	if err == nil {
		lock.Close()
	}
	return err == nil || errors.Is(err, os.ErrNotExist)
}

// sweepFolder removes the folder if it has an owner's file that its owner, being gone, does not lock any more.
func sweepFolder(folder string) {
	lock, err := lockFile(filepath.Join(folder, ownerFile), 0)
	if err != nil {
		return
	}
	defer lock.Close()       // not before the folder is gone
	_ = os.RemoveAll(folder) // another sweep may be at it too
}

func lockFile(name string, flags int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
