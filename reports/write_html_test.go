package reports

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

var fetching = regexp.MustCompile(`(?i)https?://|<script|<img|<iframe|<object|<embed|@import|url\(|\ssrc=|\son[a-z]+=|<link rel="icon" href="[^d]`)

func TestHTMLFetchesAndRunsNothing(t *testing.T) {
	for _, f := range fixtures {
		text := written(t, HTML, f.make())
		// What is escaped is text; only what could be markup is looked at.
		for _, tag := range regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`).FindAllString(text, -1) {
			if found := fetching.FindString(tag); found != "" {
				t.Errorf("%s: %q in %.200s", f.name, found, tag)
			}
		}
		if n := strings.Count(text, "<link"); n != 1 {
			t.Errorf("%s: %d links", f.name, n)
		}
	}
}

func TestHTMLEscapes(t *testing.T) {
	text := written(t, HTML, wildReport())
	if !strings.Contains(text, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("the hostile string is not in it")
	}
	for _, c := range []string{"\x1b", "\x00", "\u202e", "ZgotmplZ"} {
		if strings.Contains(text, c) {
			t.Errorf("%q is in it", c)
		}
	}
	if n := strings.Count(text, "</title>"); n != strings.Count(text, "<title") {
		t.Errorf("%d titles end", n)
	}
}

func TestHTMLHasNoFigureThatIsNone(t *testing.T) {
	for _, f := range fixtures {
		if found := regexp.MustCompile(`NaN|[+-]?Inf\b|"-\d[\d.]*%"`).FindString(written(t, HTML, f.make())); found != "" {
			t.Errorf("%s: %s", f.name, found)
		}
	}
}

func TestTimelineOfNothing(t *testing.T) {
	if newTimeline(&Report{Took: time.Second}) != nil {
		t.Error("a run of nothing has a timeline")
	}
	if tl := newTimeline(&Report{Faults: []Band{{Kind: "kill", To: time.Second}}}); tl == nil || len(tl.Charts) != 0 || len(tl.Rows) != 1 {
		t.Errorf("faults alone: %+v", tl)
	}
	if tl := newTimeline(&Report{Slices: []Slice{{Length: time.Second, Published: 3}}}); tl == nil || len(tl.Charts) != 2 || tl.Charts[1].Lines != nil {
		t.Errorf("without latencies: %+v", tl)
	}
}

func TestOneSliceIsALine(t *testing.T) {
	tl := newTimeline(&Report{Slices: []Slice{{Length: 2 * time.Second, Published: 8, P50: ms, P99: 40 * ms}}})
	if got, want := tl.Charts[0].Lines[0].Path, "M0.0 0.0H1000.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(tl.Charts[1].Ticks), "[{100.00% 1ms } {50.00% 10ms } {0.00% 100ms }]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestALatencyThatWasNotMeasuredIsAGap(t *testing.T) {
	slices := []Slice{{Length: 1, P50: 4}, {At: 1, Length: 1}, {At: 2, Length: 1, P50: 2}, {At: 3, Length: 1, P50: 4}}
	got := steps(slices, []float64{4, 0, 2, 4}, 4, scale{high: 4}, false)
	if want := "M0.0 0.0H250.0M500.0 500.0H750.0V0.0H1000.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFaultsOfOneKindShareARow(t *testing.T) {
	rows := newTimeline(fullReport()).Rows
	if len(rows) != 3 || rows[0].Label != "delay b1" || len(rows[0].Bars) != 2 {
		t.Errorf("got %+v", rows)
	}
	wild := newTimeline(wildReport())
	if len(wild.Rows) != faultRows || !strings.HasSuffix(wild.Rows[faultRows-1].Label, "and 9 more") || len(wild.Bands) != 91 {
		t.Errorf("%d rows, %d bands, the last is %q", len(wild.Rows), len(wild.Bands), wild.Rows[len(wild.Rows)-1].Label)
	}
}

func TestAFaultInNoTimeIsSeen(t *testing.T) {
	for from, want := range map[time.Duration]string{0: "[{0.00% 0.20%", time.Second: "[{50.00% 0.20%", 2 * time.Second: "[{99.80% 0.20%"} {
		tl := newTimeline(&Report{Took: 2 * time.Second, Faults: []Band{{Kind: "reset", From: from, To: from}}})
		if got := fmt.Sprint(tl.Bands); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", from, got, want)
		}
	}
}

func TestTimeAxis(t *testing.T) {
	for end, want := range map[time.Duration]string{
		1:                          "0s 1ns",
		30 * ms:                    "0s 5ms 10ms 15ms 20ms 25ms 30ms",
		12345 * ms:                 "0s 2s 4s 6s 8s 10s 12s",
		30 * time.Second:           "0s 5s 10s 15s 20s 25s 30s",
		2 * time.Minute:            "0s 15s 30s 45s 1m 1m15s 1m30s 1m45s 2m",
		1<<63 - 1:                  "0s 555555h33m 1111111h7m 1666666h40m 2222222h13m",
		10*time.Hour + time.Second: "0s 2h 4h 6h 8h 10h",
	} {
		var labels []string
		for _, tick := range timeAxis(end) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != want {
			t.Errorf("%s: got %s, want %s", end, got, want)
		}
	}
}
