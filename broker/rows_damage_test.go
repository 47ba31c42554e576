package broker_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// recordHead is how many bytes stand before a message's body in a log.
const recordHead = 36

// logOf gives a topic's only file of messages.
func (n *node) logOf(topic string) string {
	n.t.Helper()
	files, err := n.disk.Files(topic + ".*.log")
	n.must(err)
	if len(files) != 1 {
		n.t.Fatalf("the files of %s are %q", topic, files)
	}
	return files[0]
}

// Row 7. nsqd sets aside the rest of a data file, up to 100 MB, when a record's length is wrong in it, and does not see other damage.
// Ours has a sum in each record: whichever bit is flipped, that message is lost and no other, and where it stood is told.
func TestRow07FlippedBit(t *testing.T) {
	five := numbered("m", 0, 5)
	n := newNode(t, nil)
	n.must(n.b.CreateTopic(n.now, "t"))
	n.must(n.b.CreateChannel(n.now, "t", "c"))
	n.pub("t", five...)
	n.stop()
	file := n.logOf("t")
	var base int64
	if _, err := fmt.Sscanf(strings.TrimPrefix(file, "t."), "%x", &base); err != nil {
		t.Fatal(err)
	}
	const size = recordHead + 2
	for bit := range int64(4 * size * 8) { // the last is for TestRow07FlippedBitInTheLast
		lost := bit / 8 / size
		if lost != 2 && bit%97 != 0 {
			continue
		}
		disk := n.disk.Clone()
		n.must(disk.FlipBit(file, bit))
		after := n.on(disk)
		told := fmt.Sprintf("%d to %d", base+lost*size, base+(lost+1)*size)
		if w := after.b.Warnings(); len(w) != 1 || !strings.Contains(w[0], told) {
			t.Fatalf("bit %d: warnings are %q, want %q", bit, w, told)
		}
		if health := after.b.Health(); health != "OK, but offsets were lost: t from "+told {
			t.Fatalf("bit %d: health is %q", bit, health)
		}
		after.wantCounts("t/c", 4, 0, 0)
		after.subscribe("t/c", 10).want(slices.Delete(slices.Clone(five), int(lost), int(lost)+1)...)
	}
}

// Row 7, the last message: it is lost like any other, though the log ends with it, and was acknowledged.
func TestRow07FlippedBitInTheLast(t *testing.T) {
	n := newNode(t, nil)
	n.pub("t", numbered("m", 0, 5)...)
	n.stop()
	n.must(n.disk.FlipBit(n.logOf("t"), 8*4*(recordHead+2)))
	n.start()
	if health := n.b.Health(); !strings.HasPrefix(health, "OK, but offsets were lost: t from ") {
		t.Errorf("health is %q, and the warnings are %q", health, n.b.Warnings())
	}
	c := n.subscribe("t/c", 10)
	c.want(numbered("m", 0, 4)...)
	n.pub("t", "new")
	c.want("new")
}

// Row 7, as it runs: damage that comes about under a broker's feet costs that message, when it is its turn, and stops nobody.
func TestRow07FlippedBitWhileItRuns(t *testing.T) {
	const size = 5000 // more in all than is kept in memory
	bodies := numbered(strings.Repeat("x", size-recordHead-3), 100, 200)
	n := newNode(t, nil)
	n.must(n.b.CreateTopic(n.now, "t"))
	n.must(n.b.CreateChannel(n.now, "t", "c"))
	n.must(n.b.CreateChannel(n.now, "t", "d"))
	n.pub("t", bodies...)
	n.must(n.disk.FlipBit(n.logOf("t"), 8*(7*size+99)))
	var clients []*client
	for _, channel := range []string{"t/c", "t/d"} {
		c := n.subscribe(channel, 1)
		clients = append(clients, c)
		for i, body := range bodies {
			if i != 7 {
				c.want(body)
				c.fin(body)
			}
		}
		n.wantCounts(channel, 0, 0, 0)
	}
	n.pub("t", "new")
	for _, c := range clients {
		c.want("new")
	}
	if health := n.b.Health(); !regexp.MustCompile(`^OK, but offsets were lost: t from \d+ to \d+$`).MatchString(health) {
		t.Errorf("health is %q", health)
	}
}

// Row 7, the journal: damage to it may bring back what was finished, which is told; it loses neither a message nor a channel.
func TestRow07FlippedBitInTheJournal(t *testing.T) {
	n := newNode(t, nil)
	c, d := n.subscribe("t/c", 10), n.subscribe("t/d", 1)
	n.pub("t", "a", "b")
	n.dpub("t", time.Hour, "later")
	c.want("a", "b")
	d.want("a")
	c.fin("a")
	n.sync()
	files, err := n.disk.Files("t.*.journal")
	n.must(err)
	if len(files) != 1 {
		t.Fatalf("the journals are %q", files)
	}
	size, err := n.disk.Size(files[0])
	n.must(err)
	silent := 0
	for bit := int64(0); bit < 8*size; bit += 7 {
		disk := n.disk.Clone()
		n.must(disk.FlipBit(files[0], bit))
		after := n.on(disk)
		if len(after.b.Warnings()) == 0 {
			silent++
		}
		for _, channel := range []string{"t/c", "t/d"} {
			var got []string
			for _, m := range after.subscribe(channel, 10).got() {
				got = append(got, strings.TrimSuffix(m, "#2"))
			}
			deferred := after.channel(channel).Deferred
			finished := channel == "t/c" && !slices.Contains(got, "a")
			if slices.Sort(got); deferred != 1 || !slices.Equal(got, []string{"a", "b"}) && !(finished && slices.Equal(got, []string{"b"})) {
				t.Fatalf("bit %d of %d: %s got %q, and %d are deferred", bit, 8*size, channel, got, deferred)
			}
		}
	}
	if silent > 0 {
		t.Errorf("there is no warning for %d of %d flipped bits", silent, (8*size+6)/7)
	}
}

// Row 9. nsqd's depth stays too high after a record that it cannot read, until all is read. Ours is right as soon as the damage is seen:
// at the start, or when a reader comes to it.
func TestRow09DepthAfterDamage(t *testing.T) {
	const size = 5000
	bodies := numbered(strings.Repeat("x", size-recordHead-3), 100, 150)
	n := newNode(t, nil)
	n.must(n.b.CreateTopic(n.now, "t"))
	n.must(n.b.CreateChannel(n.now, "t", "c"))
	n.pub("t", bodies...)
	n.must(n.disk.FlipBit(n.logOf("t"), 8*(3*size+50)))
	n.must(n.disk.FlipBit(n.logOf("t"), 8*(9*size+50)))

	again := n.on(n.disk.Clone())
	again.wantCounts("t/c", 48, 0, 0)
	n.wantCounts("t/c", 50, 0, 0) // nobody was there yet
	c := n.subscribe("t/c", 3)
	n.wantCounts("t/c", 47, 3, 0)
	c.say("RDY 4\n") // the fourth message cannot be read, and the search for what can be finds the other damage too
	n.wantCounts("t/c", 44, 4, 0)
	n.pub("t", "new")
	n.wantCounts("t/c", 45, 4, 0)
	c.say("RDY 100\n")
	n.wantCounts("t/c", 0, 49, 0)
	got := c.got()
	c.fin(got...)
	n.wantCounts("t/c", 0, 0, 0)
	if want := slices.Concat(bodies[:3], bodies[4:9], bodies[10:], []string{"new"}); !slices.Equal(got, want) {
		t.Fatalf("got %.300q", got)
	}
}

// Row 23. nsqd does not start with an nsqd.dat that is empty or damaged. Ours starts, says so, and has topics, channels and pauses from the
// journals; nsqd.dat is then whole again.
func TestRow23DamagedMetadata(t *testing.T) {
	n := newNode(t, nil)
	n.must(n.b.CreateTopic(n.now, "t"))
	for _, channel := range []string{"c", "paused"} {
		n.must(n.b.CreateChannel(n.now, "t", channel))
	}
	n.must(n.b.PauseChannel(n.now, "t", "paused", true))
	n.must(n.b.CreateTopic(n.now, "asleep"))
	n.must(n.b.PauseTopic(n.now, "asleep", true))
	n.pub("t", "m")
	n.pub("asleep", "n")
	n.stop()
	whole, err := n.disk.ReadFile("nsqd.dat")
	n.must(err)

	check := func(warns bool, damage string, change func(*sim.Disk)) {
		t.Helper()
		disk := n.disk.Clone()
		change(disk)
		after := n.on(disk)
		if w := after.b.Warnings(); warns != (len(w) == 1 && strings.HasPrefix(w[0], "nsqd.dat: ")) {
			t.Fatalf("%s: the warnings are %q", damage, w)
		}
		after.wantCounts("t/c", 1, 0, 0)
		after.wantCounts("t/paused", 1, 0, 0)
		if !after.channel("t/paused").Paused || after.channel("t/c").Paused || !after.topic("asleep").Paused || after.topic("asleep").Depth != 1 {
			t.Fatalf("%s: %+v", damage, after.b.Stats().Topics)
		}
		after.subscribe("t/c", 1).want("m")
		if p, err := disk.ReadFile("nsqd.dat"); err != nil || len(p) < len(whole)-2 || !strings.Contains(string(p), `"asleep"`) {
			t.Fatalf("%s: nsqd.dat is %q, %v", damage, p, err)
		}
	}
	check(false, "missing", func(d *sim.Disk) { n.must(d.Remove("nsqd.dat")) })
	for size := range len(whole) {
		check(true, fmt.Sprint("cut off at ", size), func(d *sim.Disk) { n.must(d.Truncate("nsqd.dat", int64(size))) })
	}
	check(true, "zeros", func(d *sim.Disk) { d.WriteFile("nsqd.dat", make([]byte, 4096)) })
	check(true, "of something else", func(d *sim.Disk) { d.WriteFile("nsqd.dat", []byte("<html>")) })
}
