package chaos

// Forget has consumers never finish messages, which time out.
var Forget = Kind{
	Name:    "forget",
	Usage:   "a consume line's clients neither finish nor requeue messages, which time out",
	Params:  []Param{ofConsumers("forget"), share},
	Conduct: func(a Args) (Conduct, error) { return Conduct{Forgets: true, Share: a.Shares["share"]}, nil },
}
