package store_test

import (
	"slices"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/sim"
)

// replay opens a topic's journal and gives what it says.
func replay(t *testing.T, fs store.FS) (*store.Journal, []store.Entry, int64) {
	t.Helper()
	var all []store.Entry
	j, torn, err := store.OpenJournal(fs, "orders", files(t, fs), func(e store.Entry) { all = append(all, e) })
	if err != nil {
		t.Fatal(err)
	}
	return j, all, torn
}

var entries = []store.Entry{
	{Op: store.Opened, Channel: 1, ID: 1000, Name: "billing"},
	{Op: store.Opened, Channel: 2, ID: 1 << 52, Name: "audit#ephemeral"},
	{Op: store.Paused, Channel: 1}, {Op: store.Unpaused, Channel: 1}, {Op: store.Paused},
	{Op: store.Passed, Channel: 1, ID: 5000}, {Op: store.Finished, Channel: 1, ID: 1000},
	{Op: store.Returned, Channel: 1, ID: 1200, Attempts: 65535, Due: 1 << 60}, {Op: store.Emptied, Channel: 2, ID: 7, To: 1 << 40},
	{Op: store.Deleted, Channel: 2}, {Op: store.Synced, ID: 9000}, {Op: store.Sealed, ID: 9000, To: 9999, Plain: 7},
}

// write adds entries as one batch.
func write(t *testing.T, j *store.Journal, entries ...store.Entry) {
	t.Helper()
	for _, e := range entries {
		j.Add(e)
	}
	if err := j.Write(); err != nil {
		t.Fatal(err)
	}
}

func TestJournalRoundTrip(t *testing.T) {
	for name, fs := range map[string]store.FS{"disk": sim.NewDisk(), "folder": store.OS{Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			j, got, _ := replay(t, fs)
			if len(got) != 0 || !j.Stale() {
				t.Fatalf("an empty folder has a journal of %v", got)
			}
			j.Add(entries[0])
			if err := j.Write(); err == nil {
				t.Error("a batch was written before a snapshot")
			}
			if err := j.Snapshot(slices.Values(entries[:2])); err != nil {
				t.Fatal(err)
			}
			for _, e := range entries[2:] {
				write(t, j, e)
			}
			if err := j.Close(); err != nil {
				t.Error(err)
			}
			j, got, torn := replay(t, fs)
			if !slices.Equal(got, entries) || torn != 0 {
				t.Errorf("replayed\n%+v, torn %d, want\n%+v", got, torn, entries)
			}
			if err := j.Snapshot(slices.Values(entries[:1])); err != nil {
				t.Fatal(err)
			}
			if _, got, _ := replay(t, fs); !slices.Equal(got, entries[:1]) {
				t.Errorf("the new snapshot says %v", got)
			}
		})
	}
}

// TestJournalEveryCrash takes the power in the middle of everything: a batch is there whole or not at all, those that were synced are there, and there is
// always a snapshot.
func TestJournalEveryCrash(t *testing.T) {
	disk := sim.NewDisk()
	j, _, _ := replay(t, disk)
	if err := j.Snapshot(slices.Values(entries[:2])); err != nil {
		t.Fatal(err)
	}
	l, _, _ := open(t, disk, store.Options{})
	states := 0
	check := func(least, most int) {
		t.Helper()
		for crashed, err := range disk.States(10_000) {
			if err != nil {
				t.Fatal(err)
			}
			states++
			_, got, _ := replay(t, crashed)
			if len(got) < least || len(got) > most || !slices.Equal(got, entries[:len(got)]) {
				t.Fatalf("a crash leaves %v, want %d to %d entries\n%s", got, least, most, crashed.Dump())
			}
		}
	}
	check(0, 2)
	for n := 2; n < 6; n += 2 {
		write(t, j, entries[n:n+2]...)
		check(0, n+2)
	}
	last := func() {
		t.Helper()
		if err := sync(t, l, j); err != nil {
			t.Fatal(err)
		}
	}
	last()
	check(6, 6)
	write(t, j, entries[6:8]...)
	check(6, 8)
	if err := j.Snapshot(slices.Values(entries[:8])); err != nil {
		t.Fatal(err)
	}
	check(6, 8)
	last()
	check(8, 8)
	if names, _ := disk.List(); len(names) != 1 {
		t.Errorf("%v are left", names)
	}
	if states < 8 {
		t.Errorf("%d states were tried", states)
	}
}

// TestJournalFullDisk: after a write that failed nothing follows it in the same file.
func TestJournalFullDisk(t *testing.T) {
	disk := sim.NewDisk()
	j, _, _ := replay(t, disk)
	if err := j.Snapshot(slices.Values(entries[:2])); err != nil {
		t.Fatal(err)
	}
	full := disk.Fill(5)
	j.Add(entries[2])
	if err := j.Write(); err == nil || !j.Stale() {
		t.Fatalf("writing to a full disk: %v, stale %v", err, j.Stale())
	}
	if _, got, torn := replay(t, disk.Clone()); !slices.Equal(got, entries[:2]) || torn != 5 {
		t.Errorf("replayed %v, torn %d", got, torn)
	}
	if err := j.Snapshot(slices.Values(entries[:3])); err == nil {
		t.Error("a snapshot fits on a full disk")
	}
	if _, got, _ := replay(t, disk.Clone()); !slices.Equal(got, entries[:2]) {
		t.Errorf("after half a snapshot: replayed %v", got)
	}
	full.Clear()
	if err := j.Snapshot(slices.Values(entries[:3])); err != nil {
		t.Fatal(err)
	}
	if _, got, _ := replay(t, disk); !slices.Equal(got, entries[:3]) {
		t.Errorf("after there was room: replayed %v", got)
	}
}

// FuzzJournal opens files of any bytes: it never panics, and an undamaged beginning is kept.
func FuzzJournal(f *testing.F) {
	f.Add(uint16(3), []byte{1, 2, 3})
	f.Add(uint16(40), []byte{})
	f.Fuzz(func(t *testing.T, at uint16, junk []byte) {
		disk := sim.NewDisk()
		j, _, _ := replay(t, disk)
		if err := j.Snapshot(slices.Values(entries[:2])); err != nil {
			t.Fatal(err)
		}
		snapshot := j.Size()
		write(t, j, entries[2:]...)
		names, _ := disk.List()
		data, err := disk.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		from := min(int(at), len(data))
		disk.WriteFile(names[0], append(data[:from:from], junk...))
		var got []store.Entry
		if _, _, err := store.OpenJournal(disk, "orders", files(t, disk), func(e store.Entry) { got = append(got, e) }); err != nil {
			return // said so, and lost nothing
		}
		if int64(from) >= snapshot && (len(got) < 2 || !slices.Equal(got[:2], entries[:2])) {
			t.Errorf("damage at %d, behind the snapshot of %d bytes: replayed %v", from, snapshot, got)
		}
	})
}
