package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nsqio/go-nsq"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// goodPermit lets a client do everything for a minute.
const goodPermit = `{"ttl":60,"identity":"alice","identity_url":"","authorizations":[{"topic":".*","channels":[".*"],"permissions":["subscribe","publish"]}]}`

// aQuestion has what must be escaped in a query.
var aQuestion = wire.Question{Secret: "s&c r=t/ü", RemoteIP: "10.0.0.1", TLS: true, CommonName: "test.local"}

func newTestAuthority(t *testing.T, method string, secure *tls.Config, addresses ...string) *authority {
	a, err := newAuthority(AuthConfig{Addresses: addresses, Method: method, ConnectTimeout: 10 * time.Second, RequestTimeout: 10 * time.Second}, secure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

// An authServer answers the same to all, and keeps what it was asked last.
type authServer struct {
	*httptest.Server
	mu    sync.Mutex
	asked *http.Request
	body  string
	times atomic.Int32
}

func newAuthServer(t *testing.T, start func(http.Handler) *httptest.Server, status int, answer string) *authServer {
	s := &authServer{}
	s.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.asked, s.body = r, string(body)
		s.mu.Unlock()
		s.times.Add(1)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *authServer) address() string { return s.Listener.Addr().String() }

// permitted fails unless the answer is the permit.
func permitted(t *testing.T, a wire.Answer) {
	t.Helper()
	if a.Err != nil || string(a.Body) != goodPermit {
		t.Errorf("got %v, %q", a.Err, a.Body)
	}
}

func TestAuthorityGet(t *testing.T) {
	s := newAuthServer(t, httptest.NewServer, 200, goodPermit)
	for address, target := range map[string]string{
		s.address():                "/auth?",
		s.URL + "/who/may":         "/who/may?",
		s.URL + "/who?key=1&b=%20": "/who?key=1&b=%20&",
		s.URL + "/who?":            "/who?",
	} {
		permitted(t, newTestAuthority(t, "get", nil, address).ask(aQuestion))
		want := target + "common_name=test.local&remote_ip=10.0.0.1&secret=s%26c+r%3Dt%2F%C3%BC&tls=true"
		if s.asked.Method != "GET" || s.asked.RequestURI != want || s.body != "" {
			t.Errorf("%s: asked %s %s %q\nwant %s", address, s.asked.Method, s.asked.RequestURI, s.body, want)
		}
		if accept := s.asked.Header.Get("Accept"); accept != "application/vnd.nsq; version=1.0" {
			t.Errorf("accepts %q", accept)
		}
	}
	permitted(t, newTestAuthority(t, "get", nil, s.address()).ask(wire.Question{Secret: "s"}))
	if want := "/auth?common_name=&remote_ip=&secret=s&tls=false"; s.asked.RequestURI != want {
		t.Errorf("asked %s, want %s", s.asked.RequestURI, want)
	}
}

func TestAuthorityPost(t *testing.T) {
	s := newAuthServer(t, httptest.NewServer, 200, goodPermit)
	permitted(t, newTestAuthority(t, "post", nil, s.URL+"/who?key=1").ask(aQuestion))
	if s.asked.Method != "POST" || s.asked.RequestURI != "/who?key=1" {
		t.Errorf("asked %s %s", s.asked.Method, s.asked.RequestURI)
	}
	if want := `{"common_name":["test.local"],"remote_ip":["10.0.0.1"],"secret":["s\u0026c r=t/ü"],"tls":["true"]}`; s.body != want {
		t.Errorf("asked %s\nwant  %s", s.body, want)
	}
	if kind, accept := s.asked.Header.Get("Content-Type"), s.asked.Header.Get("Accept"); kind != "application/json" || accept != "application/vnd.nsq; version=1.0" {
		t.Errorf("sends %q, accepts %q", kind, accept)
	}
}

// trusts is what makes a client trust a test server.
func trusts(s *authServer) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{RootCAs: pool}
}

func TestAuthorityOverTLS(t *testing.T) {
	s := newAuthServer(t, httptest.NewTLSServer, 200, goodPermit)
	permitted(t, newTestAuthority(t, "get", trusts(s), s.URL+"/auth").ask(aQuestion))
	for name, secure := range map[string]*tls.Config{"nobody is trusted": {RootCAs: x509.NewCertPool()}, "the system's are": nil} {
		if a := newTestAuthority(t, "get", secure, s.URL+"/auth").ask(aQuestion); a.Err == nil || !strings.Contains(a.Err.Error(), "certificate") {
			t.Errorf("%s: got %v, %q", name, a.Err, a.Body)
		}
	}
	old := trusts(s)
	s2 := newAuthServer(t, func(h http.Handler) *httptest.Server {
		u := httptest.NewUnstartedServer(h)
		u.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
		u.StartTLS()
		return u
	}, 200, goodPermit)
	permitted(t, newTestAuthority(t, "get", old, s2.URL+"/auth").ask(aQuestion))
	old.MinVersion = tls.VersionTLS13
	if a := newTestAuthority(t, "get", old, s2.URL+"/auth").ask(aQuestion); a.Err == nil {
		t.Error("a version below the least is taken")
	}
}

// A server that refuses in the clear names its port for HTTPS: it is asked there once more, and once only.
func TestAuthorityGoesOverToHTTPS(t *testing.T) {
	for _, method := range []string{"get", "post"} {
		secure := newAuthServer(t, httptest.NewTLSServer, 200, goodPermit)
		port := secure.Listener.Addr().(*net.TCPAddr).Port
		plain := newAuthServer(t, httptest.NewServer, 403, fmt.Sprintf(`{"message":"TLS_REQUIRED","https_port":%d}`, port))
		permitted(t, newTestAuthority(t, method, trusts(secure), plain.URL+"/who?key=1").ask(aQuestion))
		if plain.times.Load() != 1 || secure.times.Load() != 1 || secure.asked.RequestURI != plain.asked.RequestURI || secure.body != plain.body {
			t.Errorf("%s: asked %s %q, then %s %q", method, plain.asked.RequestURI, plain.body, secure.asked.RequestURI, secure.body)
		}
		both := newAuthServer(t, httptest.NewTLSServer, 403, fmt.Sprintf(`{"https_port":%d}`, port))
		if a := newTestAuthority(t, method, trusts(both), both.URL).ask(aQuestion); a.Err == nil || secure.times.Load() != 1 {
			t.Errorf("refused over HTTPS: got %v, %q", a.Err, a.Body)
		}
	}
}

func TestAuthorityFailures(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		answer string
		want   string
	}{
		"another status":        {500, goodPermit, "500 Internal Server Error"},
		"no content":            {204, "", "204 No Content"},
		"forbidden":             {403, "no", "without an https_port"},
		"forbidden, no port":    {403, `{"https_port":0}`, "without an https_port"},
		"no such port":          {403, `{"https_port":65536}`, "without an https_port"},
		"no JSON":               {200, "welcome", "invalid character"},
		"no ttl":                {200, `{"authorizations":[]}`, "ttl 0"},
		"an unknown permission": {200, `{"ttl":1,"authorizations":[{"topic":"","channels":[],"permissions":["rule"]}]}`, `unknown permission "rule"`},
		"a bad expression":      {200, `{"ttl":1,"authorizations":[{"topic":"("}]}`, "missing closing"},
		"too long":              {200, goodPermit + strings.Repeat(" ", maxAuthAnswer), "longer than"},
		"an echo":               {200, `{"ttl":1,"authorizations":[{"permissions":["s&c r=t/ü"]}]}`, "(secret)"},
	} {
		for _, method := range []string{"get", "post"} {
			s := newAuthServer(t, httptest.NewServer, test.status, test.answer)
			a := newTestAuthority(t, method, nil, s.address()).ask(aQuestion)
			if a.Err == nil || a.Body != nil || !strings.Contains(a.Err.Error(), test.want) {
				t.Errorf("%s: got %v, %.80q, want %q", name, a.Err, a.Body, test.want)
			} else if tells(a.Err.Error()) {
				t.Errorf("%s: the secret is in %q", name, a.Err)
			}
		}
	}
}

// tells says whether the question's secret is in a text.
func tells(text string) bool {
	return strings.Contains(text, aQuestion.Secret) || strings.Contains(text, url.QueryEscape(aQuestion.Secret))
}

// deadAddress is one at which nobody listens.
func deadAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// However many servers are dead or wrong, one that answers is found, and those are logged; wherever it began.
func TestAuthorityAsksOneAfterAnother(t *testing.T) {
	wrong := newAuthServer(t, httptest.NewServer, 200, `{"ttl":-1}`)
	right := newAuthServer(t, httptest.NewServer, 200, goodPermit)
	a := newTestAuthority(t, "get", nil, deadAddress(t), wrong.address(), right.address())
	var lines []string
	a.log = func(level Level, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%v "+format, append([]any{level}, args...)...))
	}
	firsts := map[int]bool{} // how many failed before
	for range 200 {
		lines = nil
		permitted(t, a.ask(aQuestion))
		firsts[len(lines)] = true
		for _, line := range lines {
			if !strings.HasPrefix(line, "warn AUTH: http://") || tells(line) {
				t.Fatalf("logged %q", line)
			}
		}
	}
	if len(firsts) != 3 {
		t.Errorf("it does not begin anywhere: %v", firsts)
	}
	none := newTestAuthority(t, "get", nil, deadAddress(t), wrong.address()).ask(aQuestion)
	if none.Err == nil || !strings.Contains(none.Err.Error(), "refused") || !strings.Contains(none.Err.Error(), "ttl -1") || tells(none.Err.Error()) {
		t.Errorf("got %v, %q", none.Err, none.Body)
	}
}

// A server that is too slow is given up, in the middle of its answer too; all are when the daemon ends.
func TestAuthorityDoesNotWaitForEver(t *testing.T) {
	hang := make(chan struct{})
	began := make(chan struct{}, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			_, _ = io.WriteString(w, goodPermit[:20])
			_ = http.NewResponseController(w).Flush()
		}
		began <- struct{}{}
		<-hang
	}))
	defer s.Close()
	defer close(hang)
	for _, path := range []string{"/none", "/half"} {
		cfg := AuthConfig{Addresses: Strings{s.URL + path}, Method: "get", ConnectTimeout: time.Second, RequestTimeout: 50 * time.Millisecond}
		a, err := newAuthority(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.ask(aQuestion); got.Err == nil || tells(got.Err.Error()) {
			t.Errorf("%s: got %v, %q", path, got.Err, got.Body)
		}
		a.close()
	}
	for len(began) > 0 {
		<-began
	}
	a, err := newAuthority(AuthConfig{Addresses: Strings{s.URL + "/none"}, Method: "get", RequestTimeout: time.Hour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan wire.Answer)
	go func() { done <- a.ask(aQuestion) }()
	<-began
	a.close()
	if got := <-done; got.Err == nil {
		t.Error("it goes on after the end")
	}
}

func TestAuthorityRefusesSettings(t *testing.T) {
	for want, cfg := range map[string]AuthConfig{
		`--auth-http-request-method is "put": want get or post`: {Method: "put", Addresses: Strings{"a:1"}},
		"no --auth-http-address":                                {Method: "get"},
		`--auth-http-address "ftp://a/b"`:                       {Method: "get", Addresses: Strings{"a:1", "ftp://a/b"}},
		`--auth-http-address "http://"`:                         {Method: "get", Addresses: Strings{"http://"}},
		`--auth-http-address "http://a b/"`:                     {Method: "get", Addresses: Strings{"http://a b/"}},
	} {
		if _, err := newAuthority(cfg, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The official client, with the right secret, with a wrong one and with none; and when what it may do has expired.
func TestGoNSQAuth(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer := map[string]any{"ttl": 1, "identity": "none"}
		if r.URL.Query().Get("secret") == "right" && r.URL.Query().Get("remote_ip") == "127.0.0.1" {
			answer["authorizations"] = []map[string]any{{"topic": "^t$", "channels": []string{".*"}, "permissions": []string{"publish", "subscribe"}}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer s.Close()
	d := startNsqd(t, func(c *Config) { c.Auth.Addresses = Strings{s.Listener.Addr().String()} })
	address := d.TCPAddr()
	producer := func(secret string) *nsq.Producer {
		cfg := nsq.NewConfig()
		cfg.AuthSecret = secret
		p, err := nsq.NewProducer(address, cfg)
		if err != nil {
			t.Fatal(err)
		}
		p.SetLogger(silent, nsq.LogLevelError)
		t.Cleanup(p.Stop)
		return p
	}
	for secret, want := range map[string]string{"wrong": "E_UNAUTHORIZED AUTH no authorizations found", "": "Auth Required"} {
		if err := producer(secret).Publish("t", []byte("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with secret %q: %v, want %s", secret, err, want)
		}
	}
	p, deliveries := producer("right"), consumeWith(t, address, "right")
	for before := asked.Load(); asked.Load() == before; { // until its time is over, and the server was asked anew
		if err := p.Publish("t", []byte("x")); err != nil {
			t.Fatal(err)
		}
		receive(t, deliveries, 1)
	}
	if err := p.Publish("u", []byte("x")); err == nil || !strings.Contains(err.Error(), `E_UNAUTHORIZED AUTH failed for PUB on "u" ""`) {
		t.Errorf("another topic: %v", err)
	}
}

// consumeWith runs a consumer of t/c that has a secret, and tells of each delivery.
func consumeWith(t *testing.T, address, secret string) <-chan got {
	cfg := nsq.NewConfig()
	cfg.AuthSecret = secret
	c, err := nsq.NewConsumer("t", "c", cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.SetLogger(silent, nsq.LogLevelError)
	deliveries := make(chan got, 100)
	c.AddHandler(nsq.HandlerFunc(func(m *nsq.Message) error {
		deliveries <- got{string(m.Body), m.Attempts, time.Now()}
		return nil
	}))
	if err := c.ConnectToNSQD(address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		<-c.StopChan
	})
	return deliveries
}

// nsqd's ClientAuth: the auth server is told all of a client, also of its certificate, by either method.
func TestClientAuth(t *testing.T) {
	ca := newSigner(t)
	for _, method := range []string{"get", "post"} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(method, " ", secure), func(t *testing.T) {
				var got url.Values
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if got = r.URL.Query(); r.Method == http.MethodPost {
						_ = json.NewDecoder(r.Body).Decode(&got)
					}
					fmt.Fprint(w, `{"ttl":60,"authorizations":[{"topic":".*","channels":[".*"],"permissions":["subscribe"]}]}`)
				}))
				defer s.Close()
				onBoth(t, func(c *Config) {
					c.Auth.Addresses, c.Auth.Method = Strings{s.Listener.Addr().String()}, method
					if secure {
						c.TLS = ca.write("127.0.0.1")
						c.TLS.ClientAuthPolicy = "require-verify"
					}
				}, func(t *testing.T, d *Nsqd) {
					p, name := dial(t, d), ""
					if secure {
						name = "test.local"
						var err error
						p, err = secureClient(t, d, &tls.Config{RootCAs: ca.pool, ServerName: "localhost", Certificates: []tls.Certificate{ca.issue(name)}})
						if err != nil {
							t.Fatal(err)
						}
					}
					p.say("AUTH\n\x00\x00\x00\x06secret")
					p.want(`{"identity":"","identity_url":"","permission_count":1}`)
					ip := "127.0.0.1"
					if strings.HasSuffix(t.Name(), "unix") {
						ip = ""
					}
					want := url.Values{"remote_ip": {ip}, "tls": {fmt.Sprint(secure)}, "common_name": {name}, "secret": {"secret"}}
					if got.Encode() != want.Encode() {
						t.Errorf("the auth server was told %v, want %v", got, want)
					}
					p.say("SUB t c\n")
					p.want("OK")
					p.say(pub("t", "x"))
					p.want(`error E_UNAUTHORIZED AUTH failed for PUB on "t" ""`, "EOF")
				})
			})
		}
	}
}
