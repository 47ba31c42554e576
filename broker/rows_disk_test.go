package broker_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// Row 8. A consumer that keeps up makes nsqd take the file it has just read for a damaged one, and leave 100 MB aside for each file. Ours
// leaves nothing: when everything is finished and synced there are the newest file and journal of each topic.
func TestRow08NoFileIsLeft(t *testing.T) {
	n := newNode(t, smallFiles)
	all := numbered(strings.Repeat("x", 100), 0, 200)
	topics := []string{"t", "u"}
	for _, topic := range topics {
		c, d := n.subscribe(topic+"/c", 1000), n.subscribe(topic+"/d", 1000)
		for i, body := range all {
			n.pub(topic, body)
			c.want(body)
			c.fin(body)
			if i%7 == 6 {
				n.sync()
			}
		}
		d.want(all...)
		d.fin(all...)
	}
	n.sync()
	n.sync() // what the first found to be of no use any more
	if n.disk.Kill(); n.b.Held() != 0 {
		t.Fatalf("%d messages are held", n.b.Held())
	}
	n.wantFiles("nsqd.dat", "t.journal", "t.log", "u.journal", "u.log")
	n.start()
	n.sync()
	n.wantFiles("nsqd.dat", "t.journal", "u.journal")
	for _, topic := range topics {
		n.subscribe(topic+"/c", 1000).want()
	}
}

// Row 8, stragglers: a message that is not finished for long does not keep the file it stands in, which has much that is. It is written once
// more, and neither is lost nor comes twice by that, whenever the broker is killed.
func TestRow08StragglersPinNoFile(t *testing.T) {
	n := newNode(t, func(o *broker.Options) {
		smallFiles(o)
		o.MsgTimeout, o.MaxMsgTimeout = 10*time.Hour, 10*time.Hour
	})
	n.watch()
	c, d := n.subscribe("t/c", 1<<20), n.subscribe("t/d", 1<<20)
	var held []string
	all := numbered(strings.Repeat("x", 60), 10000, 12000) // of 101 bytes each, 20 in a file
	for i, body := range all {
		n.pub("t", body)
		c.want(body)
		d.want(body)
		if d.fin(body); i%20 == 7 {
			held = append(held, body)
		}
	}
	files, err := n.disk.Files("t.*.log")
	n.must(err)
	disks := n.tape()
	c.fin(slices.DeleteFunc(slices.Clone(all), func(body string) bool { return slices.Contains(held, body) })...)
	n.settle()
	owed := int64(len(held) * 101)
	if used := n.used("t.*.log"); len(files) < 95 || used > 8*owed+2*n.opts.MaxBytesPerFile {
		t.Errorf("of %d bytes that are owed in %d files, %d are held when all is quiet", owed, len(files), used)
	}
	for range 100 { // more syncs, for other reasons
		n.must(n.b.Sync(n.now.Add(time.Hour)))
		n.must(n.b.PauseChannel(n.now, "t", "d", false))
	}
	if used := n.used("t.*.log"); used > 8*owed+2*n.opts.MaxBytesPerFile {
		t.Errorf("of %d bytes that are owed %d are held in the end", owed, used)
	}
	for i, disk := range append(*disks, n.disk.Clone()) {
		if i%31 != 0 {
			continue
		}
		after := n.on(disk)
		after.subscribe("t/d", 1<<20).want()
		got := after.subscribe("t/c", 1<<20).got()
		slices.Sort(got)
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("killed at the operation %d it delivers some twice: %.300q", i, got)
		}
		for _, body := range held {
			if !slices.Contains(got, body+"#2") {
				t.Fatalf("killed at the operation %d it does not deliver %.80q", i, body)
			}
		}
	}
	c.fin(held...)
	n.settle()
	if files, err := n.disk.Files("t.*.log"); err != nil || len(files) > 1 {
		t.Errorf("when everything is finished there are %q, %v", files, err)
	}
}

// Row 8, damage: a file of which a message could not be read goes like any other.
func TestRow08DamagedFileGoes(t *testing.T) {
	const size = 5000 // four in a file, and more in all than is kept in memory
	n := newNode(t, func(o *broker.Options) { o.MaxBytesPerFile = 4 * size })
	bodies := numbered(strings.Repeat("x", size-recordHead-3), 100, 200)
	c := n.subscribe("t/c", 0)
	n.pub("t", bodies...)
	files, err := n.disk.Files("t.*.log")
	n.must(err)
	n.must(n.disk.FlipBit(files[1], 8*(size+99)))
	c.say("RDY 1000\n")
	got := c.got()
	if len(got) != len(bodies)-1 {
		t.Fatalf("%d of %d came", len(got), len(bodies))
	}
	c.fin(got...)
	n.settle()
	left, err := n.disk.Files("t.*.log")
	n.must(err)
	if n.b.Held() != 0 || slices.Contains(left, files[1]) {
		t.Errorf("%d messages are held, and there are %q", n.b.Held(), left)
	}
}

// settle has the broker sync as often as it asks for, as a daemon does, until it asks no more.
func (n *node) settle() {
	n.t.Helper()
	for range 1000 {
		next := n.b.NextSync()
		if next.IsZero() {
			return
		}
		if next.After(n.now) {
			n.now = next
		}
		n.must(n.b.Sync(n.now))
	}
	n.t.Fatal("it asks for a sync again and again")
}

// Row 10. When the disk is full nsqd's topic logs that a channel's copy could not be made, and that channel misses the message; temporary
// files pile up, and the health is that of whichever queue wrote last. Ours refuses the publication, which then is nowhere; consumers go
// on and make room; and it recovers by itself.
func TestRow10DiskFull(t *testing.T) {
	for room := int64(0); room < 1200; room += 93 {
		n := newNode(t, smallFiles)
		c, d := n.subscribe("t/c", 1000), n.subscribe("t/d", 0)
		acked := numbered(strings.Repeat("x", 100), 0, 50)
		n.pub("t", acked...)
		n.pub("u", "elsewhere")
		n.sync()
		c.want(acked...)
		full := n.disk.Fill(room)
		more := n.publishUntilRefused()
		c.want(more...)
		acked = append(acked, more...)
		if health := n.b.Health(); !strings.HasPrefix(health, "NOK - topic t: ") {
			t.Fatalf("health is %q", health)
		}
		killed := n.on(n.disk.Clone())
		killed.disk.ClearFaults()
		killed.subscribe("t/d", 1000).want(acked...)

		c.fin(acked...)
		d.say("RDY 1000\n")
		d.want(acked...)
		d.fin(acked...)
		n.attend(5 * time.Second) // consumers have made room
		n.pub("t", "goes on")
		full.Clear()
		n.pass(time.Second)
		n.pub("t", "well again")
		n.sync()
		if health := n.b.Health(); health != "OK" {
			t.Fatalf("health is %q", health)
		}
		late := []string{"goes on", "well again"}
		c.want(late...)
		d.want(late...)
		for _, channel := range []string{"t/c", "t/d"} {
			n.on(n.disk.Clone()).subscribe(channel, 1000).want(again(late)...)
		}
		if temporary, err := n.disk.Files("*.tmp"); err != nil || len(temporary) > 0 {
			t.Fatalf("left: %q, %v", temporary, err)
		}
	}
}

// Row 10, a topic to which nothing is done any more: it is well again when its disk is.
func TestRow10IdleTopicRecovers(t *testing.T) {
	n := newNode(t, nil)
	c := n.subscribe("t/c", 10)
	n.pub("t", "a", "b")
	n.sync()
	c.want("a", "b")
	full := n.disk.Fill(0)
	c.fin("a")
	n.must(n.b.CreateTopic(n.now, "new"))
	n.attend(5 * time.Second)
	full.Clear()
	n.attend(30 * time.Second)
	if health := n.b.Health(); health != "OK" {
		t.Errorf("half a minute after there was room again, health is %q", health)
	}
	n.kill()
	n.subscribe("t/c", 10).want("b#2")
}

// attend lets time go by with all that a daemon does meanwhile, whatever a sync says.
func (n *node) attend(d time.Duration) {
	for end := n.now.Add(d); n.now.Before(end); {
		n.pass(100 * time.Millisecond)
		if next := n.b.NextSync(); !next.IsZero() && !n.now.Before(next) {
			_ = n.b.Sync(n.now)
		}
	}
}

// publishUntilRefused publishes to t until the disk is full, and gives what was acknowledged.
func (n *node) publishUntilRefused() (acked []string) {
	n.t.Helper()
	p := n.connect()
	for i := range 1000 {
		body := fmt.Sprintf("%d more %s", i, strings.Repeat("x", 200))
		if p.try("PUB t\n%s", sized(body)) != nil {
			break
		}
		p.want("OK")
		acked = append(acked, body)
	}
	if got := p.got(); len(got) != 1 || !strings.HasPrefix(got[0], "E_PUB_FAILED PUB failed ") {
		n.t.Fatalf("the publisher was told %q", got)
	}
	return acked
}

// Row 24. When one message of an MPUB cannot be written nsqd keeps those before it, tells the publisher that all failed, and gets them
// once more. Ours has all of them or none: on a disk that fills up anywhere in between, and after a power cut.
func TestRow24MPubIsWhole(t *testing.T) {
	three := numbered("part", 0, 3)
	const size = 3 * (recordHead + 5)
	body := string(binary.BigEndian.AppendUint32(nil, 3)) + sized(three[0]) + sized(three[1]) + sized(three[2])
	for room := range int64(size + 20) {
		n := newNode(t, nil)
		c := n.subscribe("t/c", 100)
		n.pub("t", "before")
		n.disk.Fill(room)
		p := n.connect()
		err := p.try("MPUB t\n%s", sized(body))
		want := []string{"before"}
		if p.got(); err == nil {
			want = append(want, three...)
		} else if room >= size {
			t.Fatalf("with room for %d bytes: %v", room, err)
		}
		c.want(want...)
		n.disk.ClearFaults()
		n.pass(time.Second)
		n.pub("t", "after")
		c.want("after")
		want = append(want, "after")
		n.kill()
		got := n.subscribe("t/c", 100).got()
		for i := range got { // what could not be written of an attempt does not count
			got[i] = strings.TrimSuffix(got[i], "#2")
		}
		if !slices.Equal(got, want) {
			t.Fatalf("with room for %d bytes there is %q after a kill, want %q", room, got, want)
		}
	}

	n := newNode(t, byFsync)
	n.pub("t", "before")
	n.must(n.b.CreateChannel(n.now, "t", "c"))
	n.sync()
	long := strings.Repeat("x", 300) // so that a sector may be left without the next
	a := n.publish("t", 0, "1"+long, "2"+long, "3"+long)
	some := map[int]int{}
	for after := range n.cuts() {
		some[len(after.subscribe("t/c", 100).got())]++
	}
	if a.told || some[1] == 0 || some[1+3] == 0 || len(some) != 2 {
		t.Fatalf("of before and the three there were so many, so often: %v", some)
	}
	n.sync()
	n.acknowledged(a)
	for after := range n.cuts() {
		if got := after.subscribe("t/c", 100).got(); len(got) != 4 {
			t.Fatalf("%d messages are left", len(got))
		}
	}
}
