package server

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// onSockets is a change to a Config: both ports are unix sockets in a folder.
func onSockets(folder string) func(*Config) {
	return func(c *Config) {
		c.TCPAddress, c.HTTPAddress = filepath.Join(folder, "tcp"), filepath.Join(folder, "http")
	}
}

// leave makes a socket as a kill leaves it: a file that nobody listens on.
func leave(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestUnixSocketsGoOnStop(t *testing.T) {
	folder := t.TempDir()
	d := startNsqd(t, onSockets(folder))
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// What a kill leaves of unix sockets does not keep the next daemon from starting, as it does upstream.
func TestStaleUnixSocketsAreReplaced(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"tcp", "http"} {
		leave(t, filepath.Join(folder, name))
	}
	d := startNsqd(t, onSockets(folder))
	p := dial(t, d)
	p.say(pub("t", "hello"))
	p.want("OK")
}

// Neither the socket of a daemon that runs nor a file of another kind is replaced.
func TestUnixSocketsInUseAreLeft(t *testing.T) {
	folder := t.TempDir()
	first := startNsqd(t, onSockets(folder))
	file, link, datagrams := filepath.Join(folder, "file"), filepath.Join(folder, "link"), filepath.Join(folder, "datagrams")
	if err := errors.Join(os.WriteFile(file, []byte("precious"), 0o600), os.Symlink(filepath.Join(folder, "stale"), link)); err != nil {
		t.Fatal(err)
	}
	leave(t, filepath.Join(folder, "stale"))
	other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: datagrams, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for path, why := range map[string]string{
		first.TCPAddr(): "", file: ", by a file that is no socket", folder: ", by a file that is no socket",
		link: ", by a file that is no socket", datagrams: "",
	} {
		cfg := DefaultConfig()
		cfg.TCPAddress, cfg.HTTPAddress = path, ""
		d, err := Start(cfg)
		if err == nil {
			d.Kill()
			t.Fatalf("it listens on %s", path)
		}
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), "listen ("+path+") failed - ") || !strings.HasSuffix(err.Error(), "in use"+why) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if textOf(t, file) != "precious" {
		t.Error("the file was changed")
	}
	if _, err := os.Lstat(filepath.Join(folder, "stale")); err != nil {
		t.Error(err)
	}
	p := dial(t, first)
	p.say(pub("t", "hello"))
	p.want("OK")
}

// A start that is refused takes away the sockets it has made, and no other.
func TestRefusedStartLeavesNoSocket(t *testing.T) {
	folder := t.TempDir()
	first := startNsqd(t, onSockets(t.TempDir()))
	cfg := DefaultConfig()
	cfg.TCPAddress, cfg.HTTPAddress = filepath.Join(folder, "tcp"), first.HTTPAddr()
	if d, err := Start(cfg); err == nil {
		d.Kill()
		t.Fatal("two daemons share a socket")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if _, err := os.Lstat(first.HTTPAddr()); err != nil {
		t.Error(err)
	}
}

// What others are told to connect to is what is said, else what is listened on.
func TestBroadcastPorts(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	for _, c := range []struct {
		said             int
		tcp, http        net.Listener
		tcpPort, webPort int
	}{
		{0, tcp, tcp, port(tcp), port(tcp)},
		{0, unix, nil, 0, 0},
		{7, tcp, unix, 7, 7},
	} {
		cfg := Config{BroadcastTCPPort: c.said, BroadcastHTTPPort: c.said}
		cfg.broadcast(c.tcp, c.http)
		if cfg.BroadcastTCPPort != c.tcpPort || cfg.BroadcastHTTPPort != c.webPort {
			t.Errorf("%+v: told %d and %d", c, cfg.BroadcastTCPPort, cfg.BroadcastHTTPPort)
		}
	}
}
