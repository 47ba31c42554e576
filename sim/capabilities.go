package sim

import "time"

// A Skew is what is wrong with a node's clocks. A program reads two: the wall clock, which is set, and the monotonic one, which only runs.
// Skews of one node add up; one that is Frozen suffices.
type Skew struct {
	Offset time.Duration // the wall clock is ahead by so much, or behind; the monotonic one does not know of it
	Drift  int64         // both gain so many microseconds in a second, or lose them: more than -1e6, 1e6 at the most
	Frozen bool          // both stand still, as those of a virtual machine that its host gives no time; the process runs on
}

// Clocks is a cluster whose nodes' clocks can be wrong. Its own time, its clients' and its disks' are right all the same; a node's timers
// ring when its own clock says so. A skew outlives the node's daemon.
type Clocks interface {
	// Skew puts a node's clocks wrong until clear. Then the wall clock is right again, in one step, but for other skews, and the
	// monotonic one, which never steps, goes on from where it is at the true speed. clear says how often the node was told a wrong time.
	Skew(node string, s Skew) (clear func() (told int), err error)
}

// A Configurer is a cluster that can start a node with other flags, or as another program. Where it cannot have another program it is
// errors.ErrUnsupported.
type Configurer interface {
	// Configure says how a node that is down starts from now on: with args behind its own flags, so that of a flag that stands twice they
	// win, and as the program binary if that is not empty, which takes the same flags. Without both it is the Node it was made as.
	Configure(node string, args []string, binary string) error
}

// Points is a cluster that can stop the world while a broker is in the middle of something.
type Points interface {
	// Trip calls f when a broker comes to a point for the nth time from now, counted from 1, before it goes on. f may kill it, or cut its
	// power: then nothing that it still does reaches its disk or a link. It must not ask the broker anything. What is done while a broker
	// starts is not counted. remove says how often it came to the point; f is not called any more.
	Trip(node string, p Point, nth int, f func()) (remove func() (seen int), err error)
}

// An Observer is a cluster that sees what its nodes are in the middle of.
type Observer interface {
	// States are the names of all that a node is in the middle of, in the order of NodeStates, which are all that there are. It may be
	// called by what Trip calls: then it has the point's name, too.
	States(node string) []string
}
