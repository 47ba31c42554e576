package lookup_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/nsqlab/nsqlab/broker/httpapi"
	"github.com/nsqlab/nsqlab/broker/lookup"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// TestConversations plays the files of testdata: what nsqds say to one nsqlookupd and what they are told, what its HTTP API answers, under a clock that
// only `advance` moves.
//
//	lookupd inactive=d tombstone=d    begins anew
//	connect a                         an nsqd that has said who it is, host a
//	dial a                            one that has sent the magic alone
//	send a [by=n]                     the lines below, in pieces of n bytes; raw "…" and int32:n stand for bytes
//	eof a, disconnect a
//	advance 60s
//	get /path, post /path             status and body
//	restart                           what Save gives is loaded by another, to which nobody is connected
//	index t                           of Lookup
func TestConversations(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no conversations:", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			k := newTalk(lookup.DefaultOptions())
			datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
				t.Helper()
				out, err := k.do(td)
				if err != nil {
					td.Fatalf(t, "%v", err)
				}
				return out
			})
		})
	}
}

var birth = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A talk is one conversation.
type talk struct {
	r     *lookup.Registry
	opts  lookup.Options
	now   time.Time
	peers []*peer
}

// A peer is one nsqd.
type peer struct {
	name  string
	s     *lookup.Session
	inbox []byte
}

func newTalk(opts lookup.Options) *talk {
	opts.Identity = lookup.Identity{BroadcastAddress: "lookup", Hostname: "lookup", HTTPPort: 4161, TCPPort: 4160, Version: "1.3.0"}
	return &talk{r: lookup.NewRegistry(opts), opts: opts, now: birth}
}

func (k *talk) do(td *datadriven.TestData) (string, error) {
	switch td.Cmd {
	case "lookupd":
		return "", k.begin(td)
	case "connect", "dial":
		return k.connect(td)
	case "get", "post":
		return k.request(strings.ToUpper(td.Cmd), td.CmdArgs[0].String()), nil
	case "advance":
		d, err := time.ParseDuration(td.CmdArgs[0].Key)
		if err != nil {
			return "", err
		}
		return k.advance(d), nil
	case "restart":
		var p bytes.Buffer
		if err := k.r.Save(&p); err != nil {
			return "", err
		}
		k.r, k.peers = lookup.NewRegistry(k.opts), nil
		return p.String(), k.r.Load(k.now, p.Bytes())
	case "index":
		_, index, ok := k.r.Lookup(k.now, td.CmdArgs[0].Key)
		return fmt.Sprintln(index, ok), nil
	}
	p := k.peer(td.CmdArgs[0].Key)
	if p == nil {
		return "", fmt.Errorf("%s: no such peer", td.FullCmd())
	}
	switch td.Cmd {
	case "send":
		return k.send(p, td)
	case "eof":
		_, err := p.s.Receive(k.now, nil)
		return k.look(p) + k.end(p, err), nil
	case "disconnect":
		return k.end(p, nil), nil
	}
	return "", fmt.Errorf("no directive %q", td.Cmd)
}

func (k *talk) begin(td *datadriven.TestData) error {
	opts := lookup.DefaultOptions()
	for _, a := range td.CmdArgs {
		d, err := time.ParseDuration(a.Vals[0])
		if err != nil {
			return err
		}
		switch a.Key {
		case "inactive":
			opts.InactiveProducerTimeout = d
		case "tombstone":
			opts.TombstoneLifetime = d
		default:
			return fmt.Errorf("no option %q", a.Key)
		}
	}
	*k = *newTalk(opts)
	return nil
}

func (k *talk) connect(td *datadriven.TestData) (string, error) {
	name := td.CmdArgs[0].Key
	p := &peer{name: name, s: k.r.Connect(k.now, name+":5000", func() {})}
	k.peers = append(k.peers, p)
	out := k.receive(p, []byte(wire.MagicV1))
	if td.Cmd == "connect" {
		id := fmt.Sprintf(`{"broadcast_address":%q,"hostname":%q,"tcp_port":4150,"http_port":4151,"version":"1.3.0"}`, name, name)
		out += k.receive(p, wire.AppendBody([]byte("IDENTIFY\n"), []byte(id)))
	}
	return out, nil
}

func (k *talk) peer(name string) *peer {
	for _, p := range k.peers {
		if p.name == name {
			return p
		}
	}
	return nil
}

// send says the lines; `IDENTIFY <- {…}` has a body.
func (k *talk) send(p *peer, td *datadriven.TestData) (out string, err error) {
	var all []byte
	for line := range strings.Lines(td.Input + "\n") {
		command, body, has := strings.Cut(strings.TrimSuffix(line, "\n"), " <- ")
		switch {
		case strings.HasPrefix(line, "raw "):
			for _, word := range pieces.FindAllString(line[len("raw "):], -1) {
				number, isNumber := strings.CutPrefix(word, "int32:")
				n, err := strconv.Atoi(number)
				text, textErr := strconv.Unquote(word)
				if isNumber && err == nil {
					all = append(all, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
				} else if textErr == nil {
					all = append(all, text...)
				} else {
					return "", fmt.Errorf("%q is no piece", word)
				}
			}
		case has:
			all = wire.AppendBody(append(all, command+"\n"...), []byte(body))
		default:
			all = append(all, command+"\n"...)
		}
	}
	by := len(all)
	if arg, ok := td.Arg("by"); ok {
		if by, err = strconv.Atoi(arg.Vals[0]); err != nil {
			return "", err
		}
	}
	for piece := range slices.Chunk(all, by) {
		out += k.receive(p, piece)
	}
	return out, nil
}

var pieces = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[^ \n]+`)

// receive hands bytes in as a driver does.
func (k *talk) receive(p *peer, bytes []byte) string {
	if k.peer(p.name) == nil {
		return ""
	}
	in := append(slices.Clone(p.inbox), bytes...)
	n, err := p.s.Receive(k.now, in)
	p.inbox = in[n:]
	out := k.look(p)
	if err != nil {
		out += k.end(p, err)
	}
	return out
}

// look shows what the session sends.
func (k *talk) look(p *peer) (out string) {
	for sent := p.s.Transmit(nil); len(sent) > 0; {
		data, n, ok := wire.ParseAnswer(sent, 1<<20)
		if !ok || n == 0 {
			return fmt.Sprintf("%s%s: no answer %q\n", out, p.name, sent)
		}
		out += fmt.Sprintf("%s: %s\n", p.name, data)
		sent = sent[n:]
	}
	return out
}

func (k *talk) end(p *peer, err error) string {
	k.peers = slices.DeleteFunc(k.peers, func(other *peer) bool { return other == p })
	p.s.Disconnect(k.now)
	if err == nil || strings.HasPrefix(err.Error(), "E_") {
		return p.name + ": closed\n"
	}
	return fmt.Sprintf("%s: closed: %v\n", p.name, err)
}

func (k *talk) advance(d time.Duration) (out string) {
	until := k.now.Add(d)
	for {
		i := slices.IndexFunc(k.peers, func(p *peer) bool { return !p.s.NextTimeout().After(until) })
		if i < 0 {
			k.now = until
			return out
		}
		p := k.peers[i]
		k.now = p.s.NextTimeout()
		if err := p.s.HandleTimeout(k.now); err != nil {
			out += k.end(p, err)
		} else {
			return out + errors.New("a timeout that does nothing").Error()
		}
	}
}

func (k *talk) request(method, target string) string {
	h := httpapi.Lookupd(k.r, httpapi.LookupdInfo{Version: "1.3.0"}, func() time.Time { return k.now })
	w := httptest.NewRecorder()
	path, query, _ := strings.Cut(target, "?")
	r := httptest.NewRequest(method, path, nil)
	r.URL.RawQuery = query // as it is
	h.ServeHTTP(w, r)
	return strings.TrimSpace(fmt.Sprintf("%d %s", w.Code, w.Body.String())) + "\n"
}
