package sim

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
)

// diskWrite makes a file by a write of each size.
func diskWrite(t testing.TB, d *Disk, name string, sizes ...int) store.File {
	t.Helper()
	f, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for n, size := range sizes {
		if _, err := f.Write([]byte(strings.Repeat(string(rune('a'+n)), size))); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// diskOK is for what cannot fail.
func diskOK(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestDiskStatesCount: as many states as were counted by hand.
func TestDiskStatesCount(t *testing.T) {
	type disk = *Disk
	named := func(name string, sizes ...int) func(testing.TB, disk) {
		return func(t testing.TB, d disk) {
			f := diskWrite(t, d, name)
			diskOK(t, d.SyncDir())
			for _, size := range sizes {
				_, err := f.Write([]byte(strings.Repeat("x", size)))
				diskOK(t, err)
			}
		}
	}
	for _, c := range []struct {
		what string
		do   func(testing.TB, disk)
		want int
	}{
		{"nothing", func(testing.TB, disk) {}, 1},
		{"a name", func(t testing.TB, d disk) { diskWrite(t, d, "a") }, 2},
		{"two names", func(t testing.TB, d disk) { diskWrite(t, d, "a"); diskWrite(t, d, "b") }, 4},
		{"a name and a write", func(t testing.TB, d disk) { diskWrite(t, d, "a", 10) }, 1 + 3},
		{"a name and synced bytes", func(t testing.TB, d disk) { diskOK(t, diskWrite(t, d, "a", 10).Sync()) }, 2},
		{"a write", named("a", 10), 1 + 2},                                        // by length: none, all
		{"two writes", named("a", 4, 4), 1 + 2 + 3},                               // to the end of each
		{"three writes", named("a", 4, 4, 4), 1 + 2 + 3 + 4},                      //
		{"two sectors", named("a", 600), 1 + 2 + 2*2},                             // each there or not
		{"three sectors", named("a", 1536), 1 + 2 + 2*2 + 2*2*2},                  //
		{"a write over the end of a sector", named("a", 500, 100), 1 + 2 + 3 + 6}, // lengths 0, 500, 512, 600
		{"two files", func(t testing.TB, d disk) { named("a", 10)(t, d); named("b", 10)(t, d) }, 3 * 3},
		{"a synced file in the place of another", func(t testing.TB, d disk) {
			d.WriteFile("a", []byte("old"))
			diskOK(t, diskWrite(t, d, "b", 10).Sync(), d.Rename("b", "a"))
		}, 3},
		{"a file in the place of another", func(t testing.TB, d disk) {
			d.WriteFile("a", []byte("old"))
			diskWrite(t, d, "b", 10)
			diskOK(t, d.Rename("b", "a"))
		}, 1 + 3 + 3},
		{"a removal and a new file of the name", func(t testing.TB, d disk) {
			d.WriteFile("a", []byte("old"))
			diskOK(t, d.Remove("a"))
			diskWrite(t, d, "a")
		}, 3},
		{"a failed sync", func(t testing.TB, d disk) {
			_, err := d.FailSyncOnce("a")
			diskOK(t, err)
			f := diskWrite(t, d, "a", pageSize)
			if f.Sync() == nil {
				t.Error("the sync succeeded")
			}
			_, err = f.Write([]byte("more"))
			diskOK(t, err, f.Sync(), d.SyncDir())
		}, 1 << 8}, // the length lasts, and of the page each sector may be gone
	} {
		d := NewDisk()
		c.do(t, d)
		if got := len(diskStates(t, d, 1000)); got != c.want {
			t.Errorf("%s: %d states, want %d\n%s", c.what, got, c.want, d.Dump())
		}
	}
}

// diskStates are the sums of all states, or nil if there are too many.
func diskStates(t testing.TB, d *Disk, limit int) map[[sha256.Size]byte]bool {
	t.Helper()
	sums := map[[sha256.Size]byte]bool{}
	for s, err := range d.States(limit) {
		if errors.Is(err, ErrTooMany) {
			return nil
		}
		diskOK(t, err)
		if sums[s.sum()] {
			t.Fatalf("a state came twice:\n%s", s.Dump())
		}
		sums[s.sum()] = true
		if strings.Contains(s.Dump(), "pending") {
			t.Fatalf("not all lasts after a power cut:\n%s", s.Dump())
		}
	}
	return sums
}

// TestDiskStatesLimit: as many ways as are allowed, and not one more; and who has seen enough may stop.
func TestDiskStatesLimit(t *testing.T) {
	d := NewDisk()
	diskWrite(t, d, "a", 10) // four ways
	if diskStates(t, d, 4) == nil || diskStates(t, d, 3) != nil || diskStates(t, d, 0) != nil {
		t.Error("the limit is not kept")
	}
	for s, err := range d.States(3) {
		diskOK(t, err)
		if names, _ := s.List(); len(names) != 0 {
			t.Errorf("least leaves %q", names)
		}
		break
	}
}

// A diskRecord is a process that does things at random, and remembers what must last.
type diskRecord struct {
	d      *Disk
	rng    *rand.Rand
	open   []*diskOpen          // every file that was created, in order
	named  map[string]*diskOpen // as the process sees them
	proven map[string]*diskOpen // names at the last SyncDir that nothing was done to since
}

// A diskOpen is a file with what was written and what of it was synced.
type diskOpen struct {
	file    store.File
	written string
	synced  string
}

func newDiskRecord(seed uint64) *diskRecord {
	return &diskRecord{d: NewDisk(), rng: rand.New(rand.NewPCG(seed, 1)), named: map[string]*diskOpen{}, proven: map[string]*diskOpen{}}
}

// step does something at random. Errors of Sync are the business of faults.
func (r *diskRecord) step(t testing.TB) {
	name, other := string(rune('a'+r.rng.IntN(4))), string(rune('a'+r.rng.IntN(4)))
	switch r.rng.IntN(9) {
	case 0, 1:
		if f, err := r.d.Create(name); err == nil {
			o := &diskOpen{file: f}
			r.open = append(r.open, o)
			r.named[name] = o
			delete(r.proven, name)
		}
	case 2, 3, 4:
		r.write(t)
	case 5:
		for _, o := range r.open {
			if r.rng.IntN(2) == 0 && o.file.Sync() == nil {
				o.synced = o.written
			}
		}
	case 6:
		if r.d.SyncDir() == nil {
			r.proven = maps.Clone(r.named)
		}
	case 7:
		if r.d.Remove(name) == nil {
			delete(r.named, name)
			delete(r.proven, name)
		}
	case 8:
		if r.d.Rename(name, other) == nil && name != other {
			r.named[other] = r.named[name]
			delete(r.named, name)
			delete(r.proven, name)
			delete(r.proven, other)
		}
	}
}

func (r *diskRecord) write(t testing.TB) {
	if len(r.open) == 0 {
		return
	}
	o := r.open[r.rng.IntN(len(r.open))]
	p := make([]byte, []int{1, 7, 300, 600}[r.rng.IntN(4)])
	for n := range p {
		p[n] = 'a' + byte(r.rng.IntN(26))
	}
	_, err := o.file.Write(p)
	diskOK(t, err)
	o.written += string(p)
}

// broken lists what should have lasted and did not.
func (r *diskRecord) broken(after *Disk) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(r.proven)) {
		o := r.proven[name]
		data, err := after.ReadFile(name)
		switch {
		case err != nil:
			wrong = append(wrong, err.Error())
		case !strings.HasPrefix(string(data), o.synced):
			wrong = append(wrong, fmt.Sprintf("%s: %q does not begin with %q", name, data, o.synced))
		case len(data) > len(o.written):
			wrong = append(wrong, fmt.Sprintf("%s: has %d bytes of %d", name, len(data), len(o.written)))
		}
	}
	return wrong
}

// TestDiskPowerCut: what was synced under a name that was synced lasts, whatever chance does; and chance does nothing that States does not give.
func TestDiskPowerCut(t *testing.T) {
	enumerated := 0
	for seed := range uint64(300) {
		r := newDiskRecord(seed)
		for range 12 {
			r.step(t)
		}
		before := r.d.Dump()
		sums := diskStates(t, r.d, 3000)
		for s := range r.d.States(200) {
			if s != nil && r.broken(s) != nil {
				t.Fatalf("seed %d: a state has lost %q of\n%s", seed, r.broken(s), before)
			}
		}
		if sums != nil {
			enumerated++
		}
		for cut := range uint64(20) {
			after := r.d.Clone()
			after.PowerCut(rand.New(rand.NewPCG(seed, cut)))
			if sums != nil && !sums[after.sum()] {
				t.Fatalf("seed %d, cut %d: no such state\n%s\nof\n%s", seed, cut, after.Dump(), before)
			}
			if wrong := r.broken(after); wrong != nil {
				t.Fatalf("seed %d, cut %d: lost %q of\n%s", seed, cut, wrong, before)
			}
		}
		if r.d.Dump() != before {
			t.Fatalf("seed %d: a power cut of clones changed\n%s to\n%s", seed, before, r.d.Dump())
		}
	}
	if enumerated < 100 {
		t.Errorf("only %d disks had few enough states", enumerated)
	}
}

// TestDiskPowerCutBites: a disk that lies, or has failed to sync, loses what was taken to last, and the test above would see it.
func TestDiskPowerCutBites(t *testing.T) {
	lost := func(harm func(d *Disk)) (n int) {
		for seed := range uint64(200) {
			r := newDiskRecord(seed)
			harm(r.d)
			for range 40 {
				r.step(t)
			}
			r.d.PowerCut(rand.New(rand.NewPCG(seed, 0)))
			if r.broken(r.d) != nil {
				n++
			}
		}
		return n
	}
	if n := lost(func(*Disk) {}); n != 0 {
		t.Errorf("%d honest disks lost something", n)
	}
	if n := lost(func(d *Disk) { d.LieAboutSync() }); n < 10 {
		t.Errorf("only %d lying disks lost something", n)
	}
	if n := lost(func(d *Disk) {
		_, err := d.FailSyncOnce("*")
		diskOK(t, err)
	}); n == 0 {
		t.Error("no disk that failed to sync lost something")
	}
}

// TestDiskSeeds: equal seeds give equal disks, and different ones mostly others.
func TestDiskSeeds(t *testing.T) {
	run := func(seed uint64) string {
		d := NewDisk()
		for name := range strings.SplitSeq("a b c d e f", " ") {
			diskWrite(t, d, name, 3000, 3000, 3000)
		}
		before := d.Dump()
		d.PowerCut(rand.New(rand.NewPCG(seed, 0)))
		return fmt.Sprintf("%s%x\n%s", before, d.sum(), d.Dump())
	}
	others := map[string]bool{}
	for seed := range uint64(20) {
		once := run(seed)
		if again := run(seed); once != again {
			t.Fatalf("seed %d:\n%s\n%s", seed, once, again)
		}
		others[once] = true
	}
	if len(others) < 10 {
		t.Errorf("20 seeds gave %d disks", len(others))
	}
}
