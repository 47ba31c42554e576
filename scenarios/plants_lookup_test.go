package scenarios_test

// lookupPlants are bugs of finding each other.
var lookupPlants = []plant{
	{
		name: "an nsqd registers nothing when it connects", file: "lookup/agent.go", scenario: "lookup-restarted-empty.yaml", promise: "finds-producers",
		old: "\ta.settle(now)\n\treturn a, nil\n",
		new: "\ta.told = a.wanted\n\treturn a, nil\n",
	},
	{
		name: "an nsqd registers nothing that is new", file: "lookup/agent.go", scenario: "lookup-slow.yaml", promise: "finds-producers",
		old: "\ta.settle(now)\n\ta.mu.Unlock()\n",
		new: "\ta.mu.Unlock()\n",
	},
	{
		name: "nothing is kept for channels that are not known yet", file: "discover.go", scenario: "lookup-born-unreachable.yaml", promise: "no-missed-start",
		old: "\tif t.undiscovered && t.keeper == nil && !wire.IsEphemeral(t.name) {\n",
		new: "\tif false {\n",
	},
	{
		name: "channels that a new topic has elsewhere are not opened", file: "discover.go", scenario: "lookup-split.yaml", promise: "no-missed-start", seeds: 5,
		old: "\t\tif wire.ValidName(c) && !wire.IsEphemeral(c) {\n",
		new: "\t\tif false {\n",
	},
	{
		name: "a channel that comes later is owed only what comes then", file: "discover.go", scenario: "lookup-born-unreachable.yaml", promise: "no-missed-start",
		old: "\tc.gaps = slices.Clone(keeper.gaps)\n",
		new: "\tc.gaps = slices.Clone(keeper.gaps)\n\tif c.number > 0 {\n\t\treturn\n\t}\n",
	},
}
