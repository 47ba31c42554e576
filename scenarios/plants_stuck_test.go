package scenarios_test

// stuckPlants are bugs by which something waits for ever, and that nothing else tells of.
var stuckPlants = []plant{
	{
		name: "a channel stops for ever when a FIN is refused", file: "channel.go", scenario: "testdata/stuck.yaml", promise: "nothing-stuck",
		old: "\tif d == nil || d.holder == nil {\n",
		new: "\tif d == nil || d.holder == nil {\n\t\tc.paused = true\n",
	},
	{
		name: "a consumer that has finished is not offered what waits", file: "channel.go", scenario: "testdata/stuck.yaml", promise: "nothing-stuck",
		old: "\tc.offer(d.holder)\n",
		new: "",
	},
	{
		name: "only the first who waits for a sync is told that it is over", file: "sync.go", scenario: "testdata/stuck.yaml", promise: "nothing-stuck",
		old: "\trelease(t, told, point, failure)\n",
		new: "\trelease(t, told[:min(len(told), 1)], point, failure)\n",
	},
}
