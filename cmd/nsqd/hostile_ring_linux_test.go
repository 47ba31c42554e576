package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	patience  = 20 * time.Second      // for what is to come soon
	tolerable = 5 * time.Second       // that a message of the others takes
	often     = 20 * time.Millisecond // a message of the others is published, and the daemon is looked at
)

// A ring is a daemon's process, those who are hostile to it, and others: one producer and one consumer.
type ring struct {
	t                *testing.T
	cmd              *exec.Cmd
	log              journal
	tcp, http, https string // where it listens
	over             chan struct{}
	err              error // how it ended; once over is closed

	others  sync.WaitGroup
	staying context.Context // ends when they are to leave
	part    func()          // ends it
	came    atomic.Int64    // their messages
	slowest atomic.Int64    // the longest that one took, in ns
	peak    atomic.Int64    // bytes of memory that the daemon held at most

	mu  sync.Mutex
	all []*foe
}

// A journal is what a process writes. Safe from any goroutine.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

var listens = regexp.MustCompile(`(TCP|HTTP|HTTPS): listening on (\S+)`)

// newRing starts a daemon, behind what a shell does first, and the others.
func newRing(t *testing.T, first string) *ring {
	r := &ring{t: t, over: make(chan struct{})}
	r.staying, r.part = context.WithCancel(context.Background())
	folder := t.TempDir()
	writeCertificate(t, folder)
	r.cmd = exec.Command("sh", "-c", first+`exec nsqd "$@"`, "nsqd", "--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0",
		"--https-address=127.0.0.1:0", "--tls-cert=cert.pem", "--tls-key=key.pem")
	r.cmd.Dir, r.cmd.Stderr = folder, &r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.over)
		r.err = r.cmd.Wait()
	}()
	t.Cleanup(func() {
		r.leave()
		r.closeAll()
		_ = r.cmd.Process.Kill()
		<-r.over
	})
	r.await("listened", func() bool {
		for _, m := range listens.FindAllStringSubmatch(r.log.String(), -1) {
			*map[string]*string{"TCP": &r.tcp, "HTTP": &r.http, "HTTPS": &r.https}[m[1]] = m[2]
		}
		return r.https != ""
	})
	r.others.Go(r.consume)
	r.others.Go(r.produce)
	r.others.Go(r.watch)
	r.await("served anybody", func() bool { return r.came.Load() > 0 })
	return r
}

// await waits until something is so, and fails if the daemon has ended.
func (r *ring) await(what string, so func() bool) {
	r.t.Helper()
	tick := time.NewTicker(often)
	defer tick.Stop()
	for end := time.After(patience); !so(); {
		select {
		case <-tick.C:
		case <-r.over:
			r.t.Fatalf("the daemon ended: %v\n%s", r.err, tail(r.log.String()))
		case <-end:
			r.t.Fatalf("it never %s\n%s", what, tail(r.log.String()))
		}
	}
}

// tail is the last of a long text.
func tail(text string) string { return text[max(0, len(text)-1500):] }

// wait waits for the daemon's end.
func (r *ring) wait() error {
	select {
	case <-r.over:
		return r.err
	case <-time.After(patience):
		return fmt.Errorf("not after %v", patience)
	}
}

// produce publishes one message after the other until the others leave. Each bears the time.
func (r *ring) produce() {
	l := r.other()
	defer l.Close()
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		select {
		case <-r.staying.Done():
			return
		case <-tick.C:
		}
		_, err := io.WriteString(l, pub("others", strconv.FormatInt(time.Now().UnixNano(), 10)))
		if err == nil {
			err = l.skipTo("OK")
		}
		if err != nil {
			r.complain("producer", err)
			return
		}
	}
}

// consume sees how long each message took, until they leave. Half of the patience without one is a failure.
func (r *ring) consume() {
	l := r.other()
	defer l.Close()
	_, _ = io.WriteString(l, "SUB others c\nRDY 100\n")
	for {
		_ = l.SetReadDeadline(time.Now().Add(patience / 2))
		f, err := l.next()
		if err != nil {
			r.complain("consumer", err)
			return
		}
		if f.Type != wire.FrameMessage {
			_, _ = io.WriteString(l, "NOP\n")
			continue
		}
		m, err := wire.ParseMessage(f.Data)
		sent, malformed := strconv.ParseInt(string(m.Body), 10, 64)
		if err != nil || malformed != nil {
			r.t.Errorf("the others got %q", f.Data)
			return
		}
		r.came.Add(1)
		took := time.Now().UnixNano() - sent
		if r.slowest.Store(max(took, r.slowest.Load())); took > int64(tolerable) {
			r.t.Errorf("a message took %v", time.Duration(took))
		}
		_, _ = io.WriteString(l, "FIN "+m.ID.String()+"\n")
	}
}

// complain tells why one of the others cannot go on, unless they leave.
func (r *ring) complain(who string, err error) {
	select {
	case <-r.staying.Done():
	default:
		r.t.Errorf("the others' %s: %v", who, err)
	}
}

// other connects one of the others.
func (r *ring) other() *link {
	conn := r.connect(r.tcp)
	_, _ = io.WriteString(conn, wire.Magic)
	context.AfterFunc(r.staying, func() { _ = conn.Close() })
	return newLink(conn)
}

// connect connects to the daemon. If that fails so does the test.
func (r *ring) connect(address string) net.Conn {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		r.t.Error(err)
		conn, _ = net.Pipe() // on which all fails
		_ = conn.Close()
	}
	return conn
}

// leave has the others leave. It may be called again.
func (r *ring) leave() {
	r.part()
	r.others.Wait()
}

// watch notes how much memory the daemon holds.
func (r *ring) watch() {
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		select {
		case <-r.staying.Done():
			return
		case <-tick.C:
			r.peak.Store(max(r.peak.Load(), r.memory()))
		}
	}
}

// memory is how many bytes the daemon holds.
func (r *ring) memory() int64 {
	fields := strings.Fields(r.proc("statm"))
	if len(fields) < 2 {
		return 0 // it has ended
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// cpu is how long it has worked.
func (r *ring) cpu() time.Duration {
	_, rest, _ := strings.Cut(r.proc("stat"), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func (r *ring) proc(name string) string {
	p, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", r.cmd.Process.Pid, name))
	return string(p)
}

// sockets is how many it has open.
func (r *ring) sockets() (n int) {
	folder := fmt.Sprintf("/proc/%d/fd", r.cmd.Process.Pid)
	entries, err := os.ReadDir(folder)
	if err != nil {
		r.t.Fatalf("the daemon is gone: %v\n%s", err, tail(r.log.String()))
	}
	for _, e := range entries {
		if what, _ := os.Readlink(filepath.Join(folder, e.Name())); strings.HasPrefix(what, "socket:") {
			n++
		}
	}
	return n
}

// awaitSockets waits until no more are open than there were.
func (r *ring) awaitSockets(before int) {
	r.t.Helper()
	r.await("closed all sockets", func() bool { return r.sockets() <= before })
}

// wantNobodyServed has the daemon, whose clients have all gone, tell of its goroutines, which is its end: none serves a connection. One may
// be about to return.
func (r *ring) wantNobodyServed() {
	r.t.Helper()
	r.await("saw all clients off", func() bool {
		log := r.log.String()
		return strings.Count(log, "TCP: new client(") == strings.Count(log, "TCP: closed client(")
	})
	logged := len(r.log.String())
	if err := r.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		r.t.Fatal(err)
	}
	_ = r.wait()
	var serving []string
	listens := false
	for g := range strings.SplitSeq(r.log.String()[logged:], "\n\n") {
		if strings.Contains(g, "(*daemon).attend(") || strings.Contains(g, "net/http.(*conn).serve(") {
			serving = append(serving, g)
		}
		listens = listens || strings.Contains(g, "(*daemon).accept(")
	}
	if len(serving) > 1 || !listens {
		r.t.Errorf("%d goroutines serve clients that have gone:\n%.5000s", len(serving), strings.Join(serving, "\n\n"))
	}
}

// writeCertificate makes the files cert.pem and key.pem.
func writeCertificate(t *testing.T, folder string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der},
		"key.pem":  {Type: "EC PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
