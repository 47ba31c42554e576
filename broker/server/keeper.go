package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/lookup"
	"github.com/nsqlab/nsqlab/broker/store"
)

const (
	keptFile    = "nsqlookupd.dat"
	keptTmp     = keptFile + ".tmp" // it is being written
	keptDamaged = keptFile + ".bad" // it could not be read
	maxKept     = 1 << 30           // bytes
	keepEvery   = time.Second       // between two writes of it, at the least
	keepShare   = 10                // a write is followed by a rest of so many times its length, at the least
)

// A keeper has what is registered survive the daemon: in a file that is whole at any time.
type keeper struct {
	registry *lookup.Registry
	disk     store.FS
	complain func(now time.Time, err error)
	saved    func(err error) // told of each write how it went

	mu     sync.Mutex
	kept   uint64 // Registry.Changes of what the file has; guarded by mu, as what follows
	sealed bool   // nothing is to be written any more
}

// load has the registry take up what the file has. What is damaged is set aside, and warned of.
func (k *keeper) load(now time.Time) (warning string, err error) {
	k.kept = math.MaxUint64 // the file is written once in any case: then it is known whether it can be
	p, err := k.read()
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("failed to read %s: %w", keptFile, err)
	}
	if err := k.registry.Load(now, p); err != nil {
		if failed := k.disk.Rename(keptFile, keptDamaged); failed != nil {
			return "", failed
		}
		return fmt.Sprintf("%s is damaged and is %s now, nothing is registered - %s", keptFile, keptDamaged, err), nil
	}
	return "", nil
}

func (k *keeper) read() ([]byte, error) {
	size, err := k.disk.Size(keptFile)
	if err != nil {
		return nil, err
	}
	if size > maxKept {
		return nil, fmt.Errorf("it has %d bytes, more than %d", size, maxKept)
	}
	f, err := k.disk.Open(keptFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, size))
}

// keep writes the file when there is need, until the end. What fails is tried again.
func (k *keeper) keep(ended <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			began := time.Now()
			err := k.save()
			now := time.Now()
			if err != nil {
				k.complain(now, err)
			}
			timer.Reset(max(keepEvery, keepShare*now.Sub(began)))
		case <-ended:
			return
		}
	}
}

// save writes the file, if there is anything new.
func (k *keeper) save() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	changes := k.registry.Changes()
	if k.sealed || changes == k.kept {
		return nil
	}
	err := k.write()
	k.saved(err)
	if err != nil {
		return fmt.Errorf("failed to write %s: %w", keptFile, err)
	}
	k.kept = changes
	return nil
}

// write puts a new file in the place of the old one.
func (k *keeper) write() error {
	if err := k.disk.Remove(keptTmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := k.disk.Create(keptTmp)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	err = k.registry.Save(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := k.disk.Rename(keptTmp, keptFile); err != nil {
		return err
	}
	return k.disk.SyncDir()
}

// seal has nothing be written any more: what follows is the end of the sessions, which is no news.
func (k *keeper) seal() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sealed = true
}
