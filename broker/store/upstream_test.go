package store_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// A sent message is one in a queue of nsqd's.
type sent struct {
	at       int64
	attempts uint16
	body     string
}

func (m sent) String() string {
	return fmt.Sprintf("%.40s (%d bytes) of %d, %d attempts", m.body, len(m.body), m.at, m.attempts)
}

// some makes messages from a to before b, called after what they are for.
func some(what string, a, b int) (all []sent) {
	for n := a; n < b; n++ {
		all = append(all, sent{at: 1_700_000_000_000_000_000 + int64(n), body: fmt.Sprintf("%s %d", what, n)})
	}
	return all
}

// record is a message as it stands in a data file.
func (m sent) record() []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(26+len(m.body)))
	p = binary.BigEndian.AppendUint64(p, uint64(m.at))
	p = binary.BigEndian.AppendUint16(p, m.attempts)
	p = append(p, "0123456789abcdef"...)
	return append(p, m.body...)
}

// putQueue makes the files of a queue as nsqd does that was stopped: in each data file are so many bytes at most, and the first so many
// messages were delivered.
func putQueue(disk *sim.Disk, prefix string, fileBytes, delivered int, messages ...sent) {
	data := [][]byte{nil}
	readNumber, readAt := 0, 0
	for n, m := range messages {
		if r := m.record(); len(data[len(data)-1]) > 0 && len(data[len(data)-1])+len(r) > fileBytes {
			data = append(data, r)
		} else {
			data[len(data)-1] = append(data[len(data)-1], r...)
		}
		if n+1 == delivered {
			readNumber, readAt = len(data)-1, len(data[len(data)-1])
		}
	}
	for n, p := range data {
		if n >= readNumber && len(p) > 0 {
			disk.WriteFile(dataFile(prefix, n), p)
		}
	}
	disk.WriteFile(metaFile(prefix), fmt.Appendf(nil, "%d\n%d,%d\n%d,%d\n", len(messages)-delivered, readNumber, readAt, len(data)-1, len(data[len(data)-1])))
}

func dataFile(prefix string, n int) string { return fmt.Sprintf("%s.diskqueue.%06d.dat", prefix, n) }
func metaFile(prefix string) string        { return prefix + ".diskqueue.meta.dat" }

const firstOffset = 1 << 50

// migrate takes the folder over.
func migrate(t *testing.T, fs store.FS) string {
	t.Helper()
	lines, err := migrateOnce(fs)
	if err != nil {
		t.Fatalf("%v\n%s", err, lines)
	}
	return lines
}

func migrateOnce(fs store.FS) (string, error) {
	opts := store.MigrateOptions{First: firstOffset, SegmentBytes: 300, MaxBody: 1 << 20, Valid: wire.ValidName}
	lines, err := store.Migrate(fs, opts)
	return strings.Join(lines, "\n"), err
}

// The shop is a folder with all there is: orders with three channels, one with a queue in two files and messages that were delivered, one with a
// queue from Windows, and one without a queue; returns without a channel; visits without a queue.
type shop struct{ billing, audit, orders, returns []sent }

func newShop() (s shop, disk *sim.Disk) {
	s = shop{some("billing", 0, 9), some("audit", 10, 12), some("order", 20, 24), some("return", 30, 33)}
	s.billing[4].attempts, s.billing[7].attempts = 3, 65535
	s.billing[7].at, s.audit[1].body, s.orders[0].attempts = 0, "", 1
	disk = sim.NewDisk()
	putQueue(disk, "orders", 1000, 0, s.orders...)
	putQueue(disk, "orders:billing", 120, 2, s.billing...)
	putQueue(disk, "orders;audit", 1000, 0, s.audit...)
	putQueue(disk, "returns", 1000, 0, s.returns...)
	disk.WriteFile("nsqd.dat", []byte(`{"topics":[{"name":"visits","paused":true,"channels":[{"name":"web","paused":true}]},`+
		`{"name":"orders","paused":true,"channels":[{"name":"new","paused":false},{"name":"audit","paused":true}]}],"version":"1.3.0"}`))
	s.billing, s.orders[0].attempts = s.billing[2:], 0 // those of a topic's message are not kept
	return s, disk
}

// check wants all in the shop taken over, once.
func (s shop) check(t *testing.T, fs store.FS) {
	t.Helper()
	wantHoldings(t, fs, "orders", map[string]holding{
		"":        {s.orders, true},
		"audit":   {append(slices.Clone(s.audit), s.orders...), true},
		"billing": {append(slices.Clone(s.billing), s.orders...), false},
		"new":     {s.orders, false},
	})
	wantHoldings(t, fs, "returns", map[string]holding{"": {s.returns, false}})
	wantHoldings(t, fs, "visits", map[string]holding{"": {nil, true}, "web": {nil, true}})
}

// contents are the files whose names a test accepts.
func contents(t *testing.T, fs store.FS, accept func(string) bool) map[string]string {
	t.Helper()
	files, err := fs.List()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range files {
		if !accept(name) {
			continue
		}
		f, err := fs.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		all[name] = string(p)
	}
	return all
}

func anyFile(string) bool         { return true }
func ofQueue(name string) bool    { return strings.Contains(name, ".diskqueue.") }
func untouched(name string) bool  { return ofQueue(name) && !strings.Contains(name, ".migrated") }
func unmarked(name string) string { name, _, _ = strings.Cut(name, ".migrated"); return name }

func TestMigrate(t *testing.T) {
	for _, kind := range []string{"disk", "folder"} {
		t.Run(kind, func(t *testing.T) {
			s, disk := newShop()
			originals := contents(t, disk, ofQueue)
			var fs store.FS = disk
			if kind == "folder" {
				fs = store.OS{Dir: t.TempDir()}
				copyFiles(t, fs, contents(t, disk, anyFile))
			}
			lines := migrate(t, fs)
			s.check(t, fs)
			for name, p := range contents(t, fs, ofQueue) {
				if !strings.HasSuffix(name, ".dat.migrated") || originals[unmarked(name)] != p {
					t.Errorf("%s was not put aside as it was", name)
				}
				delete(originals, unmarked(name))
			}
			if len(originals) > 0 {
				t.Errorf("%q are gone", slices.Sorted(maps.Keys(originals)))
			}
			want := "orders/audit: 2 messages taken over from nsqd\norders/billing: 7 messages taken over from nsqd\norders: 4 messages taken over from nsqd\n" +
				"returns: 3 messages taken over from nsqd\nvisits: made, as nsqd.dat has it"
			if lines != want {
				t.Errorf("it tells\n%s\nwant\n%s", lines, want)
			}
			before := contents(t, fs, anyFile)
			if lines := migrate(t, fs); lines != "" || !maps.Equal(contents(t, fs, anyFile), before) {
				t.Errorf("the second time changes something, and tells %q", lines)
			}
		})
	}
}

func copyFiles(t *testing.T, fs store.FS, files map[string]string) {
	t.Helper()
	for name, p := range files {
		f, err := fs.Create(name)
		if err == nil {
			_, err = f.Write([]byte(p))
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestMigrateNothing: a folder without queues is left as it is.
func TestMigrateNothing(t *testing.T) {
	disk := sim.NewDisk()
	for _, f := range []string{"orders.00000000000003e8.log", "a:b.diskqueue.meta.dat.77.tmp", "a.diskqueue.000000.dat.bad", "a.diskqueue.000000.dat.migrated", "nsqd.dat.5.tmp"} {
		disk.WriteFile(f, []byte("something"))
	}
	for _, metadata := range []string{"not JSON", `{"topics":[{"name":"orders","channels":[{"name":"billing"}]}]}`} { // orders has lost its journal, not its log
		disk.WriteFile("nsqd.dat", []byte(metadata))
		before := contents(t, disk, anyFile)
		if lines := migrate(t, disk); lines != "" || !maps.Equal(contents(t, disk, anyFile), before) {
			t.Errorf("something was changed, and this told: %q", lines)
		}
	}
}

// TestMigrateOffsets: no log begins below what nsqd.dat says, nor below what the options say.
func TestMigrateOffsets(t *testing.T) {
	for _, offsets := range []store.Offset{0, firstOffset + 12345} {
		disk := sim.NewDisk()
		putQueue(disk, "orders", 1000, 0, some("order", 0, 1)...)
		if err := store.WriteMetadata(disk, store.Metadata{Offsets: offsets}); err != nil {
			t.Fatal(err)
		}
		migrate(t, disk)
		want := fmt.Sprintf("orders.%016x.log", max(offsets, firstOffset))
		if _, err := disk.ReadFile(want); err != nil {
			t.Error(err)
		}
	}
}

// A meter notes how many bytes are read or written at a time.
type meter struct {
	store.FS
	most *int
}

type meteredFile struct {
	store.File
	most *int
}

func (m meter) Create(name string) (store.File, error) {
	f, err := m.FS.Create(name)
	return meteredFile{f, m.most}, err
}

func (m meter) Open(name string) (store.File, error) {
	f, err := m.FS.Open(name)
	return meteredFile{f, m.most}, err
}

func (f meteredFile) Write(p []byte) (int, error) {
	*f.most = max(*f.most, len(p))
	return f.File.Write(p)
}

func (f meteredFile) ReadAt(p []byte, at int64) (int, error) {
	*f.most = max(*f.most, len(p))
	return f.File.ReadAt(p, at)
}

// TestMigrateMuch: a long queue goes through in pieces.
func TestMigrateMuch(t *testing.T) {
	messages := some("order", 0, 5000)
	for n := range messages {
		messages[n].body += strings.Repeat(" and more", 100+n%7)
	}
	messages[2000].body = strings.Repeat("large ", 150_000)
	disk := sim.NewDisk()
	putQueue(disk, "orders:billing", 3<<20, 0, messages...)
	most := 0
	migrate(t, meter{disk, &most})
	if most > 1<<20+1<<19 {
		t.Errorf("%d bytes were read or written at once", most)
	}
	got := holdings(t, disk, "orders")["billing"].messages
	if !slices.Equal(got, messages) {
		t.Errorf("%d messages were taken over, of %d", len(got), len(messages))
	}
}
