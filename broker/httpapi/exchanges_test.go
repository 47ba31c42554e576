package httpapi

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// TestExchanges plays the files of testdata/exchanges: what an API over one broker is asked and what it answers, in full.
//
//	broker k=v …    begins anew, with options by their flags; disk: on a disk that can fill up; bare: with nothing beyond the broker;
//	                tls-required=p: an API that is to be used over HTTPS, on port p
//	ask             the request below: METHOD target, headers, an empty line and the body: as it is, or "text" or "text"*n, several in a row.
//	                chunked: its length is not told; broken: it breaks off; start=n: only the first n bytes of the answer are shown
//	advance d       time passes
//	say r           a client at the address r connects, if it has not, and sends the lines below
//	finish t c      a consumer of channel c takes all there is and finishes it, and goes
//	disk full|well, drain [off], close
//
// The answer is its status, its headers and its body.
func TestExchanges(t *testing.T) { exchanges(t) }

// exchanges plays the files, and gives for each route, as METHOD path, what it answered: the status, and the code of a refusal.
func exchanges(t *testing.T) map[string][]string {
	paths, err := filepath.Glob("testdata/exchanges/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no exchanges:", err)
	}
	seen := map[string][]string{}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			x := &exchanger{seen: seen}
			datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
				t.Helper()
				return x.do(t, td)
			})
		})
	}
	return seen
}

// An exchanger is the API that a file is about.
type exchanger struct {
	*rig
	disk     *moodyDisk
	clients  map[string]*broker.Session
	lookupds []string
	level    int
	seen     map[string][]string
}

func (x *exchanger) do(t *testing.T, td *datadriven.TestData) string {
	if x.rig == nil || td.Cmd == "broker" {
		x.begin(t, td)
	}
	x.t = t
	switch td.Cmd {
	case "broker":
	case "ask":
		return x.request(t, td)
	case "advance":
		d, err := time.ParseDuration(td.CmdArgs[0].Key)
		if err != nil {
			td.Fatalf(t, "%v", err)
		}
		x.now = x.now.Add(d)
		x.broker.HandleTimeout(x.now)
	case "say":
		x.say(t, td.CmdArgs[0].Key, td.Input)
	case "finish":
		return x.finish(t, td.CmdArgs[0].Key, td.CmdArgs[1].Key)
	case "disk":
		x.disk.full = td.HasArg("full")
	case "drain":
		x.broker.Drain(!td.HasArg("off"))
	case "close":
		x.broker.Close(x.now)
	default:
		td.Fatalf(t, "no directive %q", td.Cmd)
	}
	return ""
}

// begin makes the API.
func (x *exchanger) begin(t *testing.T, td *datadriven.TestData) {
	opts := broker.DefaultOptions("host")
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	opts.Flags(fs)
	*x = exchanger{rig: &rig{t: t, now: began}, clients: map[string]*broker.Session{}, lookupds: []string{}, level: 2, seen: x.seen}
	var disk store.FS
	var httpsPort int
	bare := false
	args := td.CmdArgs
	if td.Cmd != "broker" {
		args = nil
	}
	for _, a := range args {
		switch a.Key {
		case "disk":
			x.disk = &moodyDisk{OS: store.OS{Dir: t.TempDir()}}
			disk = x.disk
		case "bare":
			bare = true
		case "tls-required":
			td.ScanArgs(t, a.Key, &httpsPort)
		default:
			if err := fs.Set(a.Key, strings.Join(a.Vals, ",")); err != nil {
				td.Fatalf(t, "%v", err)
			}
		}
	}
	b, err := broker.Open(x.now, opts, disk, func() {})
	if err != nil {
		td.Fatalf(t, "%v", err)
	}
	x.broker = b
	info := Info{Version: "1.3.0", BroadcastAddress: "b.example", Hostname: "host", HTTPPort: 4151, TCPPort: 4150, Started: began}
	if !bare {
		info.Memory = func() runtime.MemStats { return memory }
		info.Config, info.SetLookupds, info.SetLogLevel = x.config, func(all []string) { x.lookupds = all }, x.setLevel
	}
	x.handler = Nsqd(b, info, func() time.Time { return x.now })
	if httpsPort > 0 {
		x.handler = TLSRequired(httpsPort)
	}
}

// config is a daemon with one option of each kind.
func (x *exchanger) config(option string) (any, bool) {
	v, ok := map[string]any{
		"broadcast_address": "b.example", "max_msg_size": int64(1048576), "msg_timeout": time.Minute, "snappy": true, "tls_required": 2,
		"nsqlookupd_tcp_addresses": x.lookupds, "log_level": x.level, "e2e_processing_latency_percentiles": []float64{0.99, 0.5}, "tls_cert": "",
	}[option]
	return v, ok
}

func (x *exchanger) setLevel(name string) error {
	level := slices.Index([]string{"debug", "info", "warn", "error", "fatal"}, strings.ToLower(name)) + 1
	if level == 0 {
		return fmt.Errorf("no level %q", name)
	}
	x.level = level
	return nil
}

// request makes a request, and writes its answer.
func (x *exchanger) request(t *testing.T, td *datadriven.TestData) string {
	head, text, _ := strings.Cut(td.Input, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	body, err := unquote(text)
	if err != nil {
		td.Fatalf(t, "%v", err)
	}
	var reader io.Reader = strings.NewReader(body)
	if td.HasArg("broken") {
		reader = brokenBody{reader}
	}
	if td.HasArg("chunked") {
		reader = io.MultiReader(reader)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // what /debug/pprof/profile would wait for is over
	r := httptest.NewRequestWithContext(ctx, method, target, reader)
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	x.handler.ServeHTTP(w, r)
	x.note(method, r.URL.Path, w)
	return x.show(td, w)
}

// unquote gives a body: as it is, or of "text" and "text"*n.
func unquote(text string) (string, error) {
	if !strings.HasPrefix(text, `"`) {
		return text, nil
	}
	var body strings.Builder
	for rest := text; rest != ""; rest = strings.TrimSpace(rest) {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", fmt.Errorf("body %s: %w", rest, err)
		}
		rest = rest[len(quoted):]
		part, _ := strconv.Unquote(quoted)
		times := 1
		if after, ok := strings.CutPrefix(rest, "*"); ok {
			n, more, _ := strings.Cut(after, " ")
			if times, err = strconv.Atoi(n); err != nil {
				return "", err
			}
			rest = more
		}
		body.WriteString(strings.Repeat(part, times))
	}
	return body.String(), nil
}

// note remembers what a route has answered; that a path is not quite right, or not there, or not over HTTPS, others answer.
func (x *exchanger) note(method, path string, w *httptest.ResponseRecorder) {
	code := strconv.Itoa(w.Code)
	if w.Code >= 400 {
		text, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(w.Body.String(), `{"message":"`), `"}`), ":")
		code += " " + strings.TrimSpace(text)
	}
	if w.Code/100 == 3 || w.Code == http.StatusForbidden || code == "404 NOT_FOUND" {
		return
	}
	for _, e := range nsqdRoutes {
		prefix, _, parameter := strings.Cut(e.path, ":")
		if e.method == method && (e.path == path || parameter && strings.HasPrefix(path, prefix)) {
			x.seen[method+" "+e.path] = append(x.seen[method+" "+e.path], code)
		}
	}
}

func (x *exchanger) show(td *datadriven.TestData, w *httptest.ResponseRecorder) string {
	var out strings.Builder
	fmt.Fprintln(&out, w.Code, http.StatusText(w.Code))
	header := w.Result().Header
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(header[name], ", "))
	}
	body := strings.ReplaceAll(w.Body.String(), runtime.Version(), "goVERSION")
	if x.disk != nil {
		body = strings.ReplaceAll(body, x.disk.Dir, "DIR")
	}
	if arg, ok := td.Arg("start"); ok {
		n, err := strconv.Atoi(arg.Vals[0])
		if err != nil || len(body) <= n {
			td.Fatalf(x.t.(*testing.T), "%q is not longer than %s", body, arg.Vals[0])
		}
		fmt.Fprintf(&out, "%#q…\n", body[:n])
		return out.String()
	}
	fmt.Fprintf(&out, "%#q\n", body)
	return out.String()
}

// say has a client send lines.
func (x *exchanger) say(t *testing.T, remote, lines string) {
	s := x.clients[remote]
	if s == nil {
		s = x.broker.Connect(x.now, remote, func() {})
		x.clients[remote] = s
		lines = wire.Magic + lines
	}
	if n, err := s.Receive(x.now, []byte(lines+"\n")); err != nil || n != len(lines)+1 {
		t.Errorf("%s: %d %v", remote, n, err)
	}
	s.Transmit(nil)
}

// finish has a consumer take and finish all that a channel has.
func (x *exchanger) finish(t *testing.T, topic, channel string) string {
	s := x.broker.Connect(x.now, "finisher:1", func() {})
	if _, err := s.Receive(x.now, []byte(wire.Magic+"SUB "+topic+" "+channel+"\nRDY 2500\n")); err != nil {
		return err.Error() + "\n"
	}
	var out strings.Builder
	var fins []byte
	for sent := s.Transmit(nil); len(sent) > 0; {
		f, n, err := wire.ParseFrame(sent, 1<<20)
		if err != nil || n == 0 {
			t.Fatalf("%d %v", n, err)
		}
		if f.Type == wire.FrameMessage {
			m, err := wire.ParseMessage(f.Data)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "%q\n", m.Body)
			fins = wire.AppendCommand(fins, "FIN", m.ID.String())
		}
		sent = sent[n:]
	}
	if _, err := s.Receive(x.now, append(fins, "NOP\n"...)); err != nil {
		t.Fatal(err)
	}
	s.Disconnect(x.now)
	return out.String()
}
