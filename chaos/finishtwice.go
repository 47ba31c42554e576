package chaos

// FinishTwice has consumers send FIN again, which the broker refuses.
var FinishTwice = Kind{
	Name:    "finishtwice",
	Usage:   "a consume line's clients finish messages twice; the broker refuses the second FIN",
	Params:  []Param{ofConsumers("finishtwice"), share},
	Conduct: func(a Args) (Conduct, error) { return Conduct{Twice: true, Share: a.Shares["share"]}, nil },
}
