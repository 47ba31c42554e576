package chaos

// Requeue has consumers requeue instead of finish.
var Requeue = Kind{
	Name:  "requeue",
	Usage: "a consume line's clients requeue messages and finish none",
	Params: []Param{
		ofConsumers("requeue"),
		{Name: "after", Type: Duration, Usage: "the delay that they ask for; left out, none"},
		share,
	},
	Conduct: func(a Args) (Conduct, error) {
		return Conduct{Requeues: true, After: a.Durations["after"], Share: a.Shares["share"]}, nil
	},
}
