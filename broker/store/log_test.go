package store_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/sim"
)

// body is the n-th message's, which tells its number and is as long as it says.
func body(n, size int) []byte {
	p := fmt.Appendf(nil, "message %d ", n)
	for len(p) < size {
		p = append(p, byte('a'+n%26))
	}
	return p
}

// open opens a log and gives what recovery saw.
func open(t *testing.T, fs store.FS, opts store.Options) (*store.Log, store.Recovery, []string) {
	t.Helper()
	var seen []string
	l, rec, err := store.Open(fs, "orders", files(t, fs), store.Past{First: 1000}, opts, func(_ store.Offset, r store.Record) int64 {
		seen = append(seen, string(r.Body))
		return 1
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l, rec, seen
}

// files are those of the topic.
func files(t *testing.T, fs store.FS) []string {
	t.Helper()
	all, err := store.Files(fs)
	if err != nil {
		t.Fatal(err)
	}
	return all["orders"]
}

// add appends a message of so many bytes that is owed once.
func add(l *store.Log, n, size int) store.Offset {
	return l.Append(store.Record{At: int64(n), Body: body(n, size)})
}

// sync makes all last that was written.
func sync(t *testing.T, l *store.Log, j *store.Journal) error {
	t.Helper()
	p := l.SyncPoint(j)
	if p == nil {
		t.Fatal("nothing is to be synced")
	}
	err := l.Synced(p, p.Sync())
	return err
}

// publish appends and writes messages from a to before b, each owed once.
func publish(t *testing.T, l *store.Log, a, b, size int) (offsets []store.Offset) {
	t.Helper()
	for n := a; n < b; n++ {
		offsets = append(offsets, add(l, n, size))
	}
	if err := l.Write(); err != nil {
		t.Fatal(err)
	}
	return offsets
}

// all reads a log to its end, and counts what it was told of as lost.
func all(t *testing.T, l *store.Log) (bodies []string, lost int) {
	t.Helper()
	var w store.Window
	for o := store.Offset(0); ; {
		var r store.Record
		place, next, err := l.At(o, &w, &r)
		var gone *store.LostError
		switch {
		case errors.Is(err, io.EOF):
			return bodies, lost
		case errors.As(err, &gone):
			lost++
		case err != nil:
			t.Fatal(err)
		default:
			if r.ID != place {
				t.Errorf("the record at %d is called %d", place, r.ID)
			}
			bodies = append(bodies, string(r.Body))
		}
		if next <= o {
			t.Fatalf("the record behind %d stands at %d", o, next)
		}
		o = next
	}
}

func want(n, size int) (bodies []string) {
	for i := range n {
		bodies = append(bodies, string(body(i, size)))
	}
	return bodies
}

func TestReadBack(t *testing.T) {
	for name, fs := range map[string]store.FS{"disk": sim.NewDisk(), "folder": store.OS{Dir: t.TempDir()}} {
		for _, size := range []int{1, 100, 70_000} {
			t.Run(fmt.Sprintf("%s, %d bytes", name, size), func(t *testing.T) {
				opts := store.Options{SegmentBytes: 4 * int64(size+36), TailBytes: 2 * size}
				l, rec, seen := open(t, fs, opts)
				if rec.Records != 0 || len(seen) != 0 {
					t.Fatalf("an empty log has %d records", rec.Records)
				}
				for n := 0; n < 30; n += 3 {
					publish(t, l, n, n+3, size)
				}
				if got, lost := all(t, l); !slices.Equal(got, want(30, size)) || lost != 0 {
					t.Errorf("read %d of 30 records, lost %d", len(got), lost)
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				l, rec, seen = open(t, fs, opts)
				if got, _ := all(t, l); !slices.Equal(got, want(30, size)) || !slices.Equal(seen, got) || rec.Torn != 0 || rec.Lost != nil {
					t.Errorf("after opening again: %d records, recovery %+v", len(got), rec)
				}
				publish(t, l, 30, 31, size)
				if got, _ := all(t, l); !slices.Equal(got, want(31, size)) {
					t.Errorf("after one more: %d records", len(got))
				}
				empty(t, l, fs)
			})
		}
	}
}

// empty takes everything out of a log, and wants its files gone.
func empty(t *testing.T, l *store.Log, fs store.FS) {
	t.Helper()
	var w store.Window
	for o := store.Offset(0); ; {
		var r store.Record
		place, next, err := l.At(o, &w, &r)
		if err != nil {
			break
		}
		o = next
		l.Owe(place, -1)
	}
	if err := errors.Join(sync(t, l, nil), l.Close()); err != nil {
		t.Fatal(err)
	}
	files, err := fs.List()
	if err != nil || len(files) > 1 {
		t.Errorf("%v are left of a log of which nothing is owed but its last segment (%v)", files, err)
	}
	for _, f := range files {
		if err := fs.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryCrash takes the power after each of some steps, in every way there is: what was synced is there, and nothing that was never
// appended.
func TestEveryCrash(t *testing.T) {
	disk := sim.NewDisk()
	l, _, _ := open(t, disk, store.Options{SegmentBytes: 2500})
	states, synced := 0, 0
	check := func(step string) {
		for crashed, err := range disk.States(100_000) {
			if err != nil {
				t.Fatalf("%s: %v", step, err)
			}
			states++
			_, _, seen := open(t, crashed, store.Options{})
			if len(seen) < synced || !slices.Equal(seen[:synced], want(synced, 620)) {
				t.Fatalf("%s: %d were synced; the disk\n%s has %q", step, synced, crashed.Dump(), seen)
			}
			for _, b := range seen {
				if !slices.Contains(want(12, 620), b) {
					t.Fatalf("%s: %q was never published", step, b)
				}
			}
		}
	}
	for n := 0; n < 12; n += 2 {
		publish(t, l, n, n+2, 620)
		check(fmt.Sprintf("%d written", n+2))
		if n%4 == 0 {
			continue
		}
		if err := sync(t, l, nil); err != nil {
			t.Fatal(err)
		}
		synced = n + 2
		check(fmt.Sprintf("%d synced", synced))
	}
	if states < 100 || synced != 12 {
		t.Errorf("%d states were tried, %d messages synced", states, synced)
	}
}

func TestFullDisk(t *testing.T) {
	disk := sim.NewDisk()
	l, _, _ := open(t, disk, store.Options{})
	publish(t, l, 0, 3, 100)
	full := disk.Fill(150)
	from := add(l, 3, 100)
	add(l, 4, 100)
	if err := l.Write(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("writing to a full disk: %v", err)
	}
	l.Abandon(from, 2, 0, 2)
	if got, _ := all(t, l); !slices.Equal(got, want(3, 100)) {
		t.Errorf("after the failure the log has %d records, want 3", len(got))
	}
	full.Clear()
	publish(t, l, 3, 6, 100)
	if got, _ := all(t, l); !slices.Equal(got, want(6, 100)) {
		t.Errorf("after there was room: %d records, want 6", len(got))
	}
	_, rec, seen := open(t, disk.Clone(), store.Options{})
	if !slices.Equal(seen, want(6, 100)) || rec.Torn != 150 || len(rec.Lost) != 0 {
		t.Errorf("recovery found %d records, %+v; want 6 and 150 torn bytes", len(seen), rec)
	}
}

// TestFailedSync: what was to be synced is not taken to be, and what comes after goes elsewhere and can be.
func TestFailedSync(t *testing.T) {
	disk := sim.NewDisk()
	l, _, _ := open(t, disk, store.Options{})
	publish(t, l, 0, 2, 50)
	if _, err := disk.FailSyncOnce("orders.*"); err != nil {
		t.Fatal(err)
	}
	if sync(t, l, nil) == nil {
		t.Fatal("the sync did not fail")
	}
	publish(t, l, 2, 4, 50)
	if err := sync(t, l, nil); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		crashed := disk.Clone()
		crashed.PowerCut(rand.New(rand.NewPCG(seed, 1)))
		_, _, seen := open(t, crashed, store.Options{})
		if len(seen) < 2 || !slices.Equal(seen[len(seen)-2:], want(4, 50)[2:]) {
			t.Errorf("seed %d: %q are left, want at least the last two", seed, seen)
		}
	}
}

// TestDiscard: what is owed to nobody any more needs no disk, as long as nothing was written.
func TestDiscard(t *testing.T) {
	disk := sim.NewDisk()
	l, _, _ := open(t, disk, store.Options{})
	a, b := add(l, 0, 50), add(l, 1, 50)
	l.Owe(a, -1)
	if l.Discard(); gathered(l) == 0 {
		t.Error("what is still owed was discarded")
	}
	l.Owe(b, -1)
	l.Discard()
	if files, _ := disk.List(); gathered(l) != 0 || len(files) != 0 {
		t.Errorf("%d bytes are gathered, files %v", gathered(l), files)
	}
	publish(t, l, 2, 3, 50)
	if _, _, seen := open(t, disk, store.Options{}); !slices.Equal(seen, []string{string(body(2, 50))}) {
		t.Errorf("recovery found %q", seen)
	}
}

func gathered(l *store.Log) int {
	bytes, _ := l.Gathered()
	return bytes
}

// TestSyncAfterKill: what a killed process wrote and recovery found is synced before anything later is said to be.
func TestSyncAfterKill(t *testing.T) {
	disk := sim.NewDisk()
	l, _, _ := open(t, disk, store.Options{})
	publish(t, l, 0, 3, 700)
	disk.Kill()
	l, _, _ = open(t, disk, store.Options{})
	publish(t, l, 3, 4, 700)
	if err := sync(t, l, nil); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		crashed := disk.Clone()
		crashed.PowerCut(rand.New(rand.NewPCG(seed, 2)))
		if _, rec, seen := open(t, crashed, store.Options{}); !slices.Equal(seen, want(4, 700)) || rec.Lost != nil {
			t.Errorf("seed %d: %d of 4 records are left, %+v", seed, len(seen), rec)
		}
	}
}

func TestFileName(t *testing.T) {
	for _, test := range []struct {
		file, log string
		base      store.Offset
		ok        bool
	}{
		{"orders.00000000000003e8.log", "orders", 1000, true},
		{"a.b.log.0000000000000000.log", "a.b.log", 0, true},
		{"x#ephemeral.ffffffffffffffff.log", "x#ephemeral", 1<<64 - 1, true},
		{"orders.00000000000003E8.log", "", 0, false},
		{"orders.3e8.log", "", 0, false}, {"00000000000003e8.log", "", 0, false}, {"nsqd.dat", "", 0, false},
	} {
		log, base, ok := store.ParseFileName(test.file)
		if ok != test.ok || ok && (log != test.log || base != test.base) {
			t.Errorf("%s: %q, %d, %v", test.file, log, base, ok)
		}
	}
}

func BenchmarkAppendWrite(b *testing.B) {
	l, _, err := store.Open(store.OS{Dir: b.TempDir()}, "orders", nil, store.Past{}, store.Options{}, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	message := body(1, 100)
	b.ReportAllocs()
	for b.Loop() {
		for range 200 {
			l.Append(store.Record{At: 1, Body: message})
		}
		if err := l.Write(); err != nil {
			b.Fatal(err)
		}
	}
}
