package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
)

// A counter counts what a disk is asked for.
type counter struct {
	store.FS
	metadata int // times that it was written
	folder   int // times that the folder was synced
}

func (c *counter) Create(name string) (store.File, error) {
	if strings.HasPrefix(name, "nsqd.dat") {
		c.metadata++
	}
	return c.FS.Create(name)
}

func (c *counter) SyncDir() error {
	c.folder++
	return c.FS.SyncDir()
}

// TestManyTopics: what many new topics cost does not grow with their square. The metadata, which tells of all of them, is not written for each, and
// they share syncs of the folder; and yet it tells of all of them soon.
func TestManyTopics(t *testing.T) {
	const topics = 2000
	disk := &counter{FS: store.NewMemory()}
	b, err := Open(birth, DefaultOptions("test"), disk, func() {})
	if err != nil {
		t.Fatal(err)
	}
	now := birth
	settle := func(until time.Time) {
		for next := b.NextSync(); !next.IsZero() && !next.After(until); next = b.NextSync() {
			if next.After(now) {
				now = next
			}
			if err := b.Sync(now); err != nil {
				t.Fatal(err)
			}
		}
		now = until
	}
	for i := range topics {
		if err := publish(b, now, fmt.Sprintf("t%d", i), 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
		settle(now.Add(time.Millisecond))
	}
	settle(now.Add(b.opts.SyncTimeout))
	m, warning, err := store.ReadMetadata(disk, ValidName)
	if err != nil || warning != "" || len(m.Topics) != topics {
		t.Errorf("the metadata tells of %d topics, %s, %v", len(m.Topics), warning, err)
	}
	if most := 150; disk.metadata > most {
		t.Errorf("the metadata was written %d times, want %d at the most", disk.metadata, most)
	}

	disk.folder = 0
	for i := range topics {
		if err := publish(b, now, fmt.Sprintf("u%d", i), 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	settle(now.Add(b.opts.SyncTimeout))
	if most := 40; disk.folder > most {
		t.Errorf("the folder was synced %d times for %d topics, want %d at the most", disk.folder, topics, most)
	}
	if !b.NextSync().IsZero() {
		t.Errorf("it wants a sync at %v though nothing happens", b.NextSync())
	}
}
