package store_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/sim"
)

func TestBitFlip(t *testing.T) {
	disk := sim.NewDisk()
	l, _, _ := open(t, disk, store.Options{})
	offsets := publish(t, l, 0, 5, 100)
	if err := disk.FlipBit(fileOf(t, disk), int64(offsets[2]-offsets[0])*8+400); err != nil {
		t.Fatal(err)
	}
	_, rec, seen := open(t, disk, store.Options{})
	good := slices.Delete(want(5, 100), 2, 3)
	if !slices.Equal(seen, good) || !slices.Equal(rec.Lost, []store.Range{{From: offsets[2], To: offsets[3]}}) {
		t.Errorf("recovery found %q, %+v; want all but the third, lost %d to %d", seen, rec, offsets[2], offsets[3])
	}
}

// TestBitFlipWhileOpen damages a record that is on disk only, under a reader.
func TestBitFlipWhileOpen(t *testing.T) {
	disk := sim.NewDisk()
	l, _, _ := open(t, disk, store.Options{TailBytes: 10})
	offsets := publish(t, l, 0, 5, 100)
	publish(t, l, 5, 6, 100)
	if err := disk.FlipBit(fileOf(t, disk), int64(offsets[2]-offsets[0])*8+400); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []int{1, 0} { // it is told of once
		if got, n := all(t, l); !slices.Equal(got, slices.Delete(want(6, 100), 2, 3)) || n != lost {
			t.Errorf("read %d records, %d times lost; want 5 and %d", len(got), n, lost)
		}
	}
}

func fileOf(t *testing.T, fs store.FS) string {
	t.Helper()
	files, err := fs.List()
	if err != nil || len(files) != 1 || !strings.HasPrefix(files[0], "orders.") {
		t.Fatalf("files %v, %v; want one of orders", files, err)
	}
	return files[0]
}

// FuzzDamage opens files that were damaged in any way: nothing comes out that did not go in, and all that lies before the damage does.
func FuzzDamage(f *testing.F) {
	f.Add(uint16(0), uint16(10), []byte{1})
	f.Add(uint16(136), uint16(40), []byte("nsql"))
	f.Add(uint16(500), uint16(0), []byte{})
	f.Fuzz(func(t *testing.T, at, cut uint16, junk []byte) {
		disk := sim.NewDisk()
		l, _, _ := open(t, disk, store.Options{})
		publish(t, l, 0, 8, 60)
		name := fileOf(t, disk)
		data, err := disk.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		from := min(int(at), len(data))
		to := min(from+int(cut), len(data))
		disk.WriteFile(name, slices.Concat(data[:from], junk, data[to:]))
		_, _, seen := open(t, disk, store.Options{})
		whole := from / 96
		if len(seen) < whole || !slices.Equal(seen[:whole], want(whole, 60)) {
			t.Errorf("damage at %d of records of 96 bytes: only %q are left", from, seen)
		}
		for _, b := range seen {
			if !bytes.HasPrefix([]byte(b), []byte("message ")) || !slices.Contains(want(8, 60), b) {
				t.Errorf("%q was never published", b)
			}
		}
	})
}
