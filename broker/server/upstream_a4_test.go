package server

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

func TestA4Ping(t *testing.T) {
	d := startLookupd(t, nil)
	if got := get(t, d, "/ping"); got != "OK" {
		t.Error(got)
	}
}

func TestA4Info(t *testing.T) {
	answered(t, startLookupd(t, nil), asking{"GET", "/info", "", 200, `{"version":"1.3.0"}`})
}

func TestA4CreateTopic(t *testing.T) {
	answered(t, startLookupd(t, nil),
		asking{"POST", "/topic/create", "", 400, `{"message":"MISSING_ARG_TOPIC"}`},
		asking{"POST", "/topic/create?topic=sampletopicA$", "", 400, `{"message":"INVALID_ARG_TOPIC"}`},
		asking{"POST", "/topic/create?topic=sampletopicA", "", 200, ""},
		asking{"GET", "/topics", "", 200, `{"topics":["sampletopicA"]}`},
	)
}

func TestA4DeleteTopic(t *testing.T) {
	answered(t, startLookupd(t, nil),
		asking{"POST", "/topic/delete", "", 400, `{"message":"MISSING_ARG_TOPIC"}`},
		asking{"POST", "/topic/create?topic=a", "", 200, ""},
		asking{"POST", "/channel/create?topic=b&channel=c", "", 200, ""},
		asking{"POST", "/topic/delete?topic=a", "", 200, ""},
		asking{"POST", "/topic/delete?topic=b", "", 200, ""},
		asking{"POST", "/topic/delete?topic=none", "", 200, ""},
		asking{"GET", "/topics", "", 200, `{"topics":[]}`},
		asking{"GET", "/channels?topic=b", "", 200, `{"channels":[]}`},
	)
}

func TestA4GetChannels(t *testing.T) {
	answered(t, startLookupd(t, nil),
		asking{"GET", "/channels", "", 400, `{"message":"MISSING_ARG_TOPIC"}`},
		asking{"GET", "/channels?topic=a", "", 200, `{"channels":[]}`},
		asking{"POST", "/channel/create?topic=a&channel=c", "", 200, ""},
		asking{"GET", "/channels?topic=a", "", 200, `{"channels":["c"]}`},
	)
}

func TestA4CreateChannel(t *testing.T) {
	answered(t, startLookupd(t, nil),
		asking{"POST", "/channel/create", "", 400, `{"message":"MISSING_ARG_TOPIC"}`},
		asking{"POST", "/channel/create?topic=a$", "", 400, `{"message":"INVALID_ARG_TOPIC"}`},
		asking{"POST", "/channel/create?topic=a", "", 400, `{"message":"MISSING_ARG_CHANNEL"}`},
		asking{"POST", "/channel/create?topic=a&channel=c$", "", 400, `{"message":"INVALID_ARG_CHANNEL"}`},
		asking{"POST", "/channel/create?topic=a&channel=c", "", 200, ""},
		asking{"GET", "/topics", "", 200, `{"topics":["a"]}`},
	)
}

func TestA4DeleteChannel(t *testing.T) {
	answered(t, startLookupd(t, nil),
		asking{"POST", "/channel/delete", "", 400, `{"message":"MISSING_ARG_TOPIC"}`},
		asking{"POST", "/channel/delete?topic=a$", "", 400, `{"message":"INVALID_ARG_TOPIC"}`},
		asking{"POST", "/channel/delete?topic=a", "", 400, `{"message":"MISSING_ARG_CHANNEL"}`},
		asking{"POST", "/channel/delete?topic=a&channel=c$", "", 400, `{"message":"INVALID_ARG_CHANNEL"}`},
		asking{"POST", "/channel/delete?topic=a&channel=c", "", 404, `{"message":"CHANNEL_NOT_FOUND"}`},
		asking{"POST", "/channel/create?topic=a&channel=c", "", 200, ""},
		asking{"POST", "/channel/delete?topic=a&channel=c", "", 200, ""},
		asking{"POST", "/channel/delete?topic=a&channel=c", "", 404, `{"message":"CHANNEL_NOT_FOUND"}`},
	)
}

// ask reads a JSON answer.
func ask[T any](t testing.TB, d served, target string) (answer T) {
	t.Helper()
	if err := json.Unmarshal([]byte(get(t, d, target)), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// A foundNsqd is one of /lookup's and /nodes' producers.
type foundNsqd struct {
	Remote     string   `json:"remote_address"`
	Hostname   string   `json:"hostname"`
	Broadcast  string   `json:"broadcast_address"`
	TCP        int      `json:"tcp_port"`
	HTTP       int      `json:"http_port"`
	Version    string   `json:"version"`
	Tombstones []bool   `json:"tombstones"`
	Topics     []string `json:"topics"`
}

type foundNsqds struct {
	Channels  []string    `json:"channels"`
	Producers []foundNsqd `json:"producers"`
}

// names are those of the nsqds found.
func (f foundNsqds) names() string {
	var all []string
	for _, p := range f.Producers {
		all = append(all, p.Broadcast)
	}
	return strings.Join(all, " ")
}

// found checks what is told of a topic.
func found(t testing.TB, d *Lookupd, topic, nsqds string, channels ...string) {
	t.Helper()
	f := ask[foundNsqds](t, d, "/lookup?topic="+topic)
	if f.names() != nsqds || fmt.Sprint(f.Channels) != fmt.Sprint(channels) {
		t.Errorf("%s: %q with the channels %q, want %q and %q", topic, f.names(), f.Channels, nsqds, channels)
	}
}

func TestA4BasicLookupd(t *testing.T) {
	d := startLookupd(t, nil)
	answered(t, d, asking{"GET", "/topics", "", 200, `{"topics":[]}`})
	r := enrol(t, d, "ip.address", 5000, 5555)
	r.does("REGISTER connectmsg channel1")
	nodes := ask[foundNsqds](t, d, "/nodes")
	if len(nodes.Producers) != 1 || fmt.Sprint(nodes.Producers[0].Topics) != "[connectmsg]" || fmt.Sprint(nodes.Producers[0].Tombstones) != "[false]" {
		t.Errorf("%+v", nodes)
	}
	answered(t, d, asking{"GET", "/topics", "", 200, `{"topics":["connectmsg"]}`})
	found(t, d, "connectmsg", "ip.address", "channel1")
	p := ask[foundNsqds](t, d, "/lookup?topic=connectmsg").Producers[0]
	want := foundNsqd{Remote: r.conn.LocalAddr().String(), Hostname: "ip.address", Broadcast: "ip.address", TCP: 5000, HTTP: 5555, Version: "1.3.0"}
	if fmt.Sprint(p) != fmt.Sprint(want) {
		t.Errorf("%+v, want %+v", p, want)
	}
	r.conn.Close()
	await(t, "gone", func() bool { return ask[foundNsqds](t, d, "/lookup?topic=connectmsg").names() == "" })
	found(t, d, "connectmsg", "", "channel1")
}

func TestA4ChannelUnregister(t *testing.T) {
	d := startLookupd(t, nil)
	r := enrol(t, d, "ip.address", 5000, 5555)
	r.does("REGISTER t ch1", "UNREGISTER t ch1")
	found(t, d, "t", "ip.address", "ch1")
	answered(t, d, asking{"GET", "/channels?topic=t", "", 200, `{"channels":["ch1"]}`})
	if debug := get(t, d, "/debug"); strings.Contains(debug, "channel:t:ch1") || !strings.Contains(debug, `"topic:t:"`) {
		t.Error(debug)
	}
}

func TestA4TombstoneRecover(t *testing.T) {
	d := startLookupd(t, func(c *LookupdConfig) { c.Registry.TombstoneLifetime = time.Second })
	r := enrol(t, d, "ip.address", 5000, 5555)
	r.does("REGISTER t ch1", "REGISTER t2 ch2")
	post(t, d, "/topic/tombstone?topic=t&node=ip.address:5555", "")
	found(t, d, "t2", "ip.address", "ch2")
	await(t, "back", func() bool { return ask[foundNsqds](t, d, "/lookup?topic=t").names() == "ip.address" })
}

func TestA4TombstoneUnregister(t *testing.T) {
	d := startLookupd(t, func(c *LookupdConfig) { c.Registry.TombstoneLifetime = time.Nanosecond })
	r := enrol(t, d, "ip.address", 5000, 5555)
	r.does("REGISTER t ch1")
	post(t, d, "/topic/tombstone?topic=t&node=ip.address:5555", "")
	r.does("UNREGISTER t")
	found(t, d, "t", "", "ch1")
}

func TestA4InactiveNodes(t *testing.T) {
	d := startLookupd(t, func(c *LookupdConfig) { c.Registry.InactiveProducerTimeout = 2 * time.Second })
	r := enrol(t, d, "ip.address", 5000, 5555)
	r.does("REGISTER t ch1")
	await(t, "silent", func() bool { return ask[foundNsqds](t, d, "/nodes").names() == "" })
	found(t, d, "t", "", "ch1")
	r.want("EOF")
}

func TestA4TombstonedNodes(t *testing.T) {
	d := startLookupd(t, func(c *LookupdConfig) { c.Registry.TombstoneLifetime = time.Hour })
	r := enrol(t, d, "ip.address", 5000, 5555)
	r.does("REGISTER t ch1")
	post(t, d, "/topic/tombstone?topic=t&node=ip.address:5555", "")
	found(t, d, "t", "", "ch1")
	if n := ask[foundNsqds](t, d, "/nodes").Producers; len(n) != 1 || fmt.Sprint(n[0].Topics, n[0].Tombstones) != "[t] [true]" {
		t.Errorf("%+v", n)
	}
}

// wrongToLookupd has a session of the daemon's served on far, says on near what ends it, and gives the error that the serving ended with.
func wrongToLookupd(t *testing.T, d *Lookupd, near, far net.Conn) (*registrant, error) {
	serving := startEndpoint(far, func(now time.Time, wake func()) wire.Endpoint { return d.registry.Connect(now, "10.0.0.1:1", wake) })
	r := newRegistrant(t, near)
	r.say(wire.MagicV1 + "INVALID_COMMAND\n")
	return r, serving.end()
}

func TestA4IOLoopReturnsClientErrWhenSendFails(t *testing.T) {
	near, far := dialTCP(t)
	if _, err := wrongToLookupd(t, startLookupd(t, nil), near, mute{far}); fmt.Sprint(err) != "E_INVALID invalid command INVALID_COMMAND" {
		t.Error(err)
	}
}

func TestA4IOLoopReturnsClientErrWhenSendSucceeds(t *testing.T) {
	near, far := dialTCP(t)
	r, err := wrongToLookupd(t, startLookupd(t, nil), near, far)
	if fmt.Sprint(err) != "E_INVALID invalid command INVALID_COMMAND" {
		t.Error(err)
	}
	r.want("E_INVALID invalid command INVALID_COMMAND", "EOF")
}
