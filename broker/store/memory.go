package store

import (
	"io"
	"io/fs"
	"maps"
	"slices"
)

// Memory is a folder that ends with the process, for what is never to be on a disk. It is its log's, and under the same lock.
type Memory struct{ files map[string]*memoryFile }

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{map[string]*memoryFile{}} }

type memoryFile struct{ data []byte }

// Create implements FS.
func (m *Memory) Create(name string) (File, error) {
	if m.files[name] != nil {
		return nil, fs.ErrExist
	}
	f := &memoryFile{}
	m.files[name] = f
	return f, nil
}

// Open implements FS.
func (m *Memory) Open(name string) (File, error) {
	if f := m.files[name]; f != nil {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

// Size implements FS.
func (m *Memory) Size(name string) (int64, error) {
	if f := m.files[name]; f != nil {
		return int64(len(f.data)), nil
	}
	return 0, fs.ErrNotExist
}

// Remove implements FS.
func (m *Memory) Remove(name string) error {
	delete(m.files, name)
	return nil
}

// Rename implements FS.
func (m *Memory) Rename(from, to string) error {
	m.files[to] = m.files[from]
	delete(m.files, from)
	return nil
}

// List implements FS.
func (m *Memory) List() ([]string, error) { return slices.Sorted(maps.Keys(m.files)), nil }

// SyncDir implements FS.
func (m *Memory) SyncDir() error { return nil }

// Write implements File.
func (f *memoryFile) Write(p []byte) (int, error) {
	f.data = append(f.data, p...)
	return len(p), nil
}

// ReadAt implements File.
func (f *memoryFile) ReadAt(p []byte, at int64) (n int, err error) {
	if at < int64(len(f.data)) {
		n = copy(p, f.data[at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Sync implements File.
func (f *memoryFile) Sync() error { return nil }

// Close implements File.
func (f *memoryFile) Close() error { return nil }
