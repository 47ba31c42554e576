package store_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// A damage is harm that was done to a queue, and what is to be read of it.
type damage struct {
	name  string
	harm  func(t *testing.T, d *sim.Disk)
	want  []int // of the messages
	lines []string
}

// damages are done to a queue of orders: 8 records of 33 bytes, 3 in a file; the first was delivered.
func damages() []damage {
	file := func(n int) string { return dataFile("orders", n) }
	meta := metaFile("orders")
	return []damage{
		{"none", func(*testing.T, *sim.Disk) {}, []int{1, 2, 3, 4, 5, 6, 7}, nil},
		{"no meta file", remove(meta), []int{0, 1, 2, 3, 4, 5, 6, 7}, []string{meta + ": missing; all that is in the data files is read, and may have been delivered before"}},
		{"half a meta file", cut(meta, 7), []int{0, 1, 2, 3, 4, 5, 6, 7},
			[]string{meta + `: damaged ("7\n0,33\n"); all that is in the data files is read, and may have been delivered before`}},
		{"an empty meta file", put(meta, ""), []int{0, 1, 2, 3, 4, 5, 6, 7}, []string{meta + `: damaged (""); all`}},
		{"a meta file without its last byte", put(meta, "7\n0,33\n2,66"), []int{0, 1, 2, 3, 4, 5, 6, 7}, []string{meta + ": damaged"}},
		{"reading ahead of writing", put(meta, "7\n3,33\n2,66\n"), []int{0, 1, 2, 3, 4, 5, 6, 7}, []string{meta + ": damaged"}},
		{"a negative place", put(meta, "7\n0,-33\n2,66\n"), []int{0, 1, 2, 3, 4, 5, 6, 7}, []string{meta + ": damaged"}},
		{"written since the last sync", put(meta, "7\n0,33\n2,33\n"), []int{1, 2, 3, 4, 5, 6, 7}, nil},
		{"another file since the last sync", put(meta, "4\n0,66\n1,99\n"), []int{2, 3, 4, 5, 6, 7}, []string{file(2) + ": nsqd did not know of it any more; it is read too"}},
		{"a file that was read and not removed", put(meta, "7\n1,33\n2,66\n"), []int{4, 5, 6, 7}, []string{file(0) + ": not read, for all of it was delivered"}},
		{"a negative depth", put(meta, "-7\n0,33\n2,66\n"), []int{1, 2, 3, 4, 5, 6, 7}, nil},
		{"a next file that is not there yet", put(meta, "7\n0,33\n3,0\n"), []int{1, 2, 3, 4, 5, 6, 7}, nil},
		{"no file in the middle", remove(file(1)), []int{1, 2, 6, 7}, []string{file(1) + ": missing"}},
		{"no first file", remove(file(0)), []int{3, 4, 5, 6, 7}, []string{file(0) + ": missing"}},
		{"no last file", remove(file(2)), []int{1, 2, 3, 4, 5}, []string{file(2) + ": missing"}},
		{"no last files", func(t *testing.T, d *sim.Disk) { remove(file(2))(t, d); put(meta, "7\n0,33\n8,66\n")(t, d) }, []int{1, 2, 3, 4, 5},
			[]string{file(2) + ": missing, and so are all up to " + file(8)}},
		{"a first file shorter than what was read of it", cut(file(0), 20), []int{3, 4, 5, 6, 7}, []string{file(0) + ": it has 20 bytes, of 33; what stood in the others is lost"}},
		{"a last file without its last record", cut(file(2), 33), []int{1, 2, 3, 4, 5, 6}, []string{file(2) + ": it has 33 bytes, of 66; what stood in the others is lost"}},
		{"a torn last record", cut(file(2), 60), []int{1, 2, 3, 4, 5, 6}, []string{file(2) + ": it has 60 bytes, of 66; what stood in the others is lost",
			file(2) + ": from byte 33 on, 27 bytes are not read: a record of 33 bytes is cut off"}},
		{"a torn length", cut(file(1), 35), []int{1, 2, 3, 6, 7}, []string{file(1) + ": from byte 33 on, 2 bytes are not read: a record's length is cut off"}},
		{"a length that is too small", flip(file(1), 33*8+3*8+4), []int{1, 2, 3, 6, 7},
			[]string{file(1) + ": from byte 33 on, 66 bytes are not read: 13 is no length of a record"}},
		{"a length that is too large", flip(file(1), 33*8+5), []int{1, 2, 3, 6, 7},
			[]string{file(1) + ": from byte 33 on, 66 bytes are not read: 536870941 is no length of a record, with bodies of up to 1048576"}},
		{"a negative length", flip(file(1), 7), []int{1, 2, 6, 7}, []string{file(1) + ": from byte 0 on, 99 bytes are not read: -2147483619 is no length"}},
		{"a length behind the end", flip(file(1), 33*8+2*8), []int{1, 2, 3, 6, 7}, []string{file(1) + ": from byte 33 on, 66 bytes are not read: a record of 289 bytes is cut off"}},
		{"zeros at the end", func(t *testing.T, d *sim.Disk) {
			p, _ := d.ReadFile(file(2))
			put(file(2), string(p)+"\x00\x00\x00\x00\x00")(t, d)
		},
			[]int{1, 2, 3, 4, 5, 6, 7}, []string{file(2) + ": from byte 66 on, 5 bytes are not read: 0 is no length"}},
		{"what nsqd gave up", put("orders.diskqueue.000007.dat.bad", "junk"), []int{1, 2, 3, 4, 5, 6, 7},
			[]string{"orders.diskqueue.000007.dat.bad: left alone; nsqd could not read all of it"}},
		{"a name that is none", put("orders:b c.diskqueue.000000.dat", "junk"), []int{1, 2, 3, 4, 5, 6, 7},
			[]string{"orders:b c.diskqueue.000000.dat: left alone, for its name is not that of a topic or channel"}},
		{"an empty nsqd.dat", put("nsqd.dat", ""), []int{1, 2, 3, 4, 5, 6, 7}, []string{"nsqd.dat: the file is empty"}},
		{"what is left of a meta file", put(meta+".123.tmp", "7\n0"), []int{1, 2, 3, 4, 5, 6, 7}, nil},
	}
}

// TestMigrateDamage: what can be read is taken over, and what cannot is told to the byte.
func TestMigrateDamage(t *testing.T) {
	const size = 4 + 26 + len("m 0")
	messages := some("m", 0, 8)
	for _, c := range damages() {
		t.Run(c.name, func(t *testing.T) {
			disk := sim.NewDisk()
			putQueue(disk, "orders", 3*size, 1, messages...)
			c.harm(t, disk)
			lines := strings.Split(migrate(t, disk), "\n")
			var want []sent
			for _, n := range c.want {
				want = append(want, messages[n])
			}
			if got := holdings(t, disk, "orders")[""].messages; !slices.Equal(got, want) {
				t.Errorf("taken over were\n%v, want\n%v", got, want)
			}
			lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasSuffix(l, "taken over from nsqd") })
			if !slices.EqualFunc(lines, c.lines, strings.HasPrefix) {
				t.Errorf("it tells\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(c.lines, "\n"))
			}
			for name := range contents(t, disk, untouched) {
				if !strings.HasSuffix(name, ".bad") && !strings.HasSuffix(name, ".tmp") && !strings.Contains(name, "b c") {
					t.Errorf("%s was not put aside", name)
				}
			}
		})
	}
}

func remove(name string) func(*testing.T, *sim.Disk) {
	return func(t *testing.T, d *sim.Disk) {
		if err := d.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

func cut(name string, size int64) func(*testing.T, *sim.Disk) {
	return func(t *testing.T, d *sim.Disk) {
		if err := d.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
	}
}

func flip(name string, bit int64) func(*testing.T, *sim.Disk) {
	return func(t *testing.T, d *sim.Disk) {
		if err := d.FlipBit(name, bit); err != nil {
			t.Fatal(err)
		}
	}
}

func put(name, text string) func(*testing.T, *sim.Disk) {
	return func(_ *testing.T, d *sim.Disk) { d.WriteFile(name, []byte(text)) }
}

// TestMigrateManyFiles: the files are read in the order of their numbers, not of their names.
func TestMigrateManyFiles(t *testing.T) {
	disk := sim.NewDisk()
	messages := some("m", 0, 3)
	for n, m := range messages {
		disk.WriteFile(dataFile("a.diskqueue", 999_999+n), m.record())
	}
	disk.WriteFile(metaFile("a.diskqueue"), []byte("3\n999999,0\n1000001,33\n"))
	migrate(t, disk)
	wantHoldings(t, disk, "a.diskqueue", map[string]holding{"": {messages, false}})
}

// TestMigrateBothSystems: a channel has two queues if its folder was moved from Windows.
func TestMigrateBothSystems(t *testing.T) {
	disk := sim.NewDisk()
	messages := some("m", 0, 6)
	putQueue(disk, "orders:billing", 1000, 0, messages[:4]...)
	putQueue(disk, "orders;billing", 1000, 0, messages[4:]...)
	migrate(t, disk)
	wantHoldings(t, disk, "orders", map[string]holding{"": {}, "billing": {messages, false}})
}

// naive reads a data file as a whole.
func naive(p []byte, maxBody int64) (all []sent) {
	for len(p) >= 4 {
		length := int64(int32(binary.BigEndian.Uint32(p)))
		if length < 26 || length > 26+maxBody || length > int64(len(p))-4 {
			break
		}
		r := p[4 : 4+length]
		all = append(all, sent{int64(binary.BigEndian.Uint64(r)), binary.BigEndian.Uint16(r[8:]), string(r[26:])})
		p = p[4+length:]
	}
	return all
}

// FuzzUpstreamQueue takes over queues of any bytes: without a meta file all is taken that a simple reader finds, and with one what is taken
// stands in the files.
func FuzzUpstreamQueue(f *testing.F) {
	var two []byte
	for _, m := range some("m", 0, 2) {
		two = append(two, m.record()...)
	}
	f.Add([]byte("3\n0,33\n1,20\n"), two, two[:50])
	f.Add([]byte(nil), two[:60], two)
	f.Add([]byte("x"), []byte("\x7f\xff\xff\xff"+strings.Repeat("y", 40)), []byte{0, 0, 0, 26})
	f.Add([]byte("9223372036854775807\n1,9223372036854775807\n9223372036854775807,0\n"), two, two)
	f.Fuzz(func(t *testing.T, meta, a, b []byte) {
		const maxBody = 1000
		disk := sim.NewDisk()
		disk.WriteFile(dataFile("orders:billing", 0), a)
		disk.WriteFile(dataFile("orders:billing", 1), b)
		if len(meta) > 0 {
			disk.WriteFile(metaFile("orders:billing"), meta)
		}
		most := 0
		fs := meter{disk, &most}
		lines, err := store.Migrate(fs, store.MigrateOptions{First: 7, MaxBody: maxBody, Valid: wire.ValidName})
		if err != nil {
			t.Fatal(err)
		}
		if most > 1<<20 {
			t.Errorf("%d bytes were read at once", most)
		}
		got := holdings(t, disk, "orders")["billing"].messages
		known := len(meta) > 0 && !strings.Contains(strings.Join(lines, "\n"), "all that is in the data files is read")
		want := append(naive(a, maxBody), naive(b, maxBody)...)
		if !known && !slices.Equal(got, want) {
			t.Errorf("taken over were\n%v, want\n%v", got, want)
		}
		bytes := 0
		for _, m := range got {
			bytes += 4 + 26 + len(m.body)
			if !strings.Contains(string(a), m.body) && !strings.Contains(string(b), m.body) {
				t.Errorf("%v stands nowhere", m)
			}
		}
		if bytes > len(a)+len(b) {
			t.Errorf("of %d bytes %d were taken over", len(a)+len(b), bytes)
		}
	})
}
