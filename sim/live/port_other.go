//go:build unix && !linux

package live

import "net"

// A port of 127.0.0.1 that was free a moment ago.
type port struct{ number int }

func reservePort() (*port, error) {
	l, err := net.Listen("tcp4", address(0))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return &port{number: l.Addr().(*net.TCPAddr).Port}, nil
}

func (p *port) release() {}
