package chaos

// SlowWork has consumers take longer for each message.
var SlowWork = Kind{
	Name:  "slowwork",
	Usage: "a consume line's clients take longer for each message",
	Params: []Param{
		ofConsumers("slowwork"),
		{Name: "by", Type: Duration, Required: true, Usage: "how much longer"},
		share,
	},
	Conduct: func(a Args) (Conduct, error) {
		return Conduct{Slower: a.Durations["by"], Share: a.Shares["share"]}, nil
	},
}
