package broker

import (
	"iter"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A reply is what a client is told for a command, or for so many publications that went before it.
type reply struct {
	publications int // or
	frame        wire.FrameType
	text         string // of another reply; of publications the command's name
	opens        bool   // it is SUB's, whose channel does not last yet: it waits as a publication does, and deliveries wait for it

	topic *topic // it waits for, until that lasts
	point int64  // by this sync point of it, or one behind
	err   error  // why that did not come to pass
	read  int64  // of publications: when the commands were read
}

// An Answered is so many commands that published and were answered OK, all read at one time.
type Answered struct {
	Commands int
	Read     time.Time
}

// acknowledge has the client told OK when what it has published is as safe as its topic wants it.
func (s *Session) acknowledge(command string) {
	if last := len(s.replies) - 1; last >= 0 && s.replies[last].publications > 0 && s.replies[last].text == command {
		s.replies[last].publications++
		return
	}
	s.replies = append(s.replies, reply{publications: 1, text: command})
}

// respond tells the client something, after all that it is to be told before.
func (s *Session) respond(t wire.FrameType, text string) {
	r := reply{frame: t, text: text}
	if len(s.replies) > 0 {
		s.replies = append(s.replies, r)
		return
	}
	s.mu.Lock()
	s.queue(r)
	s.mu.Unlock()
}

// syncs says whether a publisher waits until the topic lasts.
func (t *topic) syncs() bool { return t.durability == Fsync && t.journal != nil }

// answer gives the replies to a batch of commands, err being what became of what they published. Needs the topic's lock.
func (t *topic) answer(now time.Time, holder *Session, err error) (asking func(error)) {
	waits := t.syncs() && err == nil
	asking, t.asking = t.asking, nil
	point := t.points + 1
	if waits && asking != nil {
		t.waiters = append(t.waiters, waiter{point: point, done: asking})
		asking = nil
	}
	if holder != nil && len(holder.replies) > 0 && holder.settle(now, t, waits, point, err) {
		t.waiters = append(t.waiters, waiter{point: point, session: holder})
	}
	if len(t.waiters) > 0 {
		t.wantSync(now)
	}
	return asking
}

// settle passes on the replies that have gathered, and says whether some of them wait for the topic to last.
func (s *Session) settle(now time.Time, t *topic, waits bool, point int64, err error) (waiting bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	read := s.broker.tick(now)
	for _, r := range s.replies {
		r.read = read
		if r.publications > 0 && err != nil {
			s.published = 0
			r.err = err
			s.broken = r.failure()
			s.queue(reply{frame: wire.FrameError, text: s.broken.Error()})
			break
		}
		if waits && (r.publications > 0 || r.opens) {
			r.topic, r.point = t, point
			waiting = true
		}
		s.queue(r)
	}
	s.replies = s.replies[:0]
	return waiting
}

// failure is what a client is told whose command failed.
func (r reply) failure() error {
	command := r.text
	if r.opens {
		command = "SUB"
	}
	return violation("E_%s_FAILED %s failed %s", command, command, r.err)
}

// queue adds a reply to what goes out, or to what waits to. Needs s.mu.
func (s *Session) queue(r reply) {
	if r.topic != nil || len(s.waiting) > 0 {
		s.waiting = append(s.waiting, r)
		return
	}
	s.say(r)
}

// say adds a reply to what goes out. Needs s.mu.
func (s *Session) say(r reply) {
	s.buffer.lingers = false
	if r.opens {
		s.resume = true
	}
	if r.publications == 0 {
		s.out = wire.AppendFrame(s.out, r.frame, []byte(r.text))
		return
	}
	for range r.publications {
		s.out = append(s.out, okFrame...)
	}
	if last := len(s.answered) - 1; last >= 0 && s.answered[last].read == r.read {
		s.answered[last].commands += r.publications
		return
	}
	s.answered = append(s.answered, answered{r.publications, r.read})
}

// An answered is an Answered, in ticks.
type answered struct {
	commands int
	read     int64
}

// Answered are the commands that published whose OKs the last Transmit gave. It is for the caller of Transmit, before the next.
func (s *Session) Answered() iter.Seq[Answered] {
	return func(yield func(Answered) bool) {
		for _, a := range s.told {
			if !yield(Answered{a.commands, s.broker.time(a.read)}) {
				return
			}
		}
	}
}

var okFrame = string(wire.AppendFrame(nil, wire.FrameResponse, []byte("OK")))

// resolve passes on the replies that have waited for a sync point of a topic, or one before, err being why it does not last.
func (s *Session) resolve(t *topic, point int64, err error) {
	s.mu.Lock()
	for i := range s.waiting {
		if r := &s.waiting[i]; r.topic == t && r.point <= point {
			r.topic, r.err = nil, err
		}
	}
	said := 0
	for said < len(s.waiting) && s.waiting[said].topic == nil && s.doomed == nil {
		r := s.waiting[said]
		said++
		if r.err != nil {
			s.doomed = r.failure()
			r = reply{frame: wire.FrameError, text: s.doomed.Error()}
		}
		s.say(r)
	}
	s.waiting = append(s.waiting[:0], s.waiting[said:]...)
	if s.needy && len(s.waiting) == 0 {
		s.resume = true // its driver learns of the need by the call that this brings
	}
	s.mu.Unlock()
	s.wake()
}
