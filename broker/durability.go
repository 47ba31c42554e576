package broker

import (
	"fmt"
	"slices"
	"strings"
)

// A Durability is what OK promises to a publisher.
type Durability string

// The words of durability.
const (
	Memory Durability = "memory" // nothing: messages are written when too many wait, and on a clean stop
	OS     Durability = "os"     // the operating system has it: the end of the process loses nothing
	Fsync  Durability = "fsync"  // the disk has it: the end of the machine loses nothing
)

var durabilities = []string{string(Memory), string(OS), string(Fsync)}

// String implements flag.Value.
func (d *Durability) String() string { return string(*d) }

// Set implements flag.Value.
func (d *Durability) Set(word string) error {
	if !slices.Contains(durabilities, word) {
		return fmt.Errorf("want %s", strings.Join(durabilities, ", "))
	}
	*d = Durability(word)
	return nil
}

// durability is that of a topic.
func (o *Options) durability(topic string) Durability {
	if d, ok := o.TopicDurability[topic]; ok {
		return d
	}
	if o.SyncEvery == 1 {
		return Fsync
	}
	return o.Durability
}

// TopicDurability is the durability of the topics that have one of their own.
type TopicDurability map[string]Durability

// String implements flag.Value.
func (t *TopicDurability) String() string {
	var all []string
	for name, d := range *t {
		all = append(all, name+"="+string(d))
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// Set implements flag.Value: topic=word, or several with commas; it adds to what was set before.
func (t *TopicDurability) Set(s string) error {
	for pair := range strings.SplitSeq(s, ",") {
		name, word, _ := strings.Cut(pair, "=")
		var d Durability
		if err := d.Set(word); err != nil || !ValidName(name) {
			return fmt.Errorf("%q: want topic=durability, with a valid topic name and %s", pair, strings.Join(durabilities, ", "))
		}
		if *t == nil {
			*t = TopicDurability{}
		}
		(*t)[name] = d
	}
	return nil
}
