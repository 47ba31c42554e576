package live

import (
	"fmt"
	"os"
	"syscall"
)

// A port of 127.0.0.1 that is kept for a node, also while the node is down: a socket is bound to it that does not
// listen. The kernel gives it to nobody who asks for any port, and lets one listen on it who asks for this one with
// SO_REUSEADDR, as every Go program does.
type port struct {
	number int
	socket int
}

func reservePort() (*port, error) {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &port{socket: s}
	if err := p.bind(); err != nil {
		p.release()
		return nil, err
	}
	return p, nil
}

func (p *port) bind() error {
	if err := syscall.SetsockoptInt(p.socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(p.socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	name, err := syscall.Getsockname(p.socket)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	bound, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		return fmt.Errorf("getsockname: %T", name)
	}
	p.number = bound.Port
	return nil
}

// release gives the port back.
func (p *port) release() { syscall.Close(p.socket) }
