package sim

import (
	"maps"
	"math/rand/v2"
)

// Kill is the end of the process: all that was written stays, synced or not, and its open files are of no use any more. What was not
// synced is not by that: a power cut later on may still take it.
func (d *Disk) Kill() { d.life++ }

// PowerCut is the end of the machine: what was synced remains, and any part of the rest, as rng has it; see [Disk.States] for which.
// What remains lasts. Some cuts take much and some little.
func (d *Disk) PowerCut(rng *rand.Rand) { d.cut(roll(rng)) }

// A chooser decides, question after question, how much a power cut leaves: a number below n, where 0 is least and n-1 all.
type chooser func(about question, n int) int

// A question is what a choice is about.
type question byte

const (
	ofOperation question = iota // does a directory operation remain?
	ofSize                      // how long is a file?
	ofPage                      // how much does the first sector of a page hold?
	ofSector                    // how much does the next sector of it hold?
)

// roll draws how much is left. Most pages go whole or stay whole, and some are torn.
func roll(rng *rand.Rand) chooser {
	lost := []float64{0, 0.05, 0.25, 0.75}[rng.IntN(4)]
	torn := []float64{0, 0.1, 0.5}[rng.IntN(3)]
	var tearing, least bool
	return func(about question, n int) int {
		switch about {
		case ofOperation, ofPage:
			tearing, least = rng.Float64() < torn, rng.Float64() < lost
		case ofSize:
			tearing, least = rng.IntN(2) == 0, rng.IntN(4) == 0
		}
		switch {
		case tearing:
			return rng.IntN(n)
		case least:
			return 0
		}
		return n - 1
	}
}

// cut is a power cut that leaves what choose says.
func (d *Disk) cut(choose chooser) {
	d.life++
	d.names = d.remains(choose)
	d.settle()
	for _, name := range sortedNames(d.names) {
		i := d.names[name]
		i.name = name
		i.cut(choose)
	}
}

// remains gives the names after a power cut. A directory operation remains or not apart from those on other names, and never without
// the ones before it on its own names: nothing but a SyncDir orders files among each other, so a store must not lean on a file system
// that happens to. A renaming remains whole or not at all: without it the old name has the file, and the new one what it had.
func (d *Disk) remains(choose chooser) map[string]*inode {
	names := maps.Clone(d.lasting)
	gone := map[string]bool{} // names with an operation that is lost
	for _, o := range d.journal {
		if !gone[o.name] && !gone[o.to] && choose(ofOperation, 2) == 1 {
			o.apply(names)
			continue
		}
		gone[o.name] = true
		if o.op == DiskRename {
			gone[o.to] = true
		}
	}
	return names
}
