package chaos

// Die has consumers die with messages in flight.
var Die = Kind{
	Name:    "die",
	Usage:   "each client of a consume line drops its connections as soon as it holds a message, with all that it holds, and comes back when the fault is over",
	Params:  []Param{ofConsumers("die")},
	Conduct: func(Args) (Conduct, error) { return Conduct{Dies: true}, nil },
}
