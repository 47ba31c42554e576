package broker

import "slices"

// A locality is how near a consumer is to the broker. Without the experiment all are elsewhere.
type locality int

const (
	sameZone locality = iota
	sameRegion
	elsewhere
	localities
)

// findLocality compares where the client says it stands with where the broker does. Names that are both empty are equal, as in nsqd.
func (s *Session) findLocality() locality {
	o := &s.broker.opts
	switch {
	case !slices.Contains(o.Experiments, TopologyAware):
		return elsewhere
	case s.client.TopologyZone == o.TopologyZone:
		return sameZone
	case s.client.TopologyRegion == o.TopologyRegion:
		return sameRegion
	}
	return elsewhere
}

// turns are the consumers of a channel that can take one more message: the nearest go first, and those that are equally near by turns.
type turns [localities]queue[*Session]

// next gives those whose turn it is, or nil if there is nobody.
func (t *turns) next() *queue[*Session] {
	for i := range t {
		if t[i].len() > 0 {
			return &t[i]
		}
	}
	return nil
}

// LocalityCounts are messages that were sent to consumers, by where those are; all are global without the experiment.
type LocalityCounts struct {
	ZoneLocal   uint64 // to those of the broker's zone
	RegionLocal uint64 // to others of its region
	Global      uint64 // to the rest
}

// add counts messages to a consumer.
func (n *LocalityCounts) add(l locality, messages uint64) {
	switch l {
	case sameZone:
		n.ZoneLocal += messages
	case sameRegion:
		n.RegionLocal += messages
	default:
		n.Global += messages
	}
}
