package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A ledger knows of each message what became of it. Safe from any goroutine.
type ledger struct {
	mu         sync.Mutex
	run        int     // the how manieth daemon runs
	all        []entry // by number
	open       int     // messages that are acknowledged and not finished, once a channel
	moved      time.Time
	wrong      []string // what should not have come
	deliveries int
	repeated   int // of them, of a message that was finished
}

// An entry is a message. The bits of what channels did stand in the order of the topic's channels.
type entry struct {
	topic    string
	run      int // that it was published in
	deferral time.Duration
	acked    bool
	got      uint8 // channels that it came to
	finished uint8 // channels that have said FIN, though it may not have arrived
}

func newLedger() *ledger { return &ledger{moved: time.Now()} }

// begin notes that the next daemon runs.
func (l *ledger) begin(run int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run, l.moved = run, time.Now()
}

// add makes the body of a message that is about to be published: its number, a checksum, and then some.
func (l *ledger) add(topic string, deferral time.Duration) (number uint64, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	number = uint64(len(l.all))
	l.all = append(l.all, entry{topic: topic, run: l.run, deferral: deferral})
	body = binary.BigEndian.AppendUint64(nil, number)
	body = append(body, 0, 0, 0, 0)
	for range padding() {
		body = append(body, byte(number))
	}
	binary.BigEndian.PutUint32(body[8:], checksum(topic, body))
	return number, body
}

// padding is how many bytes a body has beyond what it must: mostly few.
func padding() int {
	if rand.IntN(50) == 0 {
		return rand.IntN(20_000)
	}
	return rand.IntN(200)
}

// checksum is of the topic and of all of a body but the checksum.
func checksum(topic string, body []byte) uint32 {
	sum := crc32.Update(0, crc32.MakeTable(crc32.Castagnoli), []byte(topic))
	sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), body[:8])
	return crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), body[12:])
}

// acknowledge notes that OK has come for a message.
func (l *ledger) acknowledge(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &l.all[number]
	e.acked = true
	for i := range channelsOf(e.topic) {
		if e.finished&(1<<i) == 0 {
			l.open++
		}
	}
}

// deliver notes that a body has come to a topic's channel; it is not ok if nobody has published it.
func (l *ledger) deliver(topic string, channel int, body []byte) (number uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deliveries++
	l.moved = time.Now()
	if len(body) < 12 || binary.BigEndian.Uint32(body[8:]) != checksum(topic, body) {
		l.complain("%s got %d bytes that nobody has published: %.40x", name(topic, channel), len(body), body)
		return 0, false
	}
	number = binary.BigEndian.Uint64(body)
	if number >= uint64(len(l.all)) || l.all[number].topic != topic {
		l.complain("%s got message %d, which nobody has published there", name(topic, channel), number)
		return 0, false
	}
	l.all[number].got |= 1 << channel
	return number, true
}

// finish notes that a channel's FIN is about to be sent.
func (l *ledger) finish(number uint64, channel int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &l.all[number]
	if e.finished&(1<<channel) != 0 {
		l.repeated++
		return
	}
	e.finished |= 1 << channel
	if e.acked {
		l.open--
	}
}

// note notes something else that should not have come.
func (l *ledger) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complain(format, args...)
}

// complain notes something that should not have come. Needs mu.
func (l *ledger) complain(format string, args ...any) {
	if len(l.wrong) < fewEnough {
		l.wrong = append(l.wrong, fmt.Sprintf("before kill %d ", l.run)+fmt.Sprintf(format, args...))
	}
}

// settled says that no message is waited for, or that none has come for long.
func (l *ledger) settled(long time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open == 0 || time.Since(l.moved) > long
}

// behind is how many messages wait for their FINs.
func (l *ledger) behind() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// published is how many messages were acknowledged.
func (l *ledger) published() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.all {
		if e.acked {
			n++
		}
	}
	return n
}

// fewEnough is how many findings are told one by one.
const fewEnough = 20

// lost tells of what was acknowledged and has not been finished everywhere.
func (l *ledger) lost() (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := 0
	for number, e := range l.all {
		if !e.acked {
			continue
		}
		var fates []string
		for i, c := range channelsOf(e.topic) {
			switch {
			case e.finished&(1<<i) != 0:
			case e.got&(1<<i) != 0:
				fates = append(fates, c+" got it, did not finish it, and did not get it again")
			default:
				fates = append(fates, c+" never got it")
			}
		}
		if len(fates) == 0 {
			continue
		}
		if total++; total <= fewEnough {
			how := ""
			if e.deferral > 0 {
				how = fmt.Sprintf(", deferred by %s", e.deferral)
			}
			lines = append(lines, fmt.Sprintf("lost: message %d of %s, acknowledged before kill %d%s: %s", number, e.topic, e.run, how, strings.Join(fates, "; ")))
		}
	}
	if total > fewEnough {
		lines = append(lines, fmt.Sprintf("lost: %d messages in all", total))
	}
	return lines
}

// channelsOf are the channels of a topic.
func channelsOf(topic string) []string {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.topic == topic })
	return kinds[i].channels
}

func name(topic string, channel int) string { return topic + "/" + channelsOf(topic)[channel] }

// The ledger sees what was lost, and what should not have come.
func TestLedger(t *testing.T) {
	l := newLedger()
	l.begin(7)
	_, one := l.add("orders", 0)
	late, _ := l.add("orders", time.Second)
	three, body := l.add("alarms", 0)
	l.acknowledge(late)
	l.acknowledge(three)
	if l.settled(time.Minute) || !l.settled(0) {
		t.Error("messages are waited for, but not for ever")
	}
	l.deliver("orders", 1, one) // it was not acknowledged, but it may come
	l.finish(0, 1)
	l.deliver("alarms", 0, body)
	l.acknowledge(0)
	want := []string{
		"lost: message 0 of orders, acknowledged before kill 7: billing never got it",
		"lost: message 1 of orders, acknowledged before kill 7, deferred by 1s: billing never got it; shipping never got it",
		"lost: message 2 of alarms, acknowledged before kill 7: pager got it, did not finish it, and did not get it again",
	}
	if got := l.lost(); !slices.Equal(got, want) || l.behind() != 4 {
		t.Errorf("%d are waited for, and the ledger tells %q", l.behind(), got)
	}
	for number := range uint64(3) {
		for channel := range channelsOf(l.all[number].topic) {
			l.finish(number, channel)
		}
	}
	if got := l.lost(); len(got) > 0 || !l.settled(time.Minute) || l.repeated != 1 {
		t.Errorf("all is finished, once again %d, and the ledger tells %q", l.repeated, got)
	}
	_, stranger := newLedger().add("orders", 0)
	l.deliver("alarms", 0, stranger)
	l.deliver("orders", 0, one[:11])
	l.deliver("orders", 0, append(one[:len(one):len(one)], 0))
	l.deliver("orders", 0, body)
	binary.BigEndian.PutUint64(stranger, 3)
	binary.BigEndian.PutUint32(stranger[8:], checksum("orders", stranger))
	l.deliver("orders", 0, stranger)
	if len(l.wrong) != 5 {
		t.Errorf("of 5 strangers the ledger tells %q", l.wrong)
	}
}
