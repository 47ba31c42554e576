package scenarios

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/reports/history"
)

// parting is how long a connection whose consumer leaves stays after its last FIN, for that to go out.
const parting = 50 * time.Millisecond

// depart has a client leave in order, if its line does, and come back if it does not any more.
func (c *consumer) depart() {
	quitting := c.run.ways(c.line.Name, func(c *conduct) bool { return c.Quits })
	switch {
	case len(quitting) == 0 && c.quit:
		c.quit = false
		c.back()
	case len(quitting) > 0 && !c.quit:
		c.quit = true
		c.away++
		for _, s := range c.links {
			if s.subscribed {
				quitting[0].hits++
			}
			if s.conn != nil {
				s.takeLeave()
			}
		}
	}
}

// takeLeave has the broker send nothing more, and closes the connection when all that it holds is finished.
func (s *subscription) takeLeave() {
	if !s.subscribed {
		s.conn.Abort()
		return
	}
	conn := s.conn
	op := s.op(history.Ready) // that is what CLS comes to
	s.run.record(op, history.Info)
	conn.Close(func(time.Time, client.Result) {
		if s.conn == conn {
			s.free = true
			s.part()
		}
	})
}

// part closes a connection that nothing comes on any more, once nothing is held.
func (s *subscription) part() {
	if conn := s.conn; s.free && len(s.works) == 0 {
		r := s.run
		r.cluster.At(r.cluster.Now()+parting, func() {
			if s.conn == conn {
				conn.Abort()
			}
		})
	}
}
