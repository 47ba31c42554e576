package server

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
)

// An operation is something that is done to files, or to their folder.
type operation int

const (
	createFile operation = iota
	openFile
	readFile
	writeFile
	syncFile
	syncDir
	removeFile
	renameFile
	listFiles
	operations // how many there are
)

var operationNames = [operations]string{"create", "open", "read", "write", "sync", "sync_dir", "remove", "rename", "list"}

// diskFigures are what a daemon knows of how its disk does. Safe from any goroutine.
type diskFigures struct {
	writes     stopwatch
	syncs      stopwatch // of files
	folderSync stopwatch
	written    atomic.Uint64 // bytes
	read       atomic.Uint64 // bytes
	removed    atomic.Uint64 // files
	failed     [operations]atomic.Uint64
}

// note counts an operation that failed. What is not there, and the end of a file, is no failure.
func (f *diskFigures) note(o operation, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, io.EOF) {
		f.failed[o].Add(1)
	}
}

// A watchedFS is a store.FS that counts and times what is done to it.
type watchedFS struct {
	store.FS
	figures *diskFigures
}

// Create implements store.FS.
func (w watchedFS) Create(name string) (store.File, error) {
	return w.watch(createFile)(w.FS.Create(name))
}

// Open implements store.FS.
func (w watchedFS) Open(name string) (store.File, error) {
	return w.watch(openFile)(w.FS.Open(name))
}

// watch has what is done to a file that was opened counted, or that it was not.
func (w watchedFS) watch(o operation) func(store.File, error) (store.File, error) {
	return func(f store.File, err error) (store.File, error) {
		w.figures.note(o, err)
		if err != nil {
			return nil, err
		}
		return watchedFile{f, w.figures}, nil
	}
}

// Remove implements store.FS.
func (w watchedFS) Remove(name string) error {
	err := w.FS.Remove(name)
	if err == nil {
		w.figures.removed.Add(1)
	}
	w.figures.note(removeFile, err)
	return err
}

// Rename implements store.FS.
func (w watchedFS) Rename(from, to string) error {
	err := w.FS.Rename(from, to)
	w.figures.note(renameFile, err)
	return err
}

// List implements store.FS.
func (w watchedFS) List() ([]string, error) {
	names, err := w.FS.List()
	w.figures.note(listFiles, err)
	return names, err
}

// SyncDir implements store.FS.
func (w watchedFS) SyncDir() error {
	began := time.Now()
	err := w.FS.SyncDir()
	w.figures.folderSync.add(time.Since(began), 1)
	w.figures.note(syncDir, err)
	return err
}

// A watchedFile is a store.File as watchedFS is a store.FS.
type watchedFile struct {
	store.File
	figures *diskFigures
}

// Write implements io.Writer.
func (w watchedFile) Write(p []byte) (int, error) {
	began := time.Now()
	n, err := w.File.Write(p)
	w.figures.writes.add(time.Since(began), 1)
	w.figures.written.Add(uint64(n))
	w.figures.note(writeFile, err)
	return n, err
}

// ReadAt implements io.ReaderAt.
func (w watchedFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := w.File.ReadAt(p, at)
	w.figures.read.Add(uint64(n))
	w.figures.note(readFile, err)
	return n, err
}

// Sync implements store.File.
func (w watchedFile) Sync() error {
	began := time.Now()
	err := w.File.Sync()
	w.figures.syncs.add(time.Since(began), 1)
	w.figures.note(syncFile, err)
	return err
}
