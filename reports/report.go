// Package reports judges a history and writes the verdict down.
//
// A [Judge] passes every operation to the checkers, one a promise ([Checkers] is their table), and makes a [Report] of
// what they found; a format ([Formats]) writes it. Nothing here can run anything: a report can be made again from the
// history's file alone.
//
//	j, err := reports.NewJudge(header)
//	for op, err := range ops { j.Observe(op) }
//	r, err := j.Report(ops)        // reads the history once more, for the biographies of the examples
//	reports.Text.Write(os.Stdout, r)
package reports

import "time"

// Validity is how a promise stood, or a whole run: a verdict is as good as its worst finding.
type Validity string

// The validities, from best to worst.
const (
	Valid    Validity = "valid"    // it held
	Licensed Validity = "licensed" // it was broken only where a fault that was on may break it
	Unknown  Validity = "unknown"  // it cannot be said: nothing was tested, or not to the end
	Invalid  Validity = "invalid"  // it was violated
)

// Validities lists them from best to worst.
var Validities = []Validity{Valid, Licensed, Unknown, Invalid}

// Worse gives the worse of two validities.
func (v Validity) Worse(w Validity) Validity {
	if v.rank() > w.rank() {
		return v
	}
	return w
}

func (v Validity) rank() int {
	for i, w := range Validities {
		if v == w {
			return i
		}
	}
	return len(Validities)
}

// A Report is a run, judged. Times are since the run began.
type Report struct {
	Scenario string        `json:"scenario"`
	Shows    string        `json:"shows,omitempty"` // the scenario's description
	Backend  string        `json:"backend"`
	Seed     uint64        `json:"seed"`
	Run      string        `json:"run"`
	Nodes    []string      `json:"nodes"`
	Validity Validity      `json:"validity"`
	Reason   string        `json:"reason"` // one sentence: why it is not valid, or what held
	Took     time.Duration `json:"took"`   // of the run's own time, in nanoseconds
	Promises []Promise     `json:"promises"`
	Counts   Counts        `json:"counts"`
	Ack      Quantiles     `json:"ack"`        // from the intended time of a publish to its OK
	EndToEnd Quantiles     `json:"end_to_end"` // from the intended time of a publish to its first delivery in a channel
	Slices   []Slice       `json:"slices"`     // at most 300, of equal length
	Faults   []Band        `json:"faults"`
	Coverage []Coverage    `json:"coverage"`         // what the faults met, by kind; empty where the cluster does not see it
	Trace    string        `json:"trace,omitempty"`  // of a virtual run: the hash of every chunk of bytes that was delivered, in hex
	Replay   string        `json:"replay,omitempty"` // the one command that shows it again
}

// A Promise is one checker's result.
type Promise struct {
	Name     string    `json:"name"`
	Promise  string    `json:"promise"` // in a sentence
	Validity Validity  `json:"validity"`
	Events   int       `json:"events"`             // how many events were judged; 0 and valid: there was nothing to judge
	Summary  string    `json:"summary"`            // one line, with figures
	Count    int       `json:"count"`              // how many findings there were
	Findings []Finding `json:"findings,omitempty"` // the first of them, ten at most

	anomalies []Anomaly // all the ways in which it was broken, in the order found
}

// A Finding is one thing that was not as promised, with an example message where it has one.
type Finding struct {
	Validity  Validity      `json:"validity"`
	What      string        `json:"what"`              // one sentence
	Msg       string        `json:"message,omitempty"` // producer-number
	At        time.Duration `json:"at"`
	Biography []Event       `json:"biography,omitempty"`

	number  uint64 // of the message, as histories have it; 0: none
	anomaly Anomaly
}

// An Event is one line of a message's biography.
type Event struct {
	At      time.Duration `json:"at"`
	Process string        `json:"process"`
	What    string        `json:"what"`
	Broken  []string      `json:"broken,omitempty"` // the faults that were on
}

// Counts are how many messages, or deliveries, there were of each kind.
type Counts struct {
	Published    int `json:"published"`    // attempted
	Acknowledged int `json:"acknowledged"` // answered with OK
	Failed       int `json:"failed"`       // certainly not published
	Uncertain    int `json:"uncertain"`    // no answer: published or not
	Recovered    int `json:"recovered"`    // uncertain, and delivered
	Delivered    int `json:"delivered"`    // deliveries, repeated ones included
	Redelivered  int `json:"redelivered"`  // deliveries beyond the first of a message in a channel
	Finished     int `json:"finished"`     // FINs sent
	Lost         int `json:"lost"`         // acknowledged, owed to a channel and never delivered there, or never finished nor delivered again
	Unjudged     int `json:"unjudged"`     // operations that no checker could place
}

// Quantiles are of a latency; all zero if nothing was measured.
type Quantiles struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50"`
	P90   time.Duration `json:"p90"`
	P99   time.Duration `json:"p99"`
	P999  time.Duration `json:"p999"`
	Max   time.Duration `json:"max"`
}

// A Slice is a stretch of the run: what happened in it, and the latency of what was first delivered in it.
type Slice struct {
	At           time.Duration `json:"at"`
	Length       time.Duration `json:"length"`
	Published    int           `json:"published"`
	Acknowledged int           `json:"acknowledged"`
	Delivered    int           `json:"delivered"`
	P50          time.Duration `json:"p50"` // end to end
	P99          time.Duration `json:"p99"`
}

// A Band is a fault as it stands in the timeline.
type Band struct {
	Kind   string        `json:"kind"`
	Target string        `json:"target"`
	From   time.Duration `json:"from"`
	To     time.Duration `json:"to"`
	Note   string        `json:"note,omitempty"` // how much it hit, or why it could not be inflicted
}
