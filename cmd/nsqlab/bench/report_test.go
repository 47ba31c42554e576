package bench

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// samples is a report of two rounds of three workloads on two servers; the last round of one server is missing, as after ^C.
func samples() *Report {
	each := 9530.0
	pub := func(server string, round, messages int, cpu, p50 float64) Result {
		return Result{
			Workload: "pub-1", Server: server, Round: round, Messages: messages, Seconds: 2, LoadCPU: 0.5,
			Latency: &Latency{Of: ofAck, Count: int64(messages), P50: p50, P99: 3 * p50, P999: 9 * p50, Max: 10 * p50},
			Usage:   &Usage{CPU: cpu, RSS: 20 << 20, PeakRSS: 30 << 20},
		}
	}
	idle := func(server string, cpu float64) Result {
		return Result{
			Workload: "idle-1k", Server: server, Round: 1, Seconds: 2, Held: 1000, BytesEach: &each,
			Usage: &Usage{CPU: cpu, RSS: 2500 << 20, PeakRSS: 2500 << 20},
		}
	}
	return &Report{
		Size: 100, Seconds: 2, Machine: Machine{System: "linux/amd64", CPUs: 2, Go: "go1.26"},
		Servers: []Server{{Name: "nsqd"}, {Name: "vs", Binary: "nsqd-1.3", Flags: []string{"--sync-every=1"}}},
		Results: []Result{
			pub("nsqd", 1, 4_000_000, 1, 0.000_040), pub("vs", 1, 100_000, 2, 0.001_2),
			pub("nsqd", 2, 6_000_000, 1.2, 0.000_030), pub("vs", 2, 200_000, 2, 0.000_9),
			pub("nsqd", 3, 5_000_000, 1.2, 0.000_030),
			idle("nsqd", 0.01), idle("vs", 0.04),
		},
	}
}

func TestGolden(t *testing.T) {
	two := samples()
	one := samples()
	one.Servers, one.Results = one.Servers[:1], one.Results[:1]
	rounds := samples()
	rounds.Servers = rounds.Servers[:1]
	none := &Report{Servers: []Server{{Name: "nsqd"}}}
	unknown := samples()
	unknown.Servers = unknown.Servers[:1]
	unknown.Results = []Result{unknown.Results[0]}
	unknown.Results[0].Usage = nil
	for _, c := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{"two.txt", two.WriteTable},
		{"two.json", two.WriteJSON},
		{"one.txt", one.WriteTable},
		{"rounds.txt", rounds.WriteTable},
		{"unknown-process.txt", unknown.WriteTable},
		{"none.txt", none.WriteTable},
	} {
		var got bytes.Buffer
		if err := c.write(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", c.file)
		if *rewrite {
			if err := os.WriteFile(path, got.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s\n%swant\n%s", c.file, &got, want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{[]float64{7}, Spread{7, 7, 7}},
		{[]float64{3, 1, 2}, Spread{2, 1, 3}},
		{[]float64{4, 1, 2, 9}, Spread{3, 1, 9}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.values, got, c.want)
		}
	}
}

// TestRatio takes the ratios round by round, not of the medians.
func TestRatio(t *testing.T) {
	rows := samples().Summary()
	if len(rows) != 6 || rows[2].Rounds != 2 {
		t.Fatalf("%d rows: %+v", len(rows), rows)
	}
	if got, want := rows[2].Figures["messages_per_second"], (Spread{Median: 35, Min: 30, Max: 40}); got != want {
		t.Errorf("msg/s: %+v, want %+v", got, want)
	}
	if got, want := rows[5].Figures["cpu_percent"], (Spread{0.25, 0.25, 0.25}); got != want {
		t.Errorf("CPU: %+v, want %+v", got, want)
	}
	if _, ok := rows[5].Figures["messages_per_second"]; ok {
		t.Error("messages of what is idle")
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		format func(float64) string
		value  float64
		want   string
	}{
		{formatNumber, 0, "0"}, {formatNumber, 0.012345, "0.0123"}, {formatNumber, 12.345, "12.3"}, {formatNumber, 1234.5, "1230"},
		{formatCount, 999.9, "1k"}, {formatCount, 999, "999"}, {formatCount, 80_312, "80.3k"}, {formatCount, 2_679_000, "2.68M"},
		{formatBytes, 438, "438 B"}, {formatBytes, 16_384, "16.4 kB"}, {formatBytes, 455e6, "455 MB"}, {formatBytes, 2.62e9, "2.62 GB"},
		{formatSeconds, 0.0000118, "11.8 µs"}, {formatSeconds, 0.0009999, "1 ms"}, {formatSeconds, 1.16, "1.16 s"}, {formatSeconds, 0, "0 µs"},
	} {
		if got := c.format(c.value); got != c.want {
			t.Errorf("%v: %s, want %s", c.value, got, c.want)
		}
	}
}

// TestTable holds the table of workloads to its rules.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range Workloads {
		if w.Name == "" || w.Usage == "" || w.Of == "" || w.count < 1 || w.count > maxCount || w.run == nil || seen[w.Name] {
			t.Errorf("workload %+v", w)
		}
		if len(w.Name) > 16 { // with a topic's number behind it
			t.Errorf("the name %s is too long for a topic", w.Name)
		}
		seen[w.Name] = true
	}
	if len(Quick()) == 0 || len(Quick()) == len(Workloads) {
		t.Errorf("%d quick workloads", len(Quick()))
	}
	if all, err := Named([]string{"drain", "pub-1", "drain"}); err != nil || len(all) != 2 || all[0].Name != "drain" {
		t.Errorf("%v, %v", all, err)
	}
	if all, err := Named([]string{"all"}); err != nil || len(all) != len(Workloads) {
		t.Errorf("all: %v, %v", all, err)
	}
	if _, err := Named([]string{"pub-2"}); err == nil {
		t.Error("a workload that there is not")
	}
}
