package sim

import (
	"fmt"
	"net/http"
	"time"
)

// A Turn is what an arrival is in a connection's life.
type Turn string

// The turns.
const (
	Bytes   Turn = "bytes"   // it is bytes, and no turn
	Opening Turn = "opening" // the client's end: let us speak; the node's: I accept
	Ending  Turn = "ending"  // no more comes from that end
	Broken  Turn = "broken"  // the connection is broken
)

var turns = [...]Turn{payload: Bytes, opening: Opening, ending: Ending, broken: Broken}

// An Arrival is a chunk of bytes, or a turn in a connection's life, that reaches the other end: what the trace is a hash of.
type Arrival struct {
	At       time.Duration
	Event    uint64 // how many events have happened by then, this one included
	From, To string
	Conn     uint64 // which connection, as a Chunk has it
	Answer   bool   // it goes from the node that was dialled to its client
	Turn     Turn
	Data     []byte // must not be kept or changed
}

// Watch has see called with each arrival, before the other end takes it; nil for nobody. It must not call the world, but for Look.
func (w *World) Watch(see func(Arrival)) { w.watch = see }

// tell passes on an arrival to who watches.
func (w *World) tell(l *way, p parcel) {
	w.watch(Arrival{
		At: w.now, Event: w.done, From: l.name, To: l.from.peer.way.name, Conn: l.from.conn.id, Answer: l.from == &l.from.conn.server,
		Turn: turns[p.kind], Data: p.data,
	})
}

// Look asks a node's HTTP API with GET at once, wherever the world is in its run, and a paused node too: a look into its memory, which takes
// no event and changes nothing. The error says that the node is down, or at a point, where what it holds is locked.
func (w *World) Look(name, path string) (status int, body []byte, err error) {
	n, err := w.find(name)
	if err != nil {
		return 0, nil, err
	}
	switch {
	case n.life == nil:
		return 0, nil, n.unreachable()
	case n.at != "":
		return 0, nil, fmt.Errorf("sim: node %s is in the middle of a call: %s", name, n.at)
	}
	status, body = n.request(http.MethodGet, path)
	return status, body, nil
}
