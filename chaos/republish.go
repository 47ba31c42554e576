package chaos

// Republish has producers repeat what they have no answer to. The first try may have arrived as well: then the message is there twice.
var Republish = Kind{
	Name:  "republish",
	Usage: "a produce line's clients close a connection that owes them an answer for too long, and publish again on another all that was not answered",
	Params: []Param{
		{Name: "republish", Type: Producers, Required: true, Usage: "the produce line"},
		{Name: "after", Type: Duration, Required: true, Usage: "how long they wait for an answer", Draw: []string{"1ms", "1ms", "20ms", "200ms"}},
	},
	Conduct: func(a Args) (Conduct, error) { return Conduct{Repeats: a.Durations["after"]}, nil },
}
