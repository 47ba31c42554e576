package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

var (
	nsqds  = flag.Int("nsqds", 50, "how many nsqds TestCrowd has")
	topics = flag.Int("topics", 20, "how many topics each of them has, all the same, with a channel each; and one of its own")
	idle   = flag.Duration("idle", 0, "how long they have nothing new before the memory is told; they PING every 15 s")
)

const registering = 32 // nsqds at a time

// Nsqds register with a process, each on a connection of its own; then they are looked up, and go. With -v it prints what that takes:
//
//	go test ./cmd/nsqlookupd -run TestCrowd -v -nsqds=2000 -topics=500 -idle=50s
func TestCrowd(t *testing.T) {
	for _, args := range [][]string{nil, {"--data-path=."}} {
		t.Run(strings.Join(append([]string{"with"}, args...), " "), func(t *testing.T) {
			p, err := launch(t.TempDir(), append([]string{"--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0"}, args...)...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.cmd.Process.Kill() }()
			empty := p.memory("VmRSS")
			began := time.Now()
			conns := p.crowd(t)
			t.Logf("%d nsqds have registered %d topics each after %s", *nsqds, *topics, time.Since(began).Round(time.Millisecond))
			t.Logf("resident: %s", p.memory("VmRSS"))
			ping(conns)
			p.look(t, "/lookup?topic=topic7", fmt.Sprintf(`"broadcast_address":"nsqd%d.example.net"`, *nsqds-1), 50)
			p.look(t, "/lookup?topic=own3", `"broadcast_address":"nsqd3.example.net"`, 200)
			p.look(t, "/channels?topic=topic7", `["channel"]`, 200)
			p.look(t, "/topics", `"topic7"`, 20)
			p.look(t, "/nodes", `"broadcast_address":"nsqd0.example.net"`, 5)
			p.look(t, "/metrics", fmt.Sprintf("nsqlookupd_registrations %g\n", float64(*nsqds*2*(*topics+1))), 5)
			t.Logf("resident: %s with nobody, %s afterwards, %s at the most", empty, p.memory("VmRSS"), p.memory("VmHWM"))
			began = time.Now()
			for _, conn := range conns {
				_ = conn.Close()
			}
			p.empties(t)
			t.Logf("all are gone after %s", time.Since(began).Round(time.Millisecond))
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
			if err := p.wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// memory is a figure of the process's memory, as Linux has it.
func (p *process) memory(name string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// crowd has all nsqds register, and stay connected.
func (p *process) crowd(t *testing.T) []net.Conn {
	t.Helper()
	conns, errs := make([]net.Conn, *nsqds), make([]error, *nsqds)
	places := make(chan struct{}, registering)
	var all sync.WaitGroup
	for i := range conns {
		places <- struct{}{}
		all.Go(func() {
			conns[i], errs[i] = p.enrol(i)
			<-places
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return conns
}

// enrol has one nsqd register what it has, and waits for all the answers.
func (p *process) enrol(i int) (net.Conn, error) {
	conn, err := net.Dial("tcp", p.tcp)
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf(`{"broadcast_address":"nsqd%d.example.net","hostname":"nsqd%d","tcp_port":4150,"http_port":4151,"version":"1.3.0"}`, i, i)
	said := wire.AppendBody([]byte(wire.MagicV1+"IDENTIFY\n"), []byte(id))
	for j := range *topics {
		said = fmt.Appendf(said, "REGISTER topic%d channel\n", j)
	}
	said = fmt.Appendf(said, "REGISTER own%d channel\n", i)
	if _, err := conn.Write(said); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	for n := range 1 + *topics + 1 {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return nil, err
		}
		answer := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(in, answer); err != nil {
			return nil, err
		}
		if n > 0 && string(answer) != "OK" {
			return nil, fmt.Errorf("nsqd %d is answered %q", i, answer)
		}
	}
	return conn, nil
}

// ping has nsqds say that they live, for as long as -idle says.
func ping(conns []net.Conn) {
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for end := time.After(*idle); ; {
		select {
		case <-end:
			return
		case <-tick.C:
		}
		for _, conn := range conns {
			_, _ = conn.Write([]byte("PING\n")) // a failure is seen by those who look
		}
	}
}

func (p *process) get(t *testing.T, target string) string {
	t.Helper()
	answer, err := http.Get("http://" + p.http + target)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// look gets something n times, sees that the answer has what it must, and tells how long it took.
func (p *process) look(t *testing.T, target, has string, n int) {
	t.Helper()
	var took []time.Duration
	size := 0
	for range n {
		began := time.Now()
		body := p.get(t, target)
		took = append(took, time.Since(began))
		if size = len(body); !strings.Contains(body, has) {
			t.Fatalf("%s: %.200s has no %s", target, body, has)
		}
	}
	slices.Sort(took)
	t.Logf("%-24s p50 %9s  max %9s  %d bytes", target, took[n/2].Round(time.Microsecond), took[n-1].Round(time.Microsecond), size)
}

// empties waits until nothing is registered any more.
func (p *process) empties(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	nothing := regexp.MustCompile(`(?m)^nsqlookupd_registrations 0$`)
	for late := time.After(tooLong); !nothing.MatchString(p.get(t, "/metrics")); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("there are still registrations")
		}
	}
}
