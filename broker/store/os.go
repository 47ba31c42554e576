package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// OS is a folder of the operating system's.
type OS struct{ Dir string }

func (o OS) path(name string) string { return filepath.Join(o.Dir, name) }

// Create implements FS.
func (o OS) Create(name string) (File, error) {
	return os.OpenFile(o.path(name), os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
}

// Open implements FS.
func (o OS) Open(name string) (File, error) { return os.Open(o.path(name)) }

// Size implements FS.
func (o OS) Size(name string) (int64, error) {
	st, err := os.Stat(o.path(name))
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// Remove implements FS.
func (o OS) Remove(name string) error { return os.Remove(o.path(name)) }

// Rename implements FS.
func (o OS) Rename(from, to string) error { return os.Rename(o.path(from), o.path(to)) }

// List implements FS.
func (o OS) List() ([]string, error) {
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements FS.
func (o OS) SyncDir() error {
	d, err := os.Open(o.Dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
