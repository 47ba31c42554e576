package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

var kills = flag.Int("kills", 3, "how often TestKillNine kills each nsqd; a hundred take two minutes")

// A kind of message is a topic, and the channels that consume it.
type kind struct {
	topic    string
	channels []string
}

var kinds = []kind{
	{"orders", []string{"billing", "shipping"}},
	{"clicks", []string{"archive", "metrics", "search"}},
	{"alarms", []string{"pager"}},
}

const (
	producers = 2                      // of each topic
	shortest  = 50 * time.Millisecond  // from when nsqd listens until it is killed
	longest   = 700 * time.Millisecond //
	stillborn = 8                      // one kill in so many comes while it starts
	starting  = 20 * time.Millisecond  // within which that one comes
)

// Processes are killed at random moments, under load and while they start, and started again on the same folder: no message that was
// acknowledged is lost, and none comes that was not published.
func TestKillNine(t *testing.T) {
	for _, durability := range []string{"os", "fsync"} {
		t.Run(durability, func(t *testing.T) {
			s := newSiege(t, "--durability="+durability)
			for range *kills {
				s.round()
			}
			s.drain(5 * time.Second)
			s.tell()
			for _, lost := range s.ledger.lost() {
				t.Error(lost)
			}
		})
	}
	t.Run("memory", func(t *testing.T) {
		s := newSiege(t, "--durability=memory")
		for s.ledger.published() == 0 { // none if it was killed at once
			s.round()
		}
		s.drain(time.Second)
		s.tell()
		if len(s.ledger.lost()) == 0 {
			t.Error("nothing was lost: this test does not see a loss")
		}
	})
}

// A siege is one folder, and the daemons that run on it one after the other.
type siege struct {
	t      *testing.T
	folder string
	args   []string
	ledger *ledger
	daemon *daemon // that runs; nil if none
	tcp    string  // where it listens
	ends   int     // kills so far
}

func newSiege(t *testing.T, args ...string) *siege {
	s := &siege{t: t, folder: t.TempDir(), ledger: newLedger()}
	s.args = append([]string{
		"--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0",
		"--max-bytes-per-file=100000", "--sync-timeout=100ms", // files begin, are tidied and go in every round
	}, args...)
	t.Cleanup(s.kill)
	s.start()
	for _, k := range kinds {
		s.post("/topic/create", url.Values{"topic": {k.topic}})
		for _, c := range k.channels {
			s.post("/channel/create", url.Values{"topic": {k.topic}, "channel": {c}})
		}
	}
	return s
}

// start starts the daemon, unless it runs.
func (s *siege) start() {
	s.t.Helper()
	if s.daemon != nil {
		return
	}
	var err error
	if s.daemon, err = launch(s.folder, s.args...); err != nil {
		s.t.Fatalf("after %d kills: %v", s.ends, err)
	}
	s.tcp = s.daemon.tcp
}

// kill ends the daemon, if it runs, as kill -9 does. One that has ended by itself is a failure.
func (s *siege) kill() {
	if s.daemon == nil {
		return
	}
	d := s.daemon
	s.daemon = nil
	select {
	case <-d.done:
		s.t.Errorf("after %d kills nsqd ended by itself: %v\n%s", s.ends, d.wait(), d.log.String())
		return
	default:
	}
	_ = d.cmd.Process.Kill()
	_ = d.wait()
	s.ends++
}

// round runs the daemon under load and kills it at a random moment.
func (s *siege) round() {
	s.t.Helper()
	if s.daemon == nil && rand.IntN(stillborn) == 0 {
		s.killStarting()
		return
	}
	s.start()
	s.ledger.begin(s.ends + 1)
	var clients sync.WaitGroup
	for _, k := range kinds {
		for range producers {
			clients.Go(func() { s.produce(k.topic) })
		}
		for i := range k.channels {
			clients.Go(func() { s.consume(k.topic, k.channels[i], i, moody) })
		}
	}
	<-time.After(shortest + rand.N(longest-shortest))
	s.kill()
	clients.Wait()
}

// killStarting starts a daemon and kills it before it may have come to listen.
func (s *siege) killStarting() {
	nsqd := process(s.folder, s.args...)
	if err := nsqd.Start(); err != nil {
		s.t.Fatal(err)
	}
	<-time.After(rand.N(starting))
	_ = nsqd.Process.Kill()
	_ = nsqd.Wait()
	s.ends++
}

// drain consumes everything, until all that was acknowledged has come, or nothing has come for so long that nothing will.
func (s *siege) drain(long time.Duration) {
	s.t.Helper()
	s.start()
	s.ledger.begin(s.ends + 1)
	var clients sync.WaitGroup
	for _, k := range kinds {
		for i := range k.channels {
			clients.Go(func() { s.consume(k.topic, k.channels[i], i, diligent) })
		}
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !s.ledger.settled(long) {
		<-again.C
	}
	s.kill()
	clients.Wait()
}

// tell reports what was played, and what came that should not.
func (s *siege) tell() {
	s.t.Helper()
	l := s.ledger
	s.t.Logf("%d kills, %d messages acknowledged, %d deliveries, %d of them of a message that was finished", s.ends, l.published(), l.deliveries, l.repeated)
	if l.published() == 0 || l.deliveries == 0 {
		s.t.Error("nothing was tested")
	}
	for _, wrong := range l.wrong {
		s.t.Error(wrong)
	}
}

// post has the daemon do something by HTTP.
func (s *siege) post(path string, q url.Values) {
	s.t.Helper()
	answer, err := http.Post(fmt.Sprintf("http://%s%s?%s", s.daemon.http, path, q.Encode()), "", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s", path, answer.Status)
	}
}
