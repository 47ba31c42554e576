package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/julienschmidt/httprouter"
	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
)

func TestPing(t *testing.T) {
	for _, c := range []struct {
		health string
		status int
		answer string
	}{
		{"OK", 200, "OK"},
		{"OK, but offsets were lost: t.channel.c", 200, "OK"},
		{"NOK - write t.000001.log: no space left on device", 500, "NOK - write t.000001.log: no space left on device"},
		{`NOK - "`, 500, `NOK - "`},
	} {
		var d *nsqd
		ping := route[*nsqd]{"GET", "/ping", func(*nsqd, *http.Request) (any, error) { return pong(c.health) }, true}
		w := httptest.NewRecorder()
		serve(d, ping)(w, httptest.NewRequest("GET", "/ping", nil), httprouter.Params{})
		if w.Code != c.status || w.Body.String() != c.answer {
			t.Errorf("%s: %d %q", c.health, w.Code, w.Body)
		}
		headers := w.Result().Header
		if got := headers.Get("Content-Type"); got != "text/plain; charset=utf-8" || headers.Get("X-NSQ-Content-Type") != "" {
			t.Errorf("%s: headers %v", c.health, headers)
		}
	}
}

// What the disk says reaches the publisher, whatever characters it has.
func TestFailedPublication(t *testing.T) {
	for _, c := range []struct {
		err  error
		told string
	}{
		{broker.ErrExiting, "EXITING"},
		{fmt.Errorf("t: %w", broker.ErrExiting), "EXITING"},
		{errors.New("no space left on device"), "PUB_FAILED: no space left on device"},
		{errors.New("write \"a\\b\":\n<full> é"), "PUB_FAILED: write \"a\\b\":\n<full> é"},
	} {
		w := httptest.NewRecorder()
		pub := route[*nsqd]{"POST", "/pub", func(*nsqd, *http.Request) (any, error) { return nil, asPublication(c.err) }, false}
		var d *nsqd
		serve(d, pub)(w, httptest.NewRequest("POST", "/pub", nil), httprouter.Params{})
		var answer map[string]string
		err := json.Unmarshal(w.Body.Bytes(), &answer)
		if w.Code != 503 || err != nil || len(answer) != 1 || answer["message"] != c.told {
			t.Errorf("%v: %d %s (%v), want 503 and the message %q", c.err, w.Code, w.Body, err, c.told)
		}
	}
}

// A publication that is not done at once is waited for, and what becomes of it is told.
func TestWaitingPublication(t *testing.T) {
	for _, want := range []error{nil, broker.ErrExiting, errors.New("disk gone")} {
		done := make(chan error, 1)
		d := &nsqd{info: Info{Await: func(<-chan error) error { return want }}}
		got := d.outcome(done)
		if fmt.Sprint(got) != fmt.Sprint(asPublication(want)) {
			t.Errorf("%v: told %v", want, got)
		}
		done <- want
		d.info.Await = nil
		if got := d.outcome(done); fmt.Sprint(got) != fmt.Sprint(asPublication(want)) {
			t.Errorf("%v, at once: told %v", want, got)
		}
	}
}

// A moody disk writes nothing while it is full.
type moodyDisk struct {
	store.OS
	full bool
}

func (m *moodyDisk) Create(name string) (store.File, error) {
	f, err := m.OS.Create(name)
	return &moodyFile{f, m}, err
}

type moodyFile struct {
	store.File
	disk *moodyDisk
}

func (f *moodyFile) Write(p []byte) (int, error) {
	if f.disk.full {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(p)
}

// A full disk is told of where people and probes look, for as long as it is full.
func TestFullDisk(t *testing.T) {
	disk := &moodyDisk{OS: store.OS{Dir: t.TempDir()}}
	b, err := broker.Open(began, broker.DefaultOptions("host"), disk, func() {})
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, broker: b, now: began}
	g.handler = Nsqd(b, Info{Started: began}, func() time.Time { return g.now })
	for _, full := range []bool{false, true, false} {
		disk.full = full
		g.now = g.now.Add(time.Minute)
		for _, target := range []string{"/pub?topic=t", "/mpub?topic=t", "/pub?topic=t&defer=1000"} {
			w := g.ask("POST", target, strings.NewReader("m"))
			failed := w.Code == 503 && strings.HasPrefix(w.Body.String(), `{"message":"PUB_FAILED: `) && strings.Contains(w.Body.String(), "no space left on device")
			if full != failed || !full && w.Body.String() != "OK" {
				t.Errorf("full %t, %s: %d %s", full, target, w.Code, w.Body)
			}
		}
		w := g.ask("GET", "/ping", nil)
		unwell := w.Code == 500 && strings.HasPrefix(w.Body.String(), "NOK - ") && strings.Contains(w.Body.String(), "no space left on device")
		if full != unwell {
			t.Errorf("full %t, /ping: %d %s", full, w.Code, w.Body)
		}
		for target, sick := range map[string]string{"/stats": "\nHealth: NOK - ", "/stats?format=json": `"health":"NOK - `} {
			if w := g.ask("GET", target, nil); strings.Contains(w.Body.String(), sick) != full {
				t.Errorf("full %t, %s: %s", full, target, w.Body)
			}
		}
	}
}
