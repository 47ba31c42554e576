package live

import "net"

// An entrance is a port whose connections are links from a client to a node.
type entrance struct {
	net.Listener
	from string
	node *node
}

// Address is where a client that is no endpoint, such as another implementation's, reaches a node: the connections it
// makes there are judged like those of Dial, as from's. The client may run at any time, also outside Run.
func (c *Cluster) Address(from, name string) (string, error) {
	n, err := c.node(name)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return "", errClosed
	}
	for _, e := range c.listeners {
		if e.from == from && e.node == n {
			return e.Addr().String(), nil
		}
	}
	l, err := net.Listen("tcp4", address(0))
	if err != nil {
		return "", err
	}
	e := &entrance{Listener: l, from: from, node: n}
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
		l := c.newLink(e.from, e.node, e.node.tcp, nil, conn)
		if !c.spawn(l.serve) {
			l.reset()
		}
	}
}
