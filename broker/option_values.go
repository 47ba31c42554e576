package broker

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TopologyAware is the experiment in which consumers of the broker's own zone, and then of its region, go before others.
const TopologyAware = "topology-aware-consumption"

// Experiments are the names of what is tried out; those that are not known have no effect, as in nsqd.
type Experiments []string

// String implements flag.Value.
func (e *Experiments) String() string { return strings.Join(*e, ",") }

// Set implements flag.Value: it adds one name.
func (e *Experiments) Set(name string) error {
	*e = append(*e, name)
	return nil
}

// Percentiles are fractions above 0 and up to 1, the largest first.
type Percentiles []float64

// String implements flag.Value.
func (p *Percentiles) String() string {
	words := make([]string, 0, len(*p))
	for _, v := range *p {
		words = append(words, strconv.FormatFloat(v, 'f', -1, 64))
	}
	return strings.Join(words, ",")
}

// Set implements flag.Value: one fraction, or several with commas; it adds to what was set before.
func (p *Percentiles) Set(s string) error {
	for word := range strings.SplitSeq(s, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || !(v > 0 && v <= 1) {
			return fmt.Errorf("%q: want a number above 0 and up to 1", word)
		}
		*p = append(*p, v)
	}
	slices.SortFunc(*p, func(a, b float64) int { return cmp.Compare(b, a) })
	return nil
}
