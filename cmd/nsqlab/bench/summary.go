package bench

import (
	"math"
	"slices"
)

// ratioName names the rows that compare the first server with the second.
const ratioName = "ratio"

// A Row sums up the rounds of a workload: on one server, or the first server's figures over the second's.
type Row struct {
	Workload string            `json:"workload"`
	Server   string            `json:"server"` // its name, or ratio
	Latency  string            `json:"latency,omitempty"`
	Rounds   int               `json:"rounds"`
	Figures  map[string]Spread `json:"figures"` // by the figure's key; one that was not measured is not there
}

// A Spread is the median of some values, and the least and the greatest.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// A figure is one number of a result.
type figure struct {
	title  string
	key    string
	value  func(Result) (float64, bool) // false: not measured
	format func(float64) string
	spread bool // its spread is shown
}

// figures is their table, in the order they are shown.
var figures = []figure{
	{"msg/s", "messages_per_second", perSecond, formatCount, true},
	{"CPU s/M", "cpu_seconds_per_million", cpuPerMillion, formatNumber, true},
	{"CPU %", "cpu_percent", cpuPercent, formatNumber, false},
	{"p50", "p50", latencyAt(func(l *Latency) float64 { return l.P50 }), formatSeconds, false},
	{"p99", "p99", latencyAt(func(l *Latency) float64 { return l.P99 }), formatSeconds, false},
	{"p99.9", "p999", latencyAt(func(l *Latency) float64 { return l.P999 }), formatSeconds, false},
	{"RSS", "rss", used(func(u *Usage) float64 { return float64(u.RSS) }), formatBytes, false},
	{"peak RSS", "peak_rss", used(func(u *Usage) float64 { return float64(u.PeakRSS) }), formatBytes, false},
	{"each", "bytes_each", bytesEach, formatBytes, false},
	{"load %", "load_cpu_percent", loadPercent, formatNumber, false},
}

func perSecond(r Result) (float64, bool) {
	return float64(r.Messages) / r.Seconds, r.Messages > 0 && r.Seconds > 0
}

func cpuPerMillion(r Result) (float64, bool) {
	if r.Usage == nil || r.Messages == 0 {
		return 0, false
	}
	return r.Usage.CPU / float64(r.Messages) * 1e6, true
}

func cpuPercent(r Result) (float64, bool) {
	if r.Usage == nil || r.Seconds <= 0 {
		return 0, false
	}
	return r.Usage.CPU / r.Seconds * 100, true
}

func loadPercent(r Result) (float64, bool) { return r.LoadCPU / r.Seconds * 100, r.Seconds > 0 }

func bytesEach(r Result) (float64, bool) {
	if r.BytesEach == nil {
		return 0, false
	}
	return *r.BytesEach, true
}

func latencyAt(of func(*Latency) float64) func(Result) (float64, bool) {
	return func(r Result) (float64, bool) {
		if r.Latency == nil {
			return 0, false
		}
		return of(r.Latency), true
	}
}

func used(of func(*Usage) float64) func(Result) (float64, bool) {
	return func(r Result) (float64, bool) {
		if r.Usage == nil {
			return 0, false
		}
		v := of(r.Usage)
		return v, v > 0
	}
}

// Summary gives for each workload a row for each server and, if there are two, their ratio.
func (r *Report) Summary() []Row {
	var rows []Row
	var seen []string
	for _, first := range r.Results {
		if slices.Contains(seen, first.Workload) {
			continue
		}
		seen = append(seen, first.Workload)
		var sides [][]Result
		for _, s := range r.Servers {
			side := slices.DeleteFunc(slices.Clone(r.Results), func(x Result) bool {
				return x.Workload != first.Workload || x.Server != s.Name
			})
			sides = append(sides, side)
			if len(side) > 0 {
				rows = append(rows, sumUp(s.Name, side))
			}
		}
		if len(sides) == 2 && len(sides[1]) > 0 {
			rows = append(rows, compare(sides[0], sides[1]))
		}
	}
	return rows
}

// sumUp makes the row of one server.
func sumUp(server string, rounds []Result) Row {
	row := Row{Workload: rounds[0].Workload, Server: server, Rounds: len(rounds), Figures: map[string]Spread{}}
	if l := rounds[0].Latency; l != nil {
		row.Latency = l.Of
	}
	for _, f := range figures {
		var values []float64
		for _, r := range rounds {
			if v, ok := f.value(r); ok {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			row.Figures[f.key] = spreadOf(values)
		}
	}
	return row
}

// compare makes the row of the ratios a/b, round by round: what both servers were measured at about the same time.
func compare(a, b []Result) Row {
	rounds := min(len(a), len(b))
	row := Row{Workload: a[0].Workload, Server: ratioName, Rounds: rounds, Figures: map[string]Spread{}}
	for _, f := range figures {
		var ratios []float64
		for i := range rounds {
			x, ok1 := f.value(a[i])
			y, ok2 := f.value(b[i])
			if ok1 && ok2 && y > 0 {
				ratios = append(ratios, x/y)
			}
		}
		if len(ratios) > 0 {
			row.Figures[f.key] = spreadOf(ratios)
		}
	}
	return row
}

// spreadOf sums up one value or more. The median of an even number is the mean of the two in the middle.
func spreadOf(values []float64) Spread {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return Spread{Median: (s[(n-1)/2] + s[n/2]) / 2, Min: s[0], Max: s[n-1]}
}

// round3 rounds to three digits.
func round3(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}
