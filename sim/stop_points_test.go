package sim

import "testing"

// TestStopMeetsPoints stops a broker that comes to a point as it does what waited for the end of a pause, or as it saves: it was killed there, and
// is down.
func TestStopMeetsPoints(t *testing.T) {
	for _, p := range PointUsages {
		for _, flags := range [][]string{nil, {"--durability=memory"}, {"--durability=fsync"}} {
			for _, paused := range []bool{false, true} {
				t.Run(string(p.Point), func(t *testing.T) {
					s := newShop(t, flags...)
					s.w.Run(500 * ms)
					if paused {
						must(t, s.w.Pause("b1"))
						s.w.Run(300 * ms)
						must(t, s.w.Resume("b1"))
					}
					killed := 0
					remove, err := s.w.Trip("b1", p.Point, 1, func() {
						killed++
						must(t, s.w.Kill("b1"))
					})
					must(t, err)
					err = s.w.Stop("b1")
					remove()
					if err == nil == (killed > 0) {
						t.Errorf("killed %d times; Stop: %v", killed, err)
					}
					if s.w.node("b1").life != nil {
						t.Error("it is up")
					}
					must(t, s.w.Start("b1"))
					s.w.Run(5000 * ms)
					for body := range s.acked {
						if s.came[body] == 0 && flags == nil {
							t.Errorf("%s is lost", body)
						}
					}
				})
			}
		}
	}
}
