package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker/lookup"
	"github.com/nsqlab/nsqlab/broker/store"
)

// inFolder keeps what is registered in a folder.
func inFolder(folder string) func(*LookupdConfig) {
	return func(c *LookupdConfig) { c.DataPath = folder }
}

// What is registered is there again after a stop, and after a kill as far as it was written; nobody is handed out who had gone.
func TestLookupdStartsAgain(t *testing.T) {
	for _, ends := range []string{"stopped", "killed"} {
		t.Run(ends, func(t *testing.T) {
			folder := t.TempDir()
			d := startLookupd(t, inFolder(folder))
			enrol(t, d, "a", 4150, 4151).does("REGISTER t c", "REGISTER t tail#ephemeral")
			gone := enrol(t, d, "gone", 4150, 4151)
			gone.does("REGISTER t c")
			gone.conn.Close()
			await(t, "gone", func() bool { return ask[foundNsqds](t, d, "/lookup?topic=t").names() == "a" })
			post(t, d, "/channel/create?topic=empty&channel=c", "")
			if ends == "killed" {
				changes := d.registry.Changes()
				await(t, "written", func() bool {
					d.keeper.mu.Lock()
					defer d.keeper.mu.Unlock()
					return d.keeper.kept == changes
				})
				d.Kill()
			} else if err := d.Stop(); err != nil {
				t.Fatal(err)
			}

			d = startLookupd(t, inFolder(folder))
			found(t, d, "t", "a", "c", "tail#ephemeral")
			found(t, d, "empty", "", "c")
			enrol(t, d, "a", 4150, 4151).does("REGISTER t c")
			found(t, d, "t", "a", "c", "tail#ephemeral")
		})
	}
}

// Without a folder nothing is kept, as in nsqlookupd, and no file is made.
func TestLookupdKeepsNothingUnasked(t *testing.T) {
	t.Chdir(t.TempDir())
	d := startLookupd(t, nil)
	post(t, d, "/topic/create?topic=t", "")
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Error(files, err)
	}
}

// Damage is set aside and told of, and the daemon begins with nothing.
func TestLookupdSetsDamageAside(t *testing.T) {
	for _, damaged := range []string{"", "{", `{"topics":[{"name":"t"}],"producers":7}`, "\x00\x00\x00"} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, keptFile), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		out := &lockedBuffer{}
		d := startLookupd(t, func(c *LookupdConfig) { c.DataPath, c.Log = folder, WriteLog(out, "", Info) })
		if !strings.Contains(out.text(), "WARNING: nsqlookupd.dat is damaged and is nsqlookupd.dat.bad now, nothing is registered - ") {
			t.Errorf("%q: %s", damaged, out.text())
		}
		answered(t, d, asking{"GET", "/topics", "", 200, `{"topics":[]}`})
		if got, err := os.ReadFile(filepath.Join(folder, keptDamaged)); err != nil || string(got) != damaged {
			t.Errorf("%q %v, want %q", got, err, damaged)
		}
		post(t, d, "/topic/create?topic=t", "")
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		answered(t, startLookupd(t, inFolder(folder)), asking{"GET", "/topics", "", 200, `{"topics":["t"]}`})
	}
}

func TestLookupdLocksItsFolder(t *testing.T) {
	folder := t.TempDir()
	startLookupd(t, inFolder(folder))
	cfg := DefaultLookupdConfig()
	cfg.TCPAddress, cfg.HTTPAddress, cfg.DataPath = "127.0.0.1:0", "127.0.0.1:0", folder
	if _, err := StartLookupd(cfg); err == nil || !strings.Contains(err.Error(), "(possibly in use by another instance of nsqlookupd)") {
		t.Error(err)
	}
}

// A weak folder fails at one of its operations, while broken.
type weakFS struct {
	store.FS
	fails  string
	broken *atomic.Bool
}

var errWeak = errors.New("weak")

func (w weakFS) fail(what string) error {
	if w.fails == what && w.broken.Load() {
		return fmt.Errorf("%s: %w", what, errWeak)
	}
	return nil
}

func (w weakFS) Create(name string) (store.File, error) {
	if err := w.fail("create"); err != nil {
		return nil, err
	}
	f, err := w.FS.Create(name)
	return weakFile{f, w}, err
}

func (w weakFS) Rename(from, to string) error {
	if err := w.fail("rename"); err != nil {
		return err
	}
	return w.FS.Rename(from, to)
}

func (w weakFS) Remove(name string) error {
	if err := w.fail("remove"); err != nil {
		return err
	}
	return w.FS.Remove(name)
}

func (w weakFS) SyncDir() error {
	if err := w.fail("sync folder"); err != nil {
		return err
	}
	return w.FS.SyncDir()
}

type weakFile struct {
	store.File
	fs weakFS
}

func (f weakFile) Write(p []byte) (int, error) {
	if err := f.fs.fail("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f weakFile) Sync() error {
	if err := f.fs.fail("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

// rigKeeper is a keeper of a registry, over a folder that may be weak.
func rigKeeper(t *testing.T, disk store.FS) *keeper {
	k := &keeper{
		registry: lookup.NewRegistry(lookup.DefaultOptions()),
		disk:     disk,
		complain: func(_ time.Time, err error) { t.Error(err) },
		saved:    func(error) {},
	}
	if warning, err := k.load(time.Now()); warning != "" || err != nil {
		t.Fatal(warning, err)
	}
	return k
}

// What cannot be written is told of and tried again, and meanwhile the file is whole: the old one or the new.
func TestKeeperOnAWeakDisk(t *testing.T) {
	for _, fails := range []string{"create", "write", "sync", "rename", "remove", "sync folder"} {
		t.Run(fails, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := store.OS{Dir: t.TempDir()}
				broken := &atomic.Bool{}
				k := rigKeeper(t, weakFS{disk, fails, broken})
				var complaints []string
				k.complain = func(_ time.Time, err error) { complaints = append(complaints, err.Error()) }
				ended := make(chan struct{})
				go k.keep(ended)
				k.registry.CreateTopic("old")
				time.Sleep(2 * keepEvery)
				broken.Store(true)
				k.registry.CreateTopic("new")
				time.Sleep(10*keepEvery + keepEvery/2)
				synctest.Wait()
				if len(complaints) < 9 || !strings.HasPrefix(complaints[0], "failed to write nsqlookupd.dat: "+fails+": weak") {
					t.Errorf("%d complaints: %q", len(complaints), complaints)
				}
				if got := fmt.Sprint(rigKeeper(t, disk).registry.Topics()); got != "[old]" && (fails != "sync folder" || got != "[new old]") {
					t.Errorf("the file has %s", got)
				}
				broken.Store(false)
				told := len(complaints)
				time.Sleep(2 * keepEvery)
				synctest.Wait()
				if got := fmt.Sprint(rigKeeper(t, disk).registry.Topics()); got != "[new old]" {
					t.Errorf("the file has %s", got)
				}
				if len(complaints) != told {
					t.Errorf("complained of %q", complaints[told:])
				}
				close(ended)
			})
		})
	}
}

// The file is written when something has changed, once a second at the most, and never again once it is sealed.
func TestKeeperWritesWhenThereIsNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writes := 0
		k := rigKeeper(t, store.OS{Dir: t.TempDir()})
		k.saved = func(error) { writes++ }
		ended := make(chan struct{})
		go k.keep(ended)
		wrote := func(want int) {
			t.Helper()
			synctest.Wait()
			if writes != want {
				t.Errorf("%d writes, want %d", writes, want)
			}
		}
		wrote(1) // in any case
		time.Sleep(time.Hour + keepEvery/2)
		wrote(1)
		for i := range 3000 {
			k.registry.CreateTopic(fmt.Sprint("t", i))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * keepEvery)
		wrote(5)
		k.registry.CreateTopic("last")
		k.seal()
		time.Sleep(time.Hour)
		if err := k.save(); err != nil {
			t.Error(err)
		}
		wrote(5)
		close(ended)
	})
}

// What a crash has left half written is no hindrance.
func TestKeeperRemovesWhatWasLeft(t *testing.T) {
	disk := store.OS{Dir: t.TempDir()}
	if _, err := disk.Create(keptTmp); err != nil {
		t.Fatal(err)
	}
	k := rigKeeper(t, disk)
	k.registry.CreateTopic("t")
	if err := k.save(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rigKeeper(t, disk).registry.Topics()); got != "[t]" {
		t.Error(got)
	}
}
