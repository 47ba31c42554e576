package chaos_test

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// A cellar is a world of one broker that nobody talks to, its disk, and a file there of the test's own.
type cellar struct {
	*scene
	d    *sim.Disk
	file store.File
}

// own is the name of the file.
const own = "own.txt"

func newCellar(t *testing.T, seed uint64) *cellar {
	w, err := sim.NewWorld(seed, []sim.Node{{Name: "b1", Args: []string{"--durability=memory"}}}, sim.Links{})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, w: w}
	c := &cellar{scene: s, d: s.disk("b1")}
	if c.file, err = c.d.Create(own); err == nil {
		_, err = c.file.Write([]byte("what is there before"))
	}
	if err = errors.Join(err, c.file.Sync(), c.d.SyncDir()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cellar) write(n int) error {
	_, err := c.file.Write(make([]byte, n))
	return err
}

// heals checks what healing says.
func (c *cellar) heals(heal func() error, want error) {
	c.t.Helper()
	if err := heal(); !errors.Is(err, want) || (err == nil) != (want == nil) {
		c.t.Errorf("healing says %v, want %v", err, want)
	}
}

// wants checks what an operation says.
func (c *cellar) wants(what string, err, want error) {
	c.t.Helper()
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		c.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// TestDiskFull: there is so much room and no more, until it is healed.
func TestDiskFull(t *testing.T) {
	c := newCellar(t, 1)
	a := on(chaos.DiskFull, "b1")
	a.Counts = map[string]int64{"room": 1000}
	heal := c.inflict(chaos.DiskFull, a)
	c.wants("a write that fits", c.write(1000), nil)
	c.wants("one that does not", c.write(1), syscall.ENOSPC)
	c.heals(heal, nil)
	c.wants("a write when there is room again", c.write(5000), nil)
	heal = c.inflict(chaos.DiskFull, a)
	c.wants("a write that fits", c.write(1000), nil)
	c.heals(heal, chaos.ErrHitNothing)
}

// TestDiskError: the operation fails, on the files that match, the nth or every one.
func TestDiskError(t *testing.T) {
	sync := func(c *cellar) error { return c.file.Sync() }
	write := func(c *cellar) error { return c.write(10) }
	open := func(c *cellar) error { _, err := c.d.Open(own); return err }
	for _, test := range []struct {
		op, files string
		nth       int64
		do        func(*cellar) error
		fails     string // of three
	}{
		{"sync", "", 0, sync, "xxx"},
		{"sync", "", 2, sync, ".x."},
		{"sync", "own.*", 1, sync, "x.."},
		{"write", "own.*", 3, write, "..x"},
		{"write", "*.log", 0, write, "..."},
		{"read", "", 0, write, "..."},
		{"open", "*.txt", 0, open, "xxx"},
		{"sync", "", 4, sync, "..."},
	} {
		t.Run(fmt.Sprintf("%s %s %d", test.op, test.files, test.nth), func(t *testing.T) {
			c := newCellar(t, 1)
			a := args(map[string]string{"diskerror": "b1", "op": test.op, "files": test.files}, nil, nil)
			a.Counts = map[string]int64{"nth": test.nth}
			heal := c.inflict(chaos.DiskError, a)
			for _, mark := range test.fails {
				c.wants(test.op, test.do(c), map[rune]error{'x': syscall.EIO}[mark])
			}
			c.heals(heal, map[bool]error{false: chaos.ErrHitNothing}[strings.Contains(test.fails, "x")])
			c.wants(test.op+" when it is healed", test.do(c), nil)
		})
	}
	f, err := chaos.DiskError.New(args(map[string]string{"diskerror": "b1", "op": "chew"}, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Inject(newCellar(t, 1).w); err == nil {
		t.Error("a disk chews")
	}
}

// TestSlowDisk: a sync takes longer, by what all the faults that are on say together.
func TestSlowDisk(t *testing.T) {
	c := newCellar(t, 1)
	takes := c.d.SyncTime()
	slow := func(by time.Duration) func() error {
		return c.inflict(chaos.SlowDisk, args(map[string]string{"slowdisk": "b1"}, map[string]time.Duration{"by": by}, nil))
	}
	first, second := slow(time.Second), slow(time.Minute)
	c.heals(second, chaos.ErrHitNothing)
	if got := c.d.SyncTime(); got != takes+time.Second {
		t.Errorf("a sync takes %v, want %v and a second", got, takes)
	}
	c.heals(first, nil)
	if got := c.d.SyncTime(); got != takes {
		t.Errorf("a sync takes %v, want %v", got, takes)
	}
}

// TestLyingDisk: what was synced meanwhile may go with the power, and what was synced before or after may not.
func TestLyingDisk(t *testing.T) {
	lost := map[string]int{}
	for _, lie := range []string{"before", "during", "never"} {
		for seed := range uint64(30) {
			c := newCellar(t, seed)
			var heal func() error
			if lie != "never" {
				heal = c.inflict(chaos.LyingDisk, on(chaos.LyingDisk, "b1"))
			}
			c.wants("a write", c.write(100), nil)
			c.wants("a sync", c.file.Sync(), nil)
			if lie == "before" {
				c.heals(heal, nil)
				c.wants("a write", c.write(1), nil)
				c.wants("an honest sync", c.file.Sync(), nil)
			}
			s := c.inflict(chaos.PowerCut, on(chaos.PowerCut, "b1"))
			data, err := c.d.ReadFile(own)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) < len("what is there before")+100 {
				lost[lie]++
			}
			c.heals(s, nil)
		}
	}
	if lost["never"] != 0 || lost["before"] != 0 || lost["during"] < 5 {
		t.Errorf("power cuts that took something: %v", lost)
	}
	c := newCellar(t, 1)
	c.heals(c.inflict(chaos.LyingDisk, on(chaos.LyingDisk, "b1")), chaos.ErrHitNothing)
}

// TestRuin: one file of those that match is harmed, where chance has it, while the broker is down.
func TestRuin(t *testing.T) {
	const whole = "some bytes of one file"
	for _, k := range []chaos.Kind{chaos.BitFlip, chaos.Truncate} {
		t.Run(k.Name, func(t *testing.T) {
			seen := map[string]bool{}
			for seed := range uint64(20) {
				ruin := func() string {
					c := newCellar(t, seed)
					for _, name := range []string{"own.a", "own.b"} {
						c.d.WriteFile(name, []byte(whole))
					}
					c.d.WriteFile("own.empty", nil)
					heal := c.inflict(k, args(map[string]string{k.Name: "b1", "files": "own.[abe]*"}, nil, nil))
					harmed := c.harmed(whole)
					c.heals(heal, nil)
					if c.w.Start("b1") == nil {
						t.Error("the broker was not started again")
					}
					return harmed
				}
				once := ruin()
				if again := ruin(); again != once {
					t.Fatalf("seed %d: %q, and then %q", seed, once, again)
				}
				seen[once] = true
			}
			files := map[string]bool{}
			for what := range seen {
				files[strings.Fields(what)[0]] = true
			}
			if len(seen) < 10 || len(files) != 2 {
				t.Errorf("20 seeds did %d different things to %d files", len(seen), len(files))
			}
			c := newCellar(t, 1)
			c.heals(c.inflict(k, args(map[string]string{k.Name: "b1", "files": "nothing.*"}, nil, nil)), chaos.ErrHitNothing)
			if c.w.Start("b1") == nil {
				t.Error("the broker was not started again, where there was no file")
			}
		})
	}
}

// harmed is which of the two files is not whole, and what is left of it: one bit is another, or the end is gone.
func (c *cellar) harmed(whole string) (what string) {
	c.t.Helper()
	for _, name := range []string{own, "own.a", "own.b"} {
		data, err := c.d.ReadFile(name)
		if err != nil {
			c.t.Fatal(err)
		}
		if name == own || string(data) == whole {
			continue
		}
		flipped := 0
		for i := range data {
			flipped += bits.OnesCount8(data[i] ^ whole[i])
		}
		if what != "" || flipped > 1 || (flipped == 1) != (len(data) == len(whole)) {
			c.t.Errorf("%s is %q, after %q", name, data, what)
		}
		what = fmt.Sprintf("%s %q", name, data)
	}
	if what == "" {
		c.t.Error("nothing was harmed")
	}
	return what
}
