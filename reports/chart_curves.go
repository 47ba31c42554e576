package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A scale places a value between the foot of a chart, 0, and its top, 1.
type scale struct {
	low, high float64 // low is 0 if it is linear
	log       bool
}

func (s scale) place(v float64) float64 {
	if s.log {
		v, s.low, s.high = math.Log10(v), math.Log10(s.low), math.Log10(s.high)
	}
	return min(max((v-s.low)/(s.high-s.low), 0), 1)
}

func throughputChart(slices []Slice, end time.Duration) chart {
	c := chart{ID: "throughput", Title: "Throughput, messages a second"}
	figures := []struct {
		name string
		of   func(Slice) int
	}{
		{"published", func(s Slice) int { return s.Published }},
		{"acknowledged", func(s Slice) int { return s.Acknowledged }},
		{"delivered", func(s Slice) int { return s.Delivered }},
	}
	var all [][]float64
	top := 0.0
	for _, f := range figures {
		var values []float64
		for _, s := range slices {
			v := perSecond(f.of(s), s.Length)
			values = append(values, v)
			top = max(top, v)
		}
		all = append(all, values)
	}
	s, ticks := linear(top, 0, short)
	c.Ticks = ticks
	var about []string
	for i, f := range figures {
		c.Lines = append(c.Lines, curve{Name: f.name, Class: f.name, Path: steps(slices, all[i], end, s, true)})
		about = append(about, fmt.Sprintf("%s up to %s a second", f.name, short(most(all[i]))))
	}
	c.About = strings.Join(about, ", ") + "."
	return c
}

func latencyChart(slices []Slice, end time.Duration) chart {
	c := chart{ID: "latency", Title: "Latency to the first delivery"}
	var p50, p99 []float64
	low, high := math.Inf(1), 0.0
	for _, s := range slices {
		p50 = append(p50, float64(s.P50))
		p99 = append(p99, float64(s.P99))
		for _, v := range []float64{float64(s.P50), float64(s.P99)} {
			if v > 0 {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if high == 0 {
		c.About = "Nothing was measured."
		return c
	}
	var s scale
	if high >= 10*low {
		c.Title += ", logarithmic"
		s, c.Ticks = logarithmic(low, high)
	} else {
		s, c.Ticks = linear(high, 1, func(v float64) string { return human(time.Duration(v)) })
	}
	for _, l := range []struct {
		name   string
		values []float64
	}{{"p50", p50}, {"p99", p99}} {
		c.Lines = append(c.Lines, curve{Name: l.name, Class: l.name, Path: steps(slices, l.values, end, s, false)})
	}
	c.About = fmt.Sprintf("p50 up to %s, p99 up to %s.", human(time.Duration(most(p50))), human(time.Duration(most(p99))))
	return c
}

func most(values []float64) float64 {
	m := 0.0
	for _, v := range values {
		m = max(m, v)
	}
	return m
}

// perSecond is a count by the second; zero in no time.
func perSecond(n int, d time.Duration) float64 {
	if d <= 0 || n < 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// short writes a figure with three digits: "950", "1.2k", "3.45M".
func short(v float64) string {
	unit := ""
	for _, u := range []string{"k", "M", "G"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, u
	}
	if v >= 100 {
		v = math.Round(v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + unit
}

// linear is a scale from zero to a round value not under top, with its marks, which are not closer than least.
func linear(top, least float64, label func(float64) string) (scale, []tick) {
	if top <= 0 {
		top = 1
	}
	step := max(roundUp(top/valueTicks), least)
	n := math.Ceil(top/step - 1e-9)
	s := scale{high: n * step}
	var ticks []tick
	for i := 0.0; i <= n; i++ {
		ticks = append(ticks, tick{At: percent(1 - i/n), Label: label(i * step)})
	}
	return s, ticks
}

// logarithmic is a scale of whole powers of ten, with a mark at each, or at every second one if they are many.
func logarithmic(low, high float64) (scale, []tick) {
	from, to := math.Floor(math.Log10(low)+1e-9), math.Ceil(math.Log10(high)-1e-9)
	s := scale{low: math.Pow(10, from), high: math.Pow(10, to), log: true}
	every := 1 + math.Floor((to-from)/(valueTicks+2))
	var ticks []tick
	for p := from; p <= to; p += every {
		v := math.Pow(10, p)
		ticks = append(ticks, tick{At: percent(1 - s.place(v)), Label: human(time.Duration(v))})
	}
	return s, ticks
}

// steps draws a value for each slice. Where zero is no figure, as of a latency that was not measured, it leaves a gap.
func steps(slices []Slice, values []float64, end time.Duration, s scale, zero bool) string {
	var b strings.Builder
	pen := false
	for i, v := range values {
		if v <= 0 && !zero {
			pen = false
			continue
		}
		x, to, y := 1000*share(slices[i].At, end), 1000*share(slices[i].At+slices[i].Length, end), 1000*(1-s.place(v))
		if pen {
			fmt.Fprintf(&b, "V%.1f", y)
		} else {
			fmt.Fprintf(&b, "M%.1f %.1f", x, y)
		}
		fmt.Fprintf(&b, "H%.1f", to)
		pen = true
	}
	return b.String()
}

// sliceFigures tells a slice in words.
func sliceFigures(s Slice) string {
	text := fmt.Sprintf("%s to %s, a second: %s published, %s acknowledged, %s delivered", moment(s.At), moment(s.At+s.Length),
		short(perSecond(s.Published, s.Length)), short(perSecond(s.Acknowledged, s.Length)), short(perSecond(s.Delivered, s.Length)))
	if s.P99 > 0 {
		text += fmt.Sprintf("; p50 %s, p99 %s", human(s.P50), human(s.P99))
	}
	return text
}
