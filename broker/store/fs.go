package store

import "io"

// FS is where files live: the OS's, or the simulator's. Names are relative to the data path, without folders; a crash is the end of the
// process (what was written stays) or of the machine (what was not synced may go, in any part).
type FS interface {
	// Create makes a file that must not be there, for appending. After a crash of the machine it may be gone until SyncDir.
	Create(name string) (File, error)
	// Open opens a file that is there, for reading.
	Open(name string) (File, error)
	// Size is a file's length in bytes.
	Size(name string) (int64, error)
	// Remove takes a file away. After a crash of the machine it may be back until SyncDir.
	Remove(name string) error
	// Rename gives a file another name, in the place of whatever had it, at once: after a crash of the machine either the old or
	// the new one has it until SyncDir, then the new one.
	Rename(from, to string) error
	// List gives all names, sorted.
	List() ([]string, error)
	// SyncDir makes creations, removals and renamings last through a crash of the machine. After an error they still may not; the
	// next one can make them last.
	SyncDir() error
}

// A File is open for appending or for reading. Reading at the end of the file, or past it, is io.EOF.
type File interface {
	// Write appends. After an error any prefix may have been written.
	io.Writer
	io.ReaderAt
	// Sync makes all that was written last through a crash of the machine. After an error nothing may be taken to last, whatever a
	// second Sync says: the kernel forgets what it could not write.
	Sync() error
	Close() error
}
