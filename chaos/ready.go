package chaos

import "fmt"

// maxReady is the largest RDY that nsqd takes, unless it is told otherwise; it closes the connection of who asks for more.
const maxReady = 2500

// Ready has consumers ask for more messages than they should, or for none.
var Ready = Kind{
	Name:  "ready",
	Usage: "a consume line's clients ask for many messages at once, or for none",
	Params: []Param{
		ofConsumers("ready"),
		{Name: "rdy", Type: Number, Required: true, Usage: fmt.Sprintf("the RDY of each connection, from 0 to %d", maxReady)},
	},
	Conduct: func(a Args) (Conduct, error) {
		if a.Counts["rdy"] > maxReady {
			return Conduct{}, fmt.Errorf("ready: rdy is %d, want %d at the most", a.Counts["rdy"], maxReady)
		}
		return Conduct{HasReady: true, Ready: int(a.Counts["rdy"])}, nil
	},
}
