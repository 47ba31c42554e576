package chaos

import "time"

// A Conduct is how the clients of a load line go about their deliveries and publications while a fault of theirs is on. What is zero
// is as it is without the fault. The clients are the scenario's, so it is the same on every cluster; they count whom it hit.
type Conduct struct {
	// Share is the part of the deliveries that it is about, drawn for each; 0: of all.
	Share float64
	// Slower is how much longer a message is worked on.
	Slower time.Duration
	// Dies has each client drop its connections as soon as it holds a message, with all that it holds, and stay away until the fault is over.
	Dies bool
	// Quits has each client leave in order, with CLS and its last FINs, and stay away until the fault is over.
	Quits bool
	// Forgets has it neither finish nor requeue a message.
	Forgets bool
	// Twice has it finish a message twice.
	Twice bool
	// Late has it finish a message so long after its timeout.
	Late time.Duration
	// Requeues has it requeue a message, to come again After so long.
	Requeues bool
	After    time.Duration
	// Ready is the RDY of its connections, if HasReady.
	HasReady bool
	Ready    int
	// Repeats has it publish again, on a new connection, what had no answer for so long, and what was not answered when its connection ended.
	Repeats time.Duration
}

// share is the word for a part of the deliveries.
var share = Param{Name: "share", Type: Share, Usage: "of the deliveries; left out, all"}

// ofConsumers is the first word of a kind that hits a consume line.
func ofConsumers(kind string) Param {
	return Param{Name: kind, Type: Consumers, Required: true, Usage: "the consume line"}
}
