package chaos

import "strings"

// PauseChannel pauses a channel.
var PauseChannel = Kind{
	Name:  "pausechannel",
	Usage: "has a broker pause a channel, which then gives nothing to its consumers; what is in flight goes on",
	Params: []Param{
		{Name: "pausechannel", Type: Broker, Required: true, Usage: "the broker"},
		{Name: "channel", Type: Channel, Required: true, Usage: "the channel with its topic, such as orders/billing"},
	},
	New: func(a Args) (Fault, error) {
		topic, channel, _ := strings.Cut(a.Names["channel"], "/")
		return halt{a.Names["pausechannel"], topic, channel}, nil
	},
	Mild: true,
}
