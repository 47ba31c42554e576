package sim

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/nsqlab/nsqlab/broker/store"
)

// TestDisk plays the files of testdata/disk: what is done to one disk, and what it says. A file that was created or opened is used by its
// name then. No answer is "ok".
//
//	disk                      begins anew
//	create|open|close|sync a
//	write a [x=n …]           the text below, or n bytes of x and so on
//	read a [at=n] [n=n]
//	rename a b, remove a, list, syncdir
//	kill, cut seed=n          the process ends, the machine does
//	states [limit=n]          what a power cut could leave, least first
//	dump
//	fill room=n, fail op=o on=pattern [nth=n] [err=ENOSPC], failsync on=pattern, lie
//	clear, hits               all faults are over; how often each has struck
//	flip a bit=n, truncate a at=n, corrupt a seed=n, put a
func TestDisk(t *testing.T) {
	paths, err := filepath.Glob("testdata/disk/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no conversations:", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			talk := newDiskTalk()
			datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
				t.Helper()
				f := diskDirectives[td.Cmd]
				if f == nil {
					td.Fatalf(t, "no directive %q", td.Cmd)
				}
				answer, err := f(talk, diskCall{td})
				if err != nil {
					answer = "error: " + err.Error() + "\n"
				}
				return cmp.Or(answer, "ok\n")
			})
		})
	}
}

// A diskTalk is one conversation with a disk.
type diskTalk struct {
	d      *Disk
	open   map[string]store.File
	faults []*DiskFault
}

func newDiskTalk() *diskTalk { return &diskTalk{d: NewDisk(), open: map[string]store.File{}} }

// A diskCall is one directive.
type diskCall struct{ *datadriven.TestData }

// name is the nth argument.
func (c diskCall) name(nth int) string {
	if nth < len(c.CmdArgs) {
		return c.CmdArgs[nth].Key
	}
	return "no name given"
}

func (c diskCall) text(key, otherwise string) string {
	if arg, ok := c.Arg(key); ok {
		return arg.Vals[0]
	}
	return otherwise
}

func (c diskCall) number(key string, otherwise int) int {
	n, err := strconv.Atoi(c.text(key, strconv.Itoa(otherwise)))
	if err != nil {
		panic(err)
	}
	return n
}

func (c diskCall) rng() *rand.Rand { return rand.New(rand.NewPCG(uint64(c.number("seed", 0)), 0)) }

var diskDirectives = map[string]func(*diskTalk, diskCall) (string, error){
	"disk":     func(k *diskTalk, _ diskCall) (string, error) { *k = *newDiskTalk(); return "", nil },
	"create":   (*diskTalk).openFile,
	"open":     (*diskTalk).openFile,
	"close":    (*diskTalk).handle,
	"sync":     (*diskTalk).handle,
	"write":    (*diskTalk).write,
	"read":     (*diskTalk).read,
	"rename":   func(k *diskTalk, c diskCall) (string, error) { return "", k.d.Rename(c.name(0), c.name(1)) },
	"remove":   func(k *diskTalk, c diskCall) (string, error) { return "", k.d.Remove(c.name(0)) },
	"list":     (*diskTalk).list,
	"syncdir":  func(k *diskTalk, _ diskCall) (string, error) { return "", k.d.SyncDir() },
	"kill":     func(k *diskTalk, _ diskCall) (string, error) { k.d.Kill(); return "", nil },
	"cut":      func(k *diskTalk, c diskCall) (string, error) { k.d.PowerCut(c.rng()); return showDisk(k.d) + "\n", nil },
	"states":   (*diskTalk).states,
	"dump":     func(k *diskTalk, _ diskCall) (string, error) { return k.d.Dump(), nil },
	"fill":     (*diskTalk).fault,
	"fail":     (*diskTalk).fault,
	"failsync": (*diskTalk).fault,
	"lie":      (*diskTalk).fault,
	"clear":    (*diskTalk).clear,
	"hits":     (*diskTalk).hits,
	"flip": func(k *diskTalk, c diskCall) (string, error) {
		return "", k.d.FlipBit(c.name(0), int64(c.number("bit", 0)))
	},
	"truncate": func(k *diskTalk, c diskCall) (string, error) {
		return "", k.d.Truncate(c.name(0), int64(c.number("at", 0)))
	},
	"corrupt": func(k *diskTalk, c diskCall) (string, error) { return k.d.Corrupt(c.name(0), c.rng()) },
	"put": func(k *diskTalk, c diskCall) (string, error) {
		k.d.WriteFile(c.name(0), []byte(c.Input))
		return "", nil
	},
}

func (k *diskTalk) openFile(c diskCall) (string, error) {
	do := k.d.Open
	if c.Cmd == "create" {
		do = k.d.Create
	}
	f, err := do(c.name(0))
	if err == nil {
		k.open[c.name(0)] = f
	}
	return "", err
}

func (k *diskTalk) file(c diskCall) (store.File, error) {
	if f := k.open[c.name(0)]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("%s is not open", c.name(0))
}

func (k *diskTalk) handle(c diskCall) (string, error) {
	f, err := k.file(c)
	if err != nil {
		return "", err
	}
	if c.Cmd == "sync" {
		return "", f.Sync()
	}
	return "", f.Close()
}

func (k *diskTalk) write(c diskCall) (string, error) {
	f, err := k.file(c)
	if err != nil {
		return "", err
	}
	p := []byte(c.Input)
	for _, arg := range c.CmdArgs[1:] {
		n, err := strconv.Atoi(arg.Vals[0])
		if err != nil {
			return "", err
		}
		p = append(p, strings.Repeat(arg.Key, n)...)
	}
	n, err := f.Write(p)
	if err != nil {
		return fmt.Sprintf("%d written, error: %v\n", n, err), nil
	}
	return "", nil
}

func (k *diskTalk) read(c diskCall) (string, error) {
	f, err := k.file(c)
	if err != nil {
		return "", err
	}
	p := make([]byte, c.number("n", 1<<20))
	n, err := f.ReadAt(p, int64(c.number("at", 0)))
	if err != nil {
		return fmt.Sprintf("%s, %v\n", showBytes(p[:n]), err), nil
	}
	return showBytes(p[:n]) + "\n", nil
}

func (k *diskTalk) list(diskCall) (string, error) {
	names, err := k.d.List()
	if err != nil || len(names) == 0 {
		return "nothing\n", err
	}
	var b strings.Builder
	for _, name := range names {
		size, err := k.d.Size(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s %d\n", name, size)
	}
	return b.String(), nil
}

func (k *diskTalk) states(c diskCall) (string, error) {
	var b strings.Builder
	n := 0
	for s, err := range k.d.States(c.number("limit", 1000)) {
		if err != nil {
			return fmt.Sprintf("%d, error: %v\n", n, err), nil
		}
		n++
		fmt.Fprintf(&b, "%d %s\n", n, showDisk(s))
	}
	return b.String(), nil
}

func (k *diskTalk) fault(c diskCall) (string, error) {
	var f *DiskFault
	var err error
	switch c.Cmd {
	case "fill":
		f = k.d.Fill(int64(c.number("room", 0)))
	case "fail":
		var cause error
		if c.HasArg("err") {
			cause = syscall.ENOSPC
		}
		f, err = k.d.Fail(DiskOp(c.text("op", "")), c.text("on", "*"), c.number("nth", 0), cause)
	case "failsync":
		f, err = k.d.FailSyncOnce(c.text("on", "*"))
	case "lie":
		f = k.d.LieAboutSync()
	}
	if err == nil {
		k.faults = append(k.faults, f)
	}
	return "", err
}

func (k *diskTalk) clear(diskCall) (string, error) {
	for _, f := range k.faults {
		f.Clear()
	}
	return "", nil
}

func (k *diskTalk) hits(diskCall) (string, error) {
	var b strings.Builder
	for _, f := range k.faults {
		fmt.Fprintf(&b, "%v\n", f)
	}
	return b.String(), nil
}

// showDisk shows all files with their contents.
func showDisk(d *Disk) string {
	var files []string
	for _, name := range sortedNames(d.names) {
		data, _ := d.ReadFile(name)
		files = append(files, name+"="+showBytes(data))
	}
	return cmp.Or(strings.Join(files, " "), "nothing")
}

// showBytes shows text; four and more bytes of a kind are counted, and zeros are dots.
func showBytes(p []byte) string {
	var b strings.Builder
	for len(p) > 0 {
		n := 1
		for n < len(p) && p[n] == p[0] {
			n++
		}
		c := strings.ReplaceAll(string(p[:1]), "\x00", ".")
		if n < 4 {
			b.WriteString(strings.Repeat(c, n))
		} else {
			fmt.Fprintf(&b, "<%s*%d>", c, n)
		}
		p = p[n:]
	}
	return strconv.Quote(b.String())
}

// TestDiskClone: a clone has all that the disk has, its faults too, and what happens to one does not happen to the other.
func TestDiskClone(t *testing.T) {
	d := NewDisk()
	a := diskWrite(t, d, "a", 10)
	full := d.Fill(5)
	c := d.Clone()
	if d.Dump() != c.Dump() || d.sum() != c.sum() {
		t.Fatalf("cloned\n%s to\n%s", d.Dump(), c.Dump())
	}
	if n, err := a.Write([]byte("12345678")); n != 5 || err == nil {
		t.Errorf("with room for 5: %d, %v", n, err)
	}
	diskOK(t, a.Sync(), d.SyncDir(), d.FlipBit("a", 0), d.Truncate("a", 3))
	if got := showDisk(c); got != `a="<a*10>"` || len(diskStates(t, c, 10)) != 4 {
		t.Errorf("what was done to the disk made its clone\n%s%s", got, c.Dump())
	}
	before := showDisk(d)
	f := diskWrite(t, c, "b")
	if n, err := f.Write([]byte("12345678")); n != 5 || err == nil {
		t.Errorf("with room for 5 in the clone: %d, %v", n, err)
	}
	c.ClearFaults()
	_, err := f.Write([]byte("12345678"))
	diskOK(t, err, f.Close(), c.Remove("a"))
	if showDisk(d) != before || full.Hits() != 1 || !strings.Contains(d.Dump(), "full at 15 bytes (hits 1)") {
		t.Errorf("what was done to the clone made the disk\n%s%s", showDisk(d), d.Dump())
	}
}

// TestDiskCloneShares: bytes and marks that clones have in common stay as they are for each.
func TestDiskCloneShares(t *testing.T) {
	d := NewDisk()
	a := diskWrite(t, d, "a", 4, 4, 4)
	diskOK(t, d.SyncDir())
	_, err := d.FailSyncOnce("a")
	diskOK(t, err)
	if a.Sync() == nil {
		t.Fatal("the sync succeeded")
	}
	c := d.Clone()
	before, states := showDisk(c), diskStates(t, c, 1000)
	diskOK(t, d.Truncate("a", 2))
	_, err = a.Write([]byte("other bytes"))
	diskOK(t, err, a.Sync())
	after := diskStates(t, c, 1000)
	if got := showDisk(c); got != before || !maps.Equal(states, after) {
		t.Errorf("the clone was %s, with %d states, and is %s, with %d", before, len(states), got, len(after))
	}
}
