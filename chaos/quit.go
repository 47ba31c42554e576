package chaos

// Quit has consumers leave in order.
var Quit = Kind{
	Name:    "quit",
	Usage:   "each client of a consume line leaves in order: it says CLS, finishes what it holds, closes its connections, and comes back when the fault is over",
	Params:  []Param{ofConsumers("quit")},
	Conduct: func(Args) (Conduct, error) { return Conduct{Quits: true}, nil },
}
