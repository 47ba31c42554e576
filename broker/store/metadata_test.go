package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// metadata reads nsqd.dat.
func metadata(t *testing.T, fs store.FS) (store.Metadata, string) {
	t.Helper()
	m, warning, err := store.ReadMetadata(fs, wire.ValidName)
	if err != nil {
		t.Fatal(err)
	}
	return m, warning
}

var someMetadata = store.Metadata{Version: "1.3.0", Topics: []store.TopicMetadata{
	{Name: "orders", Channels: []store.ChannelMetadata{{Name: "audit", Paused: true}, {Name: "billing"}}},
	{Name: "returns", Paused: true},
}}

// TestMetadataFormat: the bytes are nsqd's, but for the offsets, which it never wrote.
func TestMetadataFormat(t *testing.T) {
	withOffsets := someMetadata
	withOffsets.Offsets = 1<<54 - 1
	emptyLists := store.Metadata{Version: "1.3.0", Topics: []store.TopicMetadata{}}
	emptyChannels := store.Metadata{Version: "1.3.0", Topics: []store.TopicMetadata{{Name: "orders", Channels: []store.ChannelMetadata{}}}}
	for _, c := range []struct {
		m    store.Metadata
		want string
	}{
		{store.Metadata{Version: "1.3.0"}, `{"topics":null,"version":"1.3.0"}`},
		{emptyLists, `{"topics":null,"version":"1.3.0"}`},
		{emptyChannels, `{"topics":[{"name":"orders","paused":false,"channels":null}],"version":"1.3.0"}`},
		{someMetadata, `{"topics":[{"name":"orders","paused":false,"channels":[{"name":"audit","paused":true},{"name":"billing","paused":false}]},` +
			`{"name":"returns","paused":true,"channels":null}],"version":"1.3.0"}`},
		{withOffsets, `{"topics":[{"name":"orders","paused":false,"channels":[{"name":"audit","paused":true},{"name":"billing","paused":false}]},` +
			`{"name":"returns","paused":true,"channels":null}],"offsets":18014398509481983,"version":"1.3.0"}`},
	} {
		disk := sim.NewDisk()
		disk.WriteFile("nsqd.dat", []byte("the old one"))
		if err := store.WriteMetadata(disk, c.m); err != nil {
			t.Fatal(err)
		}
		if got, err := disk.ReadFile("nsqd.dat"); string(got) != c.want || err != nil {
			t.Errorf("wrote\n%s, want\n%s (%v)", got, c.want, err)
		}
		if got, warning := metadata(t, disk); fmt.Sprint(got) != fmt.Sprint(c.m) || warning != "" {
			t.Errorf("read %+v, %q, want %+v", got, warning, c.m)
		}
	}
}

func TestMetadataFolder(t *testing.T) {
	fs := store.OS{Dir: t.TempDir()}
	if m, warning := metadata(t, fs); !reflect.DeepEqual(m, store.Metadata{}) || warning != "" {
		t.Errorf("an empty folder has %+v, %q", m, warning)
	}
	for range 2 {
		if err := store.WriteMetadata(fs, someMetadata); err != nil {
			t.Fatal(err)
		}
	}
	if m, warning := metadata(t, fs); !reflect.DeepEqual(m, someMetadata) || warning != "" {
		t.Errorf("read %+v, %q", m, warning)
	}
	if files, err := fs.List(); !slices.Equal(files, []string{"nsqd.dat"}) {
		t.Errorf("the folder has %q, %v", files, err)
	}
}

// TestMetadataDamage: what is wrong is told, and what stands before it is read.
func TestMetadataDamage(t *testing.T) {
	const topic = `{"name":"orders","paused":true,"channels":[{"name":"billing","paused":true}]}`
	for _, c := range []struct {
		file, warning string
		topics        string // with their channels, * is paused
	}{
		{"", "the file is empty", ""},
		{" \n", "the file is empty", ""},
		{"\x00\x00\x00\x00", "byte 0 of 4 cannot be read", ""},
		{`[]`, "cannot be read: [ where { should be", ""},
		{`{"topics":[` + topic, "byte 88 of 88 cannot be read: unexpected EOF", "orders* billing*"},
		{`{"topics":[` + topic + `,{"name":"returns","pau`, "byte 89 of 111 cannot be read: unexpected EOF", "orders* billing*"},
		{`{"topics":[` + topic + `],"version":"1.3.0"`, "cannot be read: unexpected EOF", "orders* billing*"},
		{`{"topics":[` + topic + `,{"name":7}],"version":"1.3.0"}`, "cannot be read: json: cannot unmarshal number", "orders* billing*"},
		{`{"topics":[` + topic + `]}{`, "something follows the object", "orders* billing*"},
		{`{"topics":7}`, "the topics are 7, not a list", ""},
		{`{"topics":[{"name":"a b"},` + topic + `,{"name":"orders"},{"name":""}]}`,
			`nsqd.dat: topic "a b" is left out; topic "orders" is left out; topic "" is left out`, "orders* billing*"},
		{`{"topics":[{"name":"a","channels":[{"name":"c:d"},{"name":"e"},{"name":"e"}]}]}`,
			`nsqd.dat: channel "c:d" of topic "a" is left out; channel "e" of topic "a" is left out`, "a e"},
		{`{"age":{"of":["it"]},"topics":[` + topic + `],"version":"0.3.8","more":null}`, "", "orders* billing*"},
	} {
		disk := sim.NewDisk()
		disk.WriteFile("nsqd.dat", []byte(c.file))
		m, warning := metadata(t, disk)
		if got := describe(m); got != c.topics || !strings.Contains(warning, c.warning) || (warning == "") != (c.warning == "") {
			t.Errorf("%s\nis %q with %q, want %q with %q", c.file, got, warning, c.topics, c.warning)
		}
	}
}

func describe(m store.Metadata) string {
	star := map[bool]string{true: "*"}
	var words []string
	for _, topic := range m.Topics {
		words = append(words, topic.Name+star[topic.Paused])
		for _, c := range topic.Channels {
			words = append(words, c.Name+star[c.Paused])
		}
	}
	return strings.Join(words, " ")
}

// TestMetadataCrash: whatever fails, and whatever a power cut leaves, it is the old file or the new one; the new one if all went well.
func TestMetadataCrash(t *testing.T) {
	newer := store.Metadata{Version: "1.3.0", Topics: someMetadata.Topics[1:], Offsets: 77}
	states := 0
	for _, op := range sim.DiskOps {
		for nth := 1; ; nth++ {
			disk := sim.NewDisk()
			disk.WriteFile("nsqd.dat.815.tmp", []byte("left over"))
			if err := store.WriteMetadata(disk, someMetadata); err != nil {
				t.Fatal(err)
			}
			fault, err := disk.Fail(op, "*", nth, nil)
			if err != nil {
				t.Fatal(err)
			}
			failed := store.WriteMetadata(disk, newer)
			for s, err := range disk.States(10_000) {
				if err != nil {
					t.Fatal(err)
				}
				states++
				s.ClearFaults()
				m, warning := metadata(t, s)
				isOld, isNew := reflect.DeepEqual(m, someMetadata), reflect.DeepEqual(m, newer)
				if warning != "" || !isNew && (!isOld || failed == nil) {
					t.Fatalf("%s %d, error %v, leaves %+v, %q", op, nth, failed, m, warning)
				}
				if err := store.WriteMetadata(s, newer); err != nil {
					t.Fatalf("after %s %d: %v", op, nth, err)
				}
				if files, _ := s.List(); !slices.Equal(files, []string{"nsqd.dat"}) {
					t.Fatalf("after %s %d the folder has %q", op, nth, files)
				}
			}
			if (failed != nil) != (fault.Hits() > 0) {
				t.Fatalf("%s %d struck %d times, error %v", op, nth, fault.Hits(), failed)
			}
			if failed == nil {
				break
			}
		}
	}
	if states < 20 {
		t.Errorf("%d states were tried", states)
	}
}

// TestMetadataUnreadable: what the disk does wrong is an error.
func TestMetadataUnreadable(t *testing.T) {
	for _, op := range []sim.DiskOp{sim.DiskOpen, sim.DiskSize, sim.DiskRead} {
		disk := sim.NewDisk()
		disk.WriteFile("nsqd.dat", []byte(`{"topics":null,"version":"1.3.0"}`))
		if _, err := disk.Fail(op, "nsqd.dat", 0, nil); err != nil {
			t.Fatal(err)
		}
		if m, warning, err := store.ReadMetadata(disk, wire.ValidName); err == nil {
			t.Errorf("%s fails, and nsqd.dat is %+v, %q", op, m, warning)
		}
	}
}

func TestTopics(t *testing.T) {
	disk := sim.NewDisk()
	for _, f := range []string{
		"b.00000000000003e8.log", "b.00000000000007d0.log", "b.0000000000000002.journal", "a.b.0000000000000001.journal",
		"z.0000000000000000.log", "nsqd.dat", "c.diskqueue.000000.dat", "d.diskqueue.meta.dat.migrated", "e.3e8.log",
	} {
		disk.WriteFile(f, nil)
	}
	if got, err := store.Topics(disk); !slices.Equal(got, []string{"a.b", "b", "z"}) || err != nil {
		t.Errorf("the topics are %q, %v", got, err)
	}
}

// FuzzMetadata reads files of any bytes: what comes out is valid, and is read again as it is written.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"topics":[{"name":"t","paused":false,"channels":[{"name":"c","paused":false}]}],"version":"1.3.0"}`))
	f.Add([]byte(`{"topics":null,"offsets":5,"version":"1.3.0"}`))
	f.Add([]byte(`{"topics":[{"name":"t","channels":null},{"name":"t"}],"topics":[{"name":"u"`))
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		disk := sim.NewDisk()
		disk.WriteFile("nsqd.dat", file)
		m, _ := metadata(t, disk)
		for _, topic := range m.Topics {
			for _, c := range append([]store.ChannelMetadata{{Name: topic.Name}}, topic.Channels...) {
				if !wire.ValidName(c.Name) {
					t.Errorf("%q is no name", c.Name)
				}
			}
		}
		if err := store.WriteMetadata(disk, m); err != nil {
			t.Fatal(err)
		}
		if again, warning := metadata(t, disk); fmt.Sprint(again) != fmt.Sprint(m) || warning != "" {
			t.Errorf("%+v was written, and %+v read, %q", m, again, warning)
		}
	})
}
