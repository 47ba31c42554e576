package broker_test

import (
	"testing"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/sim"
)

// TestPublishedFailed: what could not be published is not counted for its client.
func TestPublishedFailed(t *testing.T) {
	p := newPatient(t, broker.OS)
	s := p.connect(pub("t", "a"))
	_, _ = p.disk.Fail(sim.DiskWrite, "*.log", 0, nil)
	p.send(s, pub("t", "b"))
	if st := p.b.Stats(); len(st.Producers) != 1 || st.Producers[0].Published[0].Count != 1 {
		t.Errorf("%+v", st.Producers)
	}
}

// TestRestartsAreFree: a life that ends in order uses up no offsets but those of its messages.
func TestRestartsAreFree(t *testing.T) {
	p := newPatient(t, broker.OS)
	var first store.Offset
	for range 5 {
		p.connect(pub("t", "x")).Disconnect(p.now)
		p.b.Close(p.now)
		if err := p.b.Save(p.now); err != nil {
			t.Fatal(err)
		}
		m, _, err := store.ReadMetadata(p.disk, broker.ValidName)
		if err != nil {
			t.Fatal(err)
		}
		if first == 0 {
			first = m.Offsets
		}
		if m.Offsets > first+1<<20 {
			t.Fatalf("from %d to %d", first, m.Offsets)
		}
		p.kill()
	}
}

// TestMaxMsgSize: no message is allowed that the log cannot take.
func TestMaxMsgSize(t *testing.T) {
	opts := broker.DefaultOptions("test")
	opts.MaxMsgSize = store.MaxBody + 1
	if opts.Validate() == nil {
		t.Error("no error")
	}
}

// TestVolatileSeals: a log that is never recovered does not remember where its segments ended.
func TestVolatileSeals(t *testing.T) {
	past := store.Past{First: 1, Synced: 1}
	l, _, err := store.Open(store.NewMemory(), "t", nil, past, store.Options{SegmentBytes: 1, Volatile: true}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		l.Append(store.Record{Body: []byte("x")})
		if err := l.Write(); err != nil {
			t.Fatal(err)
		}
	}
	if seals := l.Seals(false); len(seals) != 0 {
		t.Error(seals)
	}
}

// A closing folder calls back when a file is synced, and counts what is written to files that are closed.
type closing struct {
	store.FS
	synced func()
	late   int
}

type closingFile struct {
	store.File
	of     *closing
	closed bool
}

func (w *closing) Create(name string) (store.File, error) {
	f, err := w.FS.Create(name)
	return &closingFile{File: f, of: w}, err
}

func (f *closingFile) Write(p []byte) (int, error) {
	if f.closed {
		f.of.late++
	}
	return f.File.Write(p)
}

func (f *closingFile) Sync() error {
	f.of.synced()
	return f.File.Sync()
}

func (f *closingFile) Close() error {
	f.closed = true
	return f.File.Close()
}

// TestDeletedMeanwhile: nothing is written of a topic that is deleted while it is synced.
func TestDeletedMeanwhile(t *testing.T) {
	p := newPatient(t, broker.OS)
	fs := &closing{FS: store.NewMemory(), synced: func() {}}
	var err error
	if p.b, err = broker.Open(p.now, p.opts, fs, func() {}); err != nil {
		t.Fatal(err)
	}
	s := p.connect("SUB t c\n" + pub("t", "x"))
	fs.synced = func() { _ = p.b.DeleteTopic(p.now, "t") }
	if err := p.sync(); err != nil {
		t.Fatal(err)
	}
	s.Disconnect(p.now)
	if fs.late > 0 {
		t.Errorf("%d writes to closed files", fs.late)
	}
}
