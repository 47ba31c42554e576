package bench

import (
	"encoding/json"
	"io"
	"runtime"
)

// A Report is what was measured.
type Report struct {
	Size    int      `json:"size"`    // of a body in bytes
	Seconds float64  `json:"seconds"` // how long a measurement was to last
	Machine Machine  `json:"machine"`
	Servers []Server `json:"servers"`
	Results []Result `json:"results"` // in the order they were measured
}

// A Machine is where the servers and the generator ran.
type Machine struct {
	System string `json:"system"`
	CPUs   int    `json:"cpus"`
	Go     string `json:"go"` // that the generator was built with
}

func thisMachine() Machine {
	return Machine{System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version()}
}

// A Result is one measurement. Times are in seconds, memory in bytes.
type Result struct {
	Workload  string   `json:"workload"`
	Server    string   `json:"server"`
	Round     int      `json:"round"`
	Messages  int      `json:"messages"` // published while the clock ran; of drain: consumed
	Seconds   float64  `json:"seconds"`
	LatencyOf string   `json:"-"`
	Latency   *Latency `json:"latency,omitempty"` // nil: not measured
	Usage     *Usage   `json:"usage,omitempty"`   // of the server; nil: its process is not known
	LoadCPU   float64  `json:"load_cpu"`          // the generator's CPU seconds
	Held      int      `json:"held,omitempty"`    // connections, topics or messages that the server keeps
	BytesEach *float64 `json:"bytes_each,omitempty"`
}

// A Latency is how long messages took.
type Latency struct {
	Of    string  `json:"of"` // ack, end to end, or lateness
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

// A Usage is what a server took of the machine: CPU seconds while the clock ran, memory at the end and the most it ever had.
type Usage struct {
	CPU     float64 `json:"cpu"`
	RSS     int64   `json:"rss"`
	PeakRSS int64   `json:"peak_rss"`
}

// WriteJSON writes everything: the results, and their summary as the table has it.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		*Report
		Summary []Row `json:"summary"`
	}{r, r.Summary()})
}
