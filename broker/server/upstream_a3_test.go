package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/nsqlab/nsqlab/broker"
)

// metadataOf tells what nsqd.dat says of topics and channels, a star behind what is paused; nil without the file.
func metadataOf(t *testing.T, folder string) (names []string) {
	t.Helper()
	p, err := os.ReadFile(filepath.Join(folder, "nsqd.dat"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Name     string  `json:"name"`
		Paused   bool    `json:"paused"`
		Channels []entry `json:"channels"`
	}
	var m struct {
		Topics []entry `json:"topics"`
	}
	if err := json.Unmarshal(p, &m); err != nil {
		t.Fatal(err)
	}
	say := func(e entry, before string) {
		names = append(names, before+e.Name+map[bool]string{true: "*"}[e.Paused])
	}
	for _, topic := range m.Topics {
		say(topic, "")
		for _, ch := range topic.Channels {
			say(ch, topic.Name+"/")
		}
	}
	return names
}

// metadataBecomes waits until nsqd.dat says this.
func metadataBecomes(t *testing.T, folder string, want ...string) {
	t.Helper()
	await(t, fmt.Sprintf("nsqd.dat tells of %q", want), func() bool { return slices.Equal(metadataOf(t, folder), want) })
}

// finish takes so many messages one by one, finishes them, and wants no more.
func finish(t *testing.T, p *peer, messages int) {
	t.Helper()
	p.say("RDY 1\n")
	for i := range messages {
		if m := p.next(); m != "message 1 "+startupBody {
			t.Fatalf("message %d: got %.40q", i, m)
		}
		if i == messages-1 {
			p.say("RDY 0\n")
		}
		p.say(p.fin())
	}
}

var startupBody = string(make([]byte, 256))

func TestA3Startup(t *testing.T) {
	const messages = 300
	for _, durability := range []broker.Durability{broker.Memory, broker.OS, broker.Fsync} {
		t.Run(durability.String(), func(t *testing.T) {
			folder := t.TempDir()
			start := func() *Nsqd {
				return startNsqd(t, func(c *Config) {
					c.DataPath, c.Broker.Durability = folder, durability
					c.Broker.MemQueueSize, c.Broker.MaxBytesPerFile = 100, 10240
				})
			}
			d := start()
			if got := metadataOf(t, folder); len(got) != 0 {
				t.Errorf("before there is a topic nsqd.dat tells of %q", got)
			}
			for range messages {
				post(t, d, "/pub?topic=t", startupBody)
			}
			p := subscribed(t, d, "ch1", `{}`)
			metadataBecomes(t, folder, "t", "t/ch1")
			finish(t, p, messages/2)
			eventually(t, d, "half of them finished", func(c broker.ChannelStats) bool { return c.InFlight == 0 && c.Depth == messages/2 })
			if err := d.Stop(); err != nil {
				t.Fatal(err)
			}

			d = start()
			if got := metadataOf(t, folder); !slices.Equal(got, []string{"t", "t/ch1"}) {
				t.Errorf("after a restart nsqd.dat tells of %q", got)
			}
			st := d.broker.Stats().Topics[0]
			if st.Depth != 0 || st.Channels[0].Depth != messages/2 {
				t.Fatalf("%+v", st)
			}
			p = subscribed(t, d, "ch1", `{}`)
			finish(t, p, messages/2)
			eventually(t, d, "drained", func(c broker.ChannelStats) bool { return c.InFlight == 0 && c.Depth == 0 })
		})
	}
}

func TestA3EphemeralTopicsAndChannels(t *testing.T) {
	d := startNsqd(t, nil)
	p := dial(t, d)
	p.say("SUB t#ephemeral ch#ephemeral\n")
	p.want("OK")
	p.say(pub("t#ephemeral", "x"))
	p.want("OK")
	if all := d.broker.Stats().Topics; len(all) != 1 || len(all[0].Channels) != 1 {
		t.Fatalf("%+v", all)
	}
	_ = p.conn.Close()
	await(t, "gone with its last client", func() bool { return len(d.broker.Stats().Topics) == 0 })
}

func TestA3PauseMetadata(t *testing.T) {
	folder := t.TempDir()
	d := startNsqd(t, func(c *Config) { c.DataPath = folder })
	const topic, channel = "?topic=t", "?topic=t&channel=ch"
	post(t, d, "/topic/create"+topic, "")
	post(t, d, "/channel/create"+channel, "")
	metadataBecomes(t, folder, "t", "t/ch")
	for _, step := range []struct {
		target string
		want   []string
	}{
		{"/channel/pause" + channel, []string{"t", "t/ch*"}},
		{"/channel/unpause" + channel, []string{"t", "t/ch"}},
		{"/topic/pause" + topic, []string{"t*", "t/ch"}},
		{"/topic/unpause" + topic, []string{"t", "t/ch"}},
	} {
		post(t, d, step.target, "")
		metadataBecomes(t, folder, step.want...)
	}
}

// While 25 messages are in flight and touched, whoever asks for figures neither waits for ever nor sees other than 25.
func TestA3StatsChannelLocking(t *testing.T) {
	const inFlight = 25
	d := startNsqd(t, nil)
	p := subscribed(t, d, "ch", `{}`)
	p.say("RDY 25\n")
	for range inFlight {
		havePublished(t, d, "test")
		p.want("message 1 test")
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				if c := d.broker.Stats().Topics[0].Channels[0]; c.InFlight != inFlight || c.Clients[0].InFlight != inFlight {
					t.Errorf("%+v", c)
				}
			}
		})
	}
	for range 50 {
		for _, id := range p.ids {
			p.say("TOUCH " + id.String() + "\n")
		}
	}
	all.Wait()
}
