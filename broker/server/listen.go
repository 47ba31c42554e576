package server

import (
	"fmt"
	"net"
	"strconv"
)

// listen opens an address for connections: TCP if it is host:port, else a unix socket.
func listen(address string) (net.Listener, error) {
	network := "unix"
	if _, _, err := net.SplitHostPort(address); err == nil {
		network = "tcp"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("listen (%s) failed - %w", address, err)
	}
	return l, nil
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
