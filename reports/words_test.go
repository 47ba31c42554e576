package reports

import (
	"math"
	"testing"
	"time"
)

func TestHuman(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"}, {1, "1ns"}, {999, "999ns"}, {12345, "12.3µs"}, {999_950, "1ms"}, {1_234_567, "1.23ms"}, {412 * time.Microsecond, "412µs"},
		{3400 * ms, "3.4s"}, {59_960 * ms, "1m"}, {100 * time.Second, "1m40s"}, {600 * time.Second, "10m"}, {1200 * time.Second, "20m"},
		{90_400 * ms, "1m30s"}, {time.Hour, "1h"}, {2*time.Hour + 5*time.Minute + 29*time.Second, "2h5m"}, {10*time.Hour + 10*time.Minute, "10h10m"},
		{-3400 * ms, "-3.4s"}, {math.MaxInt64, "2562047h47m"}, {math.MinInt64, "-2562047h47m"},
	} {
		if got := human(c.d); got != c.want {
			t.Errorf("%d: got %s, want %s", c.d, got, c.want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.5: "0.5", 199: "199", 199.4: "199", 999.7: "1k", 1234: "1.23k", 25_000: "25k", 3_450_000: "3.45M"} {
		if got := short(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for s, want := range map[string]string{
		"as it is: é 漢 –": "as it is: é 漢 –", "a\nb\tc": "a b c", "\x1b[2J": "\ufffd[2J", "\u202eabc": "\ufffdabc", "\x00": "\ufffd", "\xff": "\ufffd", "\ufffe": "\ufffd",
	} {
		if got := plain(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for v, want := range map[Validity]string{Valid: "HELD", Licensed: "HELD, WITH LICENSED LOSS", Unknown: "UNKNOWN", Invalid: "VIOLATED", "": "UNKNOWN", "odd": "UNKNOWN"} {
		if got := verdict(v); got != want {
			t.Errorf("%q: got %s, want %s", v, got, want)
		}
	}
	if word("odd") != "unknown" || word(Licensed) != "licensed" {
		t.Error("a word is not its validity's")
	}
}
