package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/sim"
)

// inBetween makes a log and a journal of orders as they stand when nsqd takes the folder back: billing was given one message of three, and
// finished it; two wait at the topic if it is paused.
// mail is paused and owed the last three.
func inBetween(t *testing.T, disk *sim.Disk, paused bool) (before []sent) {
	t.Helper()
	before = some("before", 0, 5)
	l, _, err := store.Open(disk, "orders", nil, store.Past{First: 1000}, store.Options{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var at []store.Offset
	for _, m := range before {
		r := store.Record{At: m.at, Body: []byte(m.body), More: m == before[4]} // but the other that belongs to it is not there
		if m == before[3] {
			r.Due = 1 << 62
		}
		o := l.Append(r)
		l.Owe(o, 1)
		at = append(at, o)
	}
	j := store.NewJournal(disk, "orders", 5)
	all := []store.Entry{{Op: store.Opened, ID: 1000}, {Op: store.Passed, ID: at[3]}, {Op: store.Synced, ID: l.End()},
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
	want := fmt.Sprint([]store.Entry{{Op: store.Opened, ID: 5000}, {Op: store.Synced, ID: end}, {Op: store.Sealed, ID: 5000, To: end},
		{Op: store.Opened, Channel: 1, ID: 5000, Name: "old"}, {Op: store.Passed, ID: 5000}})
	if got != want {
		t.Errorf("the journal says\n%s, want\n%s", got, want)
	}
}

// TestMigrateLostJournal: of a topic without a journal all that stands in its log is kept.
func TestMigrateLostJournal(t *testing.T) {
	disk := sim.NewDisk()
	before := inBetween(t, disk, false)
	remove("orders.0000000000000006.journal")(t, disk)
	cut("orders.00000000000003e8.log", 4*int64(store.SizeOf(store.Record{Body: []byte(before[0].body)})))(t, disk)
	orders := some("order", 30, 32)
	putQueue(disk, "orders", 1000, 0, orders...)
	disk.WriteFile("nsqd.dat", []byte(`{"topics":[{"name":"orders","channels":[{"name":"new"}]}]}`))
	migrate(t, disk)
	left := append(before[:4], orders...)
	wantHoldings(t, disk, "orders", map[string]holding{"": {left, false}, "new": {left, false}})
}

// TestMigrateShortLog: the journal names messages of which the log has nothing. None that is taken over is called as one of them.
func TestMigrateShortLog(t *testing.T) {
	for _, last := range []store.Entry{
		{Op: store.Passed, Channel: 1, ID: 5001}, {Op: store.Finished, Channel: 1, ID: 5000}, {Op: store.Returned, Channel: 1, ID: 5000, Attempts: 1},
		{Op: store.Emptied, Channel: 1, To: 5001}, {Op: store.Synced, ID: 5001},
	} {
		disk := sim.NewDisk()
		l, _, err := store.Open(disk, "orders", nil, store.Past{First: 1000}, store.Options{}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.Append(store.Record{Body: []byte("before")})
		j := store.NewJournal(disk, "orders", 0)
		all := []store.Entry{{Op: store.Opened, ID: 1000}, {Op: store.Opened, Channel: 1, ID: 1000, Name: "billing"}, last}
		if err := errors.Join(l.Write(), l.Close(), j.Snapshot(slices.Values(all)), j.Close()); err != nil {
			t.Fatal(err)
		}
		putQueue(disk, "orders", 1000, 0, some("order", 0, 1)...)
		migrate(t, disk)
		if _, err := disk.ReadFile(fmt.Sprintf("orders.%016x.log", 5001)); err != nil {
			t.Errorf("after %+v: %v", last, err)
		}
	}
}
