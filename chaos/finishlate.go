package chaos

// FinishLate has consumers finish messages when their timeout is over.
var FinishLate = Kind{
	Name:  "finishlate",
	Usage: "a consume line's clients finish messages only after their timeout, when they may be another's",
	Params: []Param{
		ofConsumers("finishlate"),
		{Name: "by", Type: Duration, Required: true, Usage: "how long after the timeout"},
		share,
	},
	Conduct: func(a Args) (Conduct, error) {
		return Conduct{Late: a.Durations["by"], Share: a.Shares["share"]}, nil
	},
}
