package server

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

// listen opens an address for connections: TCP if it is host:port, else a unix socket.
func listen(address string) (net.Listener, error) {
	var l net.Listener
	var err error
	if _, _, bad := net.SplitHostPort(address); bad == nil {
		l, err = net.Listen("tcp", address)
	} else {
		l, err = listenUnix(address)
	}
	if err != nil {
		return nil, fmt.Errorf("listen (%s) failed - %w", address, err)
	}
	return l, nil
}

// listenUnix opens a unix socket. One that is there already is replaced if nobody listens on it, such as what a kill has left; a file of
// another kind is left as it is. Closing removes the socket.
func listenUnix(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	info, statErr := os.Lstat(path)
	if statErr != nil {
		return nil, err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("%w, by a file that is no socket", err)
	}
	if !isStale(path) {
		return nil, err
	}
	if removeErr := os.Remove(path); removeErr != nil {
		return nil, removeErr
	}
	return net.Listen("unix", path)
}

// isStale says that nobody listens on a unix socket. One that does not answer, or that may not be asked, may be in use.
func isStale(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// port is the port that a listener stands on: -1 for a unix socket, 0 for none, as /info tells it.
func port(l net.Listener) int {
	if l == nil {
		return 0
	}
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return -1
}

// broadcast sets the ports that others are told, where nothing else is said, to those listened on; of a unix socket there is none.
func (c *Config) broadcast(tcp, http net.Listener) {
	c.BroadcastTCPPort = cmp.Or(c.BroadcastTCPPort, max(0, port(tcp)))
	c.BroadcastHTTPPort = cmp.Or(c.BroadcastHTTPPort, max(0, port(http)))
}

// address is a listener's address as a client dials it: any host becomes this one.
func address(l net.Listener) string {
	if l == nil {
		return ""
	}
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return l.Addr().String()
	}
	if a.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(a.Port))
	}
	return a.String()
}
