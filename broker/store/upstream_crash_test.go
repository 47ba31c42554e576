package store_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/sim"
)

// afterwards wants every file of nsqd's to be there as it was, put aside, and no trace of the migration.
func afterwards(t *testing.T, disk *sim.Disk, originals map[string]string) {
	t.Helper()
	left := maps.Clone(originals)
	for name, p := range contents(t, disk, anyFile) {
		switch {
		case ofQueue(name) && (untouched(name) || left[unmarked(name)] != p):
			t.Errorf("%s was not put aside as it was", name)
		case strings.HasPrefix(name, "nsqd.") && name != "nsqd.dat":
			t.Errorf("%s is left", name)
		}
		delete(left, unmarked(name))
	}
	if len(left) > 0 {
		t.Errorf("%q are gone", slices.Sorted(maps.Keys(left)))
	}
}

// broken migrates with one operation failing, and gives the disk; nil: there was no such operation.
func broken(t *testing.T, disk *sim.Disk, op sim.DiskOp, nth int) *sim.Disk {
	t.Helper()
	fault, err := disk.Fail(op, "*", nth, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, failed := migrateOnce(disk)
	if (failed != nil) != (fault.Hits() > 0) {
		t.Fatalf("%s %d struck %d times, error %v", op, nth, fault.Hits(), failed)
	}
	fault.Clear()
	if failed == nil {
		return nil
	}
	return disk
}

// TestMigrateFailures lets each operation fail, and migrates again: after the end of the process, and after that of the machine.
func TestMigrateFailures(t *testing.T) {
	_, disk := newShop()
	originals := contents(t, disk, ofQueue)
	failures := 0
	for _, op := range sim.DiskOps {
		for nth := 1; ; nth++ {
			s, disk := newShop()
			if broken(t, disk, op, nth) == nil {
				break
			}
			failures++
			disk.Kill()
			for seed := range uint64(6) {
				again := disk.Clone()
				if seed > 0 {
					again.PowerCut(rand.New(rand.NewPCG(seed, uint64(nth))))
				}
				migrate(t, again)
				if lines := migrate(t, again); lines != "" {
					t.Errorf("there is more to do: %s", lines)
				}
				s.check(t, again)
				afterwards(t, again, originals)
				again.PowerCut(rand.New(rand.NewPCG(seed, 0)))
				afterwards(t, again, originals)
				migrate(t, again) // visits may be made again
				s.check(t, again)
				if t.Failed() {
					t.Fatalf("%s %d failed, seed %d; then it was\n%s", op, nth, seed, disk.Dump())
				}
			}
		}
	}
	if failures < 60 {
		t.Errorf("%d operations failed", failures)
	}
}

// TestMigrateEveryCrash takes the power at every operation that changes the disk, in every way there is.
func TestMigrateEveryCrash(t *testing.T) {
	owedTo := some("billing", 0, 2)
	waiting := some("order", 2, 3)
	newDisk := func() *sim.Disk {
		disk := sim.NewDisk()
		putQueue(disk, "orders:billing", 40, 0, owedTo...)
		putQueue(disk, "orders", 1000, 0, waiting...)
		putQueue(disk, "returns", 1000, 0, waiting...)
		return disk
	}
	originals := contents(t, newDisk(), ofQueue)
	states := 0
	for _, op := range []sim.DiskOp{sim.DiskCreate, sim.DiskWrite, sim.DiskSync, sim.DiskRename, sim.DiskRemove, sim.DiskSyncDir} {
		for nth := 1; ; nth++ {
			disk := newDisk()
			if broken(t, disk, op, nth) == nil {
				break
			}
			for s, err := range disk.States(3000) {
				if err != nil {
					t.Fatalf("%s %d: %v of\n%s", op, nth, err, disk.Dump())
				}
				states++
				migrate(t, s)
				wantHoldings(t, s, "orders", map[string]holding{"": {waiting, false}, "billing": {append(slices.Clone(owedTo), waiting...), false}})
				wantHoldings(t, s, "returns", map[string]holding{"": {waiting, false}})
				afterwards(t, s, originals)
				if t.Failed() {
					t.Fatalf("%s %d failed; the disk was\n%s", op, nth, disk.Dump())
				}
			}
		}
	}
	if states < 300 {
		t.Errorf("%d states were tried", states)
	}
}

// TestMigrateManyCrashes takes the power again and again, also of the migrations that go on, with a log of many segments.
func TestMigrateManyCrashes(t *testing.T) {
	crashes := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 3))
		s, disk := newShop()
		for n := range s.orders {
			s.orders[n].body += strings.Repeat(" large", 60_000)
		}
		putQueue(disk, "orders", 500_000, 0, s.orders...)
		originals := contents(t, disk, ofQueue)
		for range 1 + rng.IntN(6) {
			if broken(t, disk, sim.DiskOps[rng.IntN(len(sim.DiskOps))], 1+rng.IntN(10)) == nil {
				break
			}
			crashes++
			if rng.IntN(3) == 0 {
				disk.Kill()
			} else {
				disk.PowerCut(rng)
			}
		}
		migrate(t, disk)
		disk.PowerCut(rng)
		afterwards(t, disk, originals)
		migrate(t, disk) // visits may be made again
		s.check(t, disk)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if crashes < 60 {
		t.Errorf("there were %d crashes", crashes)
	}
}

// TestMigrateFullDisk: without room nothing is lost, and with room it goes on.
func TestMigrateFullDisk(t *testing.T) {
	s, disk := newShop()
	originals := contents(t, disk, ofQueue)
	for room := int64(0); ; room += 50 {
		full := disk.Fill(room)
		_, err := migrateOnce(disk)
		full.Clear()
		if err == nil {
			break
		}
		disk.Kill()
	}
	s.check(t, disk)
	afterwards(t, disk, originals)
}

// TestMigrateLess: a queue is taken away after a try that failed, and nothing of it was taken over.
func TestMigrateLess(t *testing.T) {
	states := 0
	for _, op := range []sim.DiskOp{sim.DiskWrite, sim.DiskSync, sim.DiskSyncDir, sim.DiskRename} {
		for nth := 1; ; nth++ {
			disk := sim.NewDisk()
			putQueue(disk, "orders", 1000, 0, some("order", 0, 2)...)
			if _, err := disk.Fail(sim.DiskCreate, "*.journal", 1, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := migrateOnce(disk); err == nil {
				t.Fatal("a journal was made")
			}
			if err := errors.Join(disk.Remove(dataFile("orders", 0)), disk.SyncDir()); err != nil {
				t.Fatal(err)
			}
			if broken(t, disk, op, nth) == nil {
				break
			}
			for s, err := range disk.States(1000) {
				if err != nil {
					t.Fatal(err)
				}
				states++
				migrate(t, s)
				wantHoldings(t, s, "orders", map[string]holding{"": {nil, false}})
			}
		}
	}
	if states < 10 {
		t.Errorf("%d states were tried", states)
	}
}

// TestMigrateUnsynced: a journal that could be read was never synced when the process ended, and is made again.
func TestMigrateUnsynced(t *testing.T) {
	disk := sim.NewDisk()
	returns := some("return", 0, 3)
	putQueue(disk, "returns:all", 1000, 0, returns...)
	if _, err := disk.FailSyncOnce("returns.*.journal"); err != nil {
		t.Fatal(err)
	}
	if _, err := migrateOnce(disk); err == nil {
		t.Fatal("the sync did not fail")
	}
	disk.Kill()
	if lines := migrate(t, disk); lines != "returns: had been taken over from nsqd before the process ended" {
		t.Errorf("it tells %q", lines)
	}
	for s, err := range disk.States(1000) {
		if err != nil {
			t.Fatal(err)
		}
		wantHoldings(t, s, "returns", map[string]holding{"": {}, "all": {returns, false}})
	}
}
