package server

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqio/go-nsq"
	"github.com/nsqlab/nsqlab/broker"
)

// logged are the lines that were written, without their times.
func logged(out *lockedBuffer) []string {
	text := regexp.MustCompile(`(?m)^\S+ \S+ `).ReplaceAllString(out.text(), "")
	return strings.Split(strings.TrimSpace(text), "\n")
}

// Consumers of the official client empty a daemon that drains, of what waits, is in flight, comes again or is deferred; then it is over, and
// nothing is kept.
func TestGoNSQEmptiesADrain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	d := startNsqd(t, func(c *Config) { c.DataPath = folder })
	cfg := nsq.NewConfig()
	cfg.MaxInFlight = 10
	begun := make(chan struct{})
	_, first := consume(t, d, "first", cfg, func(m *nsq.Message) error {
		<-begun
		if m.Attempts == 1 {
			m.RequeueWithoutBackoff(100 * time.Millisecond)
		}
		return nil
	})
	_, second := consume(t, d, "second", cfg, accept)
	p := newProducer(t, d, nsq.NewConfig())
	var want []string
	for i := range 50 {
		body := fmt.Sprint("m", i)
		want = append(want, body)
		var err error
		if i%10 == 0 {
			err = p.DeferredPublish("t", time.Second, []byte(body))
		} else {
			err = p.Publish("t", []byte(body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d.Drain(true)
	for told, publish := range map[string]func(p *nsq.Producer) error{
		"E_PUB_FAILED PUB failed draining":   func(p *nsq.Producer) error { return p.Publish("t", []byte("late")) },
		"E_MPUB_FAILED MPUB failed draining": func(p *nsq.Producer) error { return p.MultiPublish("t", [][]byte{[]byte("late")}) },
		"E_DPUB_FAILED DPUB failed draining": func(p *nsq.Producer) error { return p.DeferredPublish("new", time.Second, []byte("late")) },
	} {
		if err := publish(newProducer(t, d, nsq.NewConfig())); err == nil || err.Error() != told {
			t.Errorf("published: %v, want %s", err, told)
		}
	}
	select {
	case <-d.Drained():
		t.Fatal("it was over with messages in flight")
	default:
	}
	close(begun)
	select {
	case <-d.Drained():
	case <-time.After(patienceOfTests):
		t.Fatalf("it is not over: %v", d.broker.Holdings())
	}
	slices.Sort(want)
	for n, deliveries := range map[int]<-chan got{2 * len(want): first, len(want): second} {
		if all := bodies(receive(t, deliveries, n)); !slices.Equal(slices.Compact(all), want) {
			t.Errorf("of %d deliveries: %q", n, all)
		}
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if held := startNsqd(t, func(c *Config) { c.DataPath = folder }).broker.Held(); held != 0 {
		t.Errorf("%d messages were kept", held)
	}
}

// rigDrain is a daemon without sockets, over a broker in memory.
func rigDrain(t *testing.T, timeout time.Duration) (*Nsqd, *lockedBuffer) {
	b, err := broker.Open(time.Now(), broker.DefaultOptions("host"), nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	out := &lockedBuffer{}
	return &Nsqd{
		daemon: daemon{log: WriteLog(out, "", Info).Log, ended: make(chan struct{})}, broker: b, drained: make(chan struct{}), drainTimeout: timeout,
	}, out
}

func (d *Nsqd) fill(t *testing.T, topic string, messages int) {
	d.broker.Publish(time.Now(), topic, 0, slices.Repeat([][]byte{[]byte("m")}, messages), func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
}

func (d *Nsqd) isDrained() bool {
	select {
	case <-d.Drained():
		return true
	default:
		return false
	}
}

// The log tells of a drain when it begins, every ten seconds, and when it is given up.
func TestDrainIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, out := rigDrain(t, 25*time.Second)
		for i := range 7 {
			d.fill(t, fmt.Sprint("t", i), 10-i)
		}
		for topic, channel := range map[string]string{"t1": "c", "t2": "c", "t3": "c"} {
			if err := d.broker.CreateChannel(time.Now(), topic, channel); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.broker.PauseChannel(time.Now(), "t2", "c", true); err != nil {
			t.Fatal(err)
		}
		if err := d.broker.PauseTopic(time.Now(), "t3", true); err != nil {
			t.Fatal(err)
		}
		d.fill(t, "t3", 5)
		d.Drain(true)
		d.Drain(true)
		time.Sleep(11 * time.Second)
		if err := d.broker.DeleteTopic(time.Now(), "t0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(13 * time.Second)
		if d.isDrained() {
			t.Error("it is over before its time")
		}
		time.Sleep(time.Second + drainLook)
		if !d.isDrained() {
			t.Error("it is not over in time")
		}
		d.Drain(false)
		if !d.broker.Draining() {
			t.Error("it was taken back when it was over")
		}
		places := "t1/c 9 (no consumer), t2/c 8 (paused), t3/c 7 (no consumer), t4 6 (no channel)"
		want := []string{
			"INFO: DRAIN: publications and new topics are refused; 54 messages are left: t0 10 (no channel), " + places + ", 3 more",
			"INFO: DRAIN: for 10s; 54 messages are left: t0 10 (no channel), " + places + ", 3 more",
			"INFO: DRAIN: for 20s; 44 messages are left: " + places + ", t3 5 (paused), 2 more",
			"WARNING: DRAIN: given up after 25s; 44 messages are left: " + places + ", t3 5 (paused), 2 more, which are lost",
		}
		if got := logged(out); !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// A drain that is taken back leaves all as it was, and the next one begins anew.
func TestDrainTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, out := rigDrain(t, 30*time.Second)
		d.Drain(false)
		d.fill(t, "t", 1)
		d.Drain(true)
		time.Sleep(6 * time.Second)
		d.Drain(false)
		d.Drain(false)
		d.fill(t, "t", 1)
		d.fill(t, "new", 1)
		time.Sleep(time.Minute)
		d.endDrain(make(chan struct{}), 0, nil) // as of a drain that came to its end while it was taken back
		d.Drain(true)
		time.Sleep(6*time.Second + drainLook/2)
		if d.isDrained() {
			t.Error("the time of the first drain counts for the second")
		}
		for _, topic := range []string{"t", "new"} {
			if err := d.broker.EmptyTopic(time.Now(), topic); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(drainLook)
		synctest.Wait()
		if !d.isDrained() {
			t.Error("it is not over")
		}
		want := []string{
			"INFO: DRAIN: publications and new topics are refused; 1 messages are left: t 1 (no channel)",
			"INFO: DRAIN: taken back",
			"INFO: DRAIN: publications and new topics are refused; 3 messages are left: t 2 (no channel), new 1 (no channel)",
			"INFO: DRAIN: all is finished, after 6.1s",
		}
		if got := logged(out); !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// What is ephemeral is not kept, and the warning says so.
func TestDrainGivenUpOnDisk(t *testing.T) {
	out := &lockedBuffer{}
	d := startNsqd(t, func(c *Config) {
		c.DataPath, c.DrainTimeout, c.Log = t.TempDir(), time.Millisecond, WriteLog(out, "", Warn)
	})
	d.fill(t, "kept", 2)
	d.fill(t, "gone#ephemeral", 1)
	d.Drain(true)
	select {
	case <-d.Drained():
	case <-time.After(patienceOfTests):
		t.Fatal("it is not given up")
	}
	want := "3 messages are left: kept 2 (no channel), gone#ephemeral 1 (no channel), which are kept on disk, but for 1 of 3 that are ephemeral"
	if got := out.text(); !strings.Contains(got, "WARNING: DRAIN: given up after ") || !strings.Contains(got, want) {
		t.Errorf("logged %s", got)
	}
}

// A daemon that ends does not drain, and one that drains ends at once when it is stopped.
func TestStopWhileDraining(t *testing.T) {
	d := startNsqd(t, nil)
	d.fill(t, "t", 1)
	d.Drain(true)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if d.isDrained() {
		t.Error("the drain was over")
	}
	d.Drain(false)
	d.Drain(true)
}
