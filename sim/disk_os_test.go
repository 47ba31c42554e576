package sim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
)

// TestDiskAsOS: without faults and crashes a Disk and a folder of the operating system give the same answers.
func TestDiskAsOS(t *testing.T) {
	for seed := range uint64(40) {
		real, simulated := diskAnswers(store.OS{Dir: t.TempDir()}, seed), diskAnswers(NewDisk(), seed)
		for n := range real {
			if real[n] != simulated[n] {
				t.Fatalf("seed %d: the operating system answers\n%s\nand Disk\n%s\nafter\n%s", seed, real[n], simulated[n], strings.Join(real[:n], "\n"))
			}
		}
	}
}

// diskAnswers does random things and tells what came of each.
func diskAnswers(fsys store.FS, seed uint64) (answers []string) {
	rng := rand.New(rand.NewPCG(seed, 2))
	var files []store.File
	say := func(format string, args ...any) { answers = append(answers, fmt.Sprintf(format, args...)) }
	for range 200 {
		name, other := string(rune('a'+rng.IntN(5))), string(rune('a'+rng.IntN(5)))
		switch rng.IntN(12) {
		case 0, 1:
			f, err := fsys.Create(name)
			if err == nil {
				files = append(files, f)
			}
			say("create %s: %s", name, diskClass(err))
		case 2:
			f, err := fsys.Open(name)
			if err == nil {
				files = append(files, f)
			}
			say("open %s: %s", name, diskClass(err))
		case 3:
			size, err := fsys.Size(name)
			say("size %s: %d %s", name, size, diskClass(err))
		case 4:
			say("remove %s: %s", name, diskClass(fsys.Remove(name)))
		case 5:
			say("rename %s %s: %s", name, other, diskClass(fsys.Rename(name, other)))
		case 6:
			names, err := fsys.List()
			say("list: %q %s", names, diskClass(err))
		case 7:
			if rng.IntN(10) == 0 {
				say("syncdir: %s", diskClass(fsys.SyncDir()))
			}
		default:
			if len(files) > 0 {
				n := rng.IntN(len(files))
				say("file %d: %s", n, diskFileAnswer(files[n], rng))
			}
		}
	}
	diskClose(files)
	return answers
}

func diskFileAnswer(f store.File, rng *rand.Rand) string {
	switch rng.IntN(12) {
	case 0:
		return "close " + diskClass(f.Close())
	case 1:
		return "sync " + diskClass(f.Sync())
	case 2, 3, 4, 5:
		p := make([]byte, 1+rng.IntN(20))
		at := rng.Int64N(100) - 1
		n, err := f.ReadAt(p, at)
		return fmt.Sprintf("read %d at %d: %q %s", len(p), at, p[:n], diskClass(err))
	default:
		p := slices.Repeat([]byte{byte('a' + rng.IntN(26))}, rng.IntN(20))
		n, err := f.Write(p)
		return fmt.Sprintf("write %d: %d %s", len(p), n, diskClass(err))
	}
}

// diskClass is what a caller can tell of an error.
func diskClass(err error) string {
	for _, known := range []error{io.EOF, fs.ErrExist, fs.ErrNotExist, fs.ErrClosed} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if err != nil {
		return "error"
	}
	return "ok"
}

func diskClose(files []store.File) {
	for _, f := range files {
		f.Close()
	}
}
