package server

import (
	"errors"
	"io"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
)

// A brokenFS does everything and says that it failed, once it is broken.
type brokenFS struct {
	store.FS
	broken *bool
}

type brokenFile struct {
	store.File
	broken *bool
}

var errBroken = errors.New("broken")

func spoil(broken *bool, err error) error {
	if *broken {
		return errBroken
	}
	return err
}

func (f brokenFS) Create(name string) (store.File, error) {
	file, err := f.FS.Create(name)
	return brokenFile{file, f.broken}, spoil(f.broken, err)
}

func (f brokenFS) Open(name string) (store.File, error) {
	file, err := f.FS.Open(name)
	return brokenFile{file, f.broken}, spoil(f.broken, err)
}

func (f brokenFS) Remove(name string) error     { return spoil(f.broken, f.FS.Remove(name)) }
func (f brokenFS) Rename(from, to string) error { return spoil(f.broken, f.FS.Rename(from, to)) }
func (f brokenFS) SyncDir() error               { return spoil(f.broken, f.FS.SyncDir()) }
func (f brokenFS) List() (all []string, err error) {
	all, err = f.FS.List()
	return all, spoil(f.broken, err)
}

func (f brokenFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, spoil(f.broken, err)
}

func (f brokenFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(p, at)
	return n, spoil(f.broken, err)
}

func (f brokenFile) Sync() error { return spoil(f.broken, f.File.Sync()) }

// Everything that is done to the disk is counted, and what fails once more; what is not there and the end of a file are no failures.
func TestDiskFigures(t *testing.T) {
	broken := false
	f := &diskFigures{}
	w := watchedFS{brokenFS{store.OS{Dir: t.TempDir()}, &broken}, f}
	file, err := w.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := w.Create("b")
	if err != nil {
		t.Fatal(err)
	}
	read, err := w.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	work := func(removed string) {
		_, _ = file.Write([]byte("hello"))
		_, _ = other.Write([]byte("you"))
		_, _ = read.ReadAt(make([]byte, 4), 0)
		_ = file.Sync()
		_ = w.SyncDir()
		_ = w.Rename("b", "c")
		_ = w.Rename("c", "b")
		_, _ = w.List()
		_ = w.Remove(removed)
	}
	work("b")
	if _, err := read.ReadAt(make([]byte, 4), 5); err != io.EOF {
		t.Error(err)
	}
	if _, err := w.Open("none"); err == nil {
		t.Error("opened what is not there")
	}
	if w.Remove("none") == nil {
		t.Error("removed what is not there")
	}
	for o := range operations {
		if n := f.failed[o].Load(); n != 0 {
			t.Errorf("%s failed %d times", operationNames[o], n)
		}
	}
	broken = true
	work("a")
	if _, err := w.Create("d"); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	if _, err := w.Open("d"); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	want := [operations]uint64{createFile: 1, openFile: 1, readFile: 1, writeFile: 2, syncFile: 1, syncDir: 1, removeFile: 1, renameFile: 2, listFiles: 1}
	for o := range operations {
		if n := f.failed[o].Load(); n != want[o] || operationNames[o] == "" {
			t.Errorf("%q failed %d times, want %d", operationNames[o], n, want[o])
		}
	}
	for _, c := range []struct {
		what      string
		got, want uint64
	}{
		{"writes", histogramOf(&f.writes), 4}, {"bytes written", f.written.Load(), 16}, {"bytes read", f.read.Load(), 8},
		{"syncs", histogramOf(&f.syncs), 2}, {"syncs of the folder", histogramOf(&f.folderSync), 2}, {"files removed", f.removed.Load(), 1},
	} {
		if c.got != c.want {
			t.Errorf("%d %s, want %d", c.got, c.what, c.want)
		}
	}
}

func histogramOf(s *stopwatch) uint64 {
	h := s.histogram()
	return h.Count()
}
