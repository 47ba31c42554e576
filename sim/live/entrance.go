package live

import "net"

// An entrance is a port whose connections are links from a client to a node.
type entrance struct {
	net.Listener
	host string // where it listens
	from string
	node *node
	port int // of the node's
}

// Address is where a client that is no endpoint, such as another implementation's, reaches a node: the connections it
// makes there are judged like those of Dial, as from's. The client may run at any time, also outside Run.
func (c *Cluster) Address(from, name string) (string, error) {
	n, err := c.node(name)
	if err != nil {
		return "", err
	}
	return c.entrance(loopback, from, n, n.tcp)
}

// entrance is where links from a client to a port of a node begin.
func (c *Cluster) entrance(host, from string, n *node, port int) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return "", errClosed
	}
	for _, e := range c.listeners {
		if e.host == host && e.from == from && e.port == port {
			return e.Addr().String(), nil
		}
	}
	l, err := net.Listen("tcp4", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	e := &entrance{Listener: l, host: host, from: from, node: n, port: port}
	c.listeners = append(c.listeners, e)
	c.busy.Go(func() { c.admit(e) })
	return l.Addr().String(), nil
}

// admit makes a link of each connection until the entrance closes.
func (c *Cluster) admit(e *entrance) {
	for {
		conn, err := e.Accept()
		if err != nil {
			return
		}
		l := c.newLink(e.from, e.node, e.port, nil, conn)
		if !c.spawn(l.serve) {
			l.reset()
		}
	}
}
