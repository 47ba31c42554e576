package chaos

// PauseTopic pauses a topic.
var PauseTopic = Kind{
	Name:  "pausetopic",
	Usage: "has a broker pause a topic, which then gives nothing that is published to its channels; those go on with what they have",
	Params: []Param{
		{Name: "pausetopic", Type: Broker, Required: true, Usage: "the broker"},
		{Name: "topic", Type: Topic, Required: true, Usage: "the topic"},
	},
	New:  func(a Args) (Fault, error) { return halt{node: a.Names["pausetopic"], topic: a.Names["topic"]}, nil },
	Mild: true,
}
