package store_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
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

// inBetween makes a log and a journal of orders as they stand when nsqd takes the folder back: billing was given one message of three, and
// finished it; two wait at the topic if it is paused.
// mail is paused and owed the last three.
func inBetween(t *testing.T, disk *sim.Disk, paused bool) (before []sent) {
	t.Helper()
	before = some("before", 0, 5)
	l, _, err := store.Open(disk, "orders", nil, store.Past{First: 1000}, store.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var at []store.Offset
	for _, m := range before {
		o := l.Append(store.Record{At: m.at, Body: []byte(m.body)})
		l.Owe(o, 1)
		at = append(at, o)
	}
	j := store.NewJournal(disk, "orders", 5)
	all := []store.Entry{{Op: store.Opened, ID: 1000}, {Op: store.Passed, ID: at[3]},
		{Op: store.Opened, Channel: 1, ID: 1000, Name: "gone"}, {Op: store.Deleted, Channel: 1},
		{Op: store.Opened, Channel: 3, ID: at[2], Name: "mail"}, {Op: store.Paused, Channel: 3},
		{Op: store.Opened, Channel: 2, ID: 1000, Name: "billing"}, {Op: store.Passed, Channel: 2, ID: at[1]}, {Op: store.Finished, Channel: 2, ID: at[0]}}
	if paused {
		all = append(all, store.Entry{Op: store.Paused, ID: at[3]})
	}
	if err := errors.Join(l.Write(), l.Close(), j.Snapshot(slices.Values(all)), j.Close()); err != nil {
		t.Fatal(err)
	}
	for name, p := range contents(t, disk, anyFile) {
		disk.WriteFile(name, []byte(p)) // it lasts
	}
	return before
}

// TestMigrateInBetween: nsqd ran on a folder that has logs, and all of both is kept, whatever fails on the way.
func TestMigrateInBetween(t *testing.T) {
	for _, paused := range []bool{false, true} {
		failures := 0
		for _, op := range append(slices.Clone(sim.DiskOps), "") {
			for nth := 1; ; nth++ {
				disk := sim.NewDisk()
				before := inBetween(t, disk, paused)
				audit, billing, orders := some("audit", 10, 12), some("billing", 20, 23), some("order", 30, 32)
				billing[1].attempts = 2
				putQueue(disk, "orders:audit", 1000, 0, audit...)
				putQueue(disk, "orders:billing", 1000, 0, billing...)
				putQueue(disk, "orders", 1000, 0, orders...)
				if !paused { // otherwise all is as it was
					disk.WriteFile("nsqd.dat", []byte(`{"topics":[{"name":"orders","paused":false,"channels":[{"name":"mail","paused":false}]}]}`))
				}
				disk.WriteFile(dataFile("orders", 0)+".migrated", []byte("of the first time"))
				originals := contents(t, disk, untouched)
				if op != "" {
					if broken(t, disk, op, nth) == nil {
						break
					}
					failures++
					disk.PowerCut(rand.New(rand.NewPCG(uint64(nth), 5)))
				}
				migrate(t, disk)
				forAudit := append(slices.Clone(audit), orders...)
				if paused { // a channel gets what waits at its topic
					forAudit = slices.Concat(before[3:], audit, orders)
				}
				wantHoldings(t, disk, "orders", map[string]holding{
					"": {orders, paused}, "audit": {forAudit, false}, "billing": {slices.Concat(before[1:], billing, orders), false},
					"mail": {slices.Concat(before[2:], orders), paused},
				})
				if p, err := disk.ReadFile(dataFile("orders", 0) + ".migrated"); string(p) != "of the first time" {
					t.Errorf("what was put aside the first time is %q, %v", p, err)
				}
				if p, err := disk.ReadFile(dataFile("orders", 0) + ".migrated.2"); string(p) != originals[dataFile("orders", 0)] {
					t.Errorf("what was put aside the second time is %q, %v", p, err)
				}
				if t.Failed() {
					t.Fatalf("paused %v, after a failure of %s %d", paused, op, nth)
				}
				if op == "" {
					break
				}
			}
		}
		if failures < 20 {
			t.Errorf("%d operations failed", failures)
		}
	}
}

// TestMigrateWaiting: what waits at a topic stays there if nothing came for a channel.
func TestMigrateWaiting(t *testing.T) {
	disk := sim.NewDisk()
	before, orders := inBetween(t, disk, true), some("order", 30, 32)
	putQueue(disk, "orders", 1000, 0, orders...)
	putQueue(disk, "orders:new", 1000, 0)
	migrate(t, disk)
	wantHoldings(t, disk, "orders", map[string]holding{
		"": {append(before[3:], orders...), true}, "new": {append(before[3:], orders...), false},
		"billing": {append(before[1:], orders...), false}, "mail": {append(before[2:], orders...), true},
	})
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

// TestMigrateAfterDeletion: what a topic had before it was deleted does not come back, nor what nsqd.dat alone says of one that stands.
func TestMigrateAfterDeletion(t *testing.T) {
	disk := sim.NewDisk()
	inBetween(t, disk, true)
	j := store.NewJournal(disk, "orders", 6)
	all := []store.Entry{{Op: store.Opened, ID: 1000}, {Op: store.Opened, Channel: 1, ID: 1000, Name: "old"}, {Op: store.Deleted, ID: 5000}}
	if err := errors.Join(j.Snapshot(slices.Values(all)), j.Close()); err != nil {
		t.Fatal(err)
	}
	disk.WriteFile("nsqd.dat", []byte(`{"topics":[{"name":"orders","channels":[{"name":"old"}]}]}`))
	if lines := migrate(t, disk); lines != "" {
		t.Errorf("without a queue it tells %q", lines)
	}
	orders := some("order", 30, 32)
	putQueue(disk, "orders", 1000, 0, orders...)
	migrate(t, disk)
	_, journal, _ := replay(t, disk)
	got := fmt.Sprint(journal)
	end := 5000 + 2*store.SizeOf(store.Record{Body: []byte(orders[0].body)})
	want := fmt.Sprint([]store.Entry{{Op: store.Opened, ID: 5000}, {Op: store.Synced, ID: end}, {Op: store.Passed, ID: 5000}, {Op: store.Opened, Channel: 1, ID: 5000, Name: "old"}})
	if got != want {
		t.Errorf("the journal says\n%s, want\n%s", got, want)
	}
}
