package scenarios

import (
	"fmt"
	"slices"
	"testing"
)

// TestMinimize shortens lists under oracles that say which part will do, to one of which no item can be left out.
func TestMinimize(t *testing.T) {
	numbers := func(n int) (all []int) {
		for i := range n {
			all = append(all, i)
		}
		return all
	}
	has := func(want ...int) func([]int) bool {
		return func(part []int) bool {
			return !slices.ContainsFunc(want, func(n int) bool { return !slices.Contains(part, n) })
		}
	}
	for _, c := range []struct {
		name  string
		of    int
		do    func([]int) bool
		want  []int
		asked int // at most
	}{
		{"nothing is needed", 100, has(), nil, 1},
		{"there is nothing", 0, has(), nil, 0},
		{"one of one", 1, has(0), []int{0}, 1},
		{"one of two", 2, has(1), []int{1}, 3},
		{"one of many", 1000, has(617), []int{617}, 40},
		{"two far apart", 10, has(3, 7), []int{3, 7}, 60},
		{"two together", 64, has(20, 21), []int{20, 21}, 60},
		{"all", 8, has(numbers(8)...), numbers(8), 40},
		{"any three", 50, func(part []int) bool { return len(part) >= 3 }, []int{1, 2, 3}, 40},
		{"an even number of them, with 5", 16, func(part []int) bool { return len(part)%2 == 0 && slices.Contains(part, 5) }, []int{4, 5}, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			got := minimize(numbers(c.of), func(parts [][]int) int {
				for i, p := range parts {
					asked++
					if c.do(p) {
						return i
					}
				}
				return -1
			})
			if fmt.Sprint(got) != fmt.Sprint(c.want) || asked > c.asked {
				t.Errorf("got %v after %d questions, want %v after %d at most", got, asked, c.want, c.asked)
			}
		})
	}
}

// TestPublish sets rates that give as many messages as were asked for, in few figures.
func TestPublish(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 10, 99, 1234} {
		p := &Producer{Rate: 500, For: 3700e6, To: []string{"b1", "b2"}, Clients: 1}
		p.publish(n)
		if got := p.messages(); got != max(n, 2) {
			t.Errorf("%d messages at %v/s, want %d", got, p.Rate, n)
		}
	}
}
