package server

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// An asking is a request to the daemon, and its whole answer.
type asking struct {
	method, target, body string
	status               int
	answer               string
}

// answered makes requests in order, on a connection as clients have it. Every answer but that of /ping is marked as nsqd's.
func answered(t *testing.T, d served, all ...asking) {
	t.Helper()
	for _, c := range all {
		r, err := http.NewRequest(c.method, "http://"+d.HTTPAddr()+c.target, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != c.status || string(body) != c.answer {
			t.Errorf("%s %s: %s %q (%v), want %d %q", c.method, c.target, answer.Status, body, err, c.status, c.answer)
		}
		if got := answer.Header.Get("X-NSQ-Content-Type"); got != "nsq; version=1.0" {
			t.Errorf("%s %s: X-NSQ-Content-Type is %q", c.method, c.target, got)
		}
	}
}

// depths checks how many messages wait at the topic t.
func depths(t *testing.T, d *Nsqd, want int64) {
	t.Helper()
	if st := d.broker.Stats().Topics[0]; st.Depth != want {
		t.Errorf("%d messages wait, want %d", st.Depth, want)
	}
}

func TestA2Pub(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d, asking{"POST", "/pub?topic=t", "test message", 200, "OK"})
	depths(t, d, 1)
}

func TestA2PubEmpty(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d, asking{"POST", "/pub?topic=t", "", 400, `{"message":"MSG_EMPTY"}`})
}

func TestA2MPub(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d, asking{"POST", "/mpub?topic=t", "test message\ntest message\ntest message\ntest message", 200, "OK"})
	depths(t, d, 4)
}

func TestA2MPubEmpty(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d, asking{"POST", "/mpub?topic=t", "test message\ntest message\n\ntest message\ntest message\n", 200, "OK"})
	depths(t, d, 4)
}

// inBinary makes the binary body of /mpub, of so many messages.
func inBinary(n int) string {
	p := binary.BigEndian.AppendUint32(nil, uint32(n))
	for range n {
		p = append(binary.BigEndian.AppendUint32(p, 12), "test message"...)
	}
	return string(p)
}

func TestA2MPubBinary(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d, asking{"POST", "/mpub?topic=t&binary=true", inBinary(5), 200, "OK"})
	depths(t, d, 5)
}

func TestA2MPubUnknownBinary(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d, asking{"POST", "/mpub?topic=t&binary=non_normalized_value", inBinary(5), 200, "OK"})
	depths(t, d, 5)
}

func TestA2PubDefer(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d,
		asking{"POST", "/topic/create?topic=t", "", 200, ""},
		asking{"POST", "/channel/create?topic=t&channel=ch", "", 200, ""},
		asking{"POST", "/pub?topic=t&defer=1000", "test message", 200, "OK"},
	)
	if c := d.broker.Stats().Topics[0].Channels[0]; c.Deferred != 1 || c.Depth != 0 || c.Messages != 1 {
		t.Errorf("%+v", c)
	}
}

func TestA2V1TopicChannel(t *testing.T) {
	d := startNsqd(t, nil)
	const topic, channel = "?topic=t", "?topic=t&channel=ch"
	done := func(target string) asking { return asking{"POST", target, "", 200, ""} }
	paused := func(topic, channel bool) {
		t.Helper()
		if st := d.broker.Stats().Topics[0]; st.Paused != topic || st.Channels[0].Paused != channel {
			t.Errorf("%+v", st)
		}
	}
	answered(t, d, done("/topic/create"+topic), done("/channel/create"+channel),
		asking{"POST", "/topic/pause", "", 400, `{"message":"MISSING_ARG_TOPIC"}`},
		asking{"POST", "/topic/pause" + topic + "abc", "", 404, `{"message":"TOPIC_NOT_FOUND"}`},
		done("/topic/pause"+topic))
	paused(true, false)
	answered(t, d, done("/topic/unpause"+topic), done("/channel/pause"+channel))
	paused(false, true)
	answered(t, d, done("/channel/unpause"+channel))
	paused(false, false)
	answered(t, d, done("/channel/delete"+channel))
	if st := d.broker.Stats().Topics[0]; len(st.Channels) != 0 {
		t.Errorf("%+v", st)
	}
	answered(t, d, done("/topic/delete"+topic))
	if all := d.broker.Stats().Topics; len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestA2ClientStats(t *testing.T) {
	d := startNsqd(t, nil)
	subscribed(t, d, "ch", `{}`)
	for _, c := range []struct {
		query   string
		clients int
		memory  bool
	}{
		{"", 1, true},
		{"&include_clients=true", 1, true},
		{"&include_clients=false", 0, true},
		{"&include_mem=true", 1, true},
		{"&include_mem=false", 1, false},
	} {
		var st struct {
			Topics []struct {
				Channels []struct {
					Count   int               `json:"client_count"`
					Clients []json.RawMessage `json:"clients"`
				} `json:"channels"`
			} `json:"topics"`
			Memory *json.RawMessage `json:"memory"`
		}
		if err := json.Unmarshal([]byte(get(t, d, "/stats?format=json"+c.query)), &st); err != nil {
			t.Fatal(err)
		}
		ch := st.Topics[0].Channels[0]
		if ch.Count != 1 || len(ch.Clients) != c.clients || (st.Memory != nil) != c.memory {
			t.Errorf("%q: %d clients of %d, memory %t", c.query, len(ch.Clients), ch.Count, st.Memory != nil)
		}
	}
}

func TestA2Errors(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d,
		asking{"POST", "/stats", "", 405, `{"message":"METHOD_NOT_ALLOWED"}`},
		asking{"GET", "/not_found", "", 404, `{"message":"NOT_FOUND"}`},
	)
}

func TestA2GetStatusJSON(t *testing.T) {
	d := startNsqd(t, nil)
	began := get(t, d, "/info")
	_, started, _ := strings.Cut(began, `"start_time":`)
	started, _, _ = strings.Cut(started, ",")
	want := `{"version":"1.3.0","health":"OK","start_time":` + started + `,"topics":[],"memory":{`
	if got := get(t, d, "/stats?format=json"); started == "" || !strings.HasPrefix(got, want) {
		t.Errorf("%s does not begin with %s", got, want)
	}
}

func TestA2DeleteTopic(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d,
		asking{"POST", "/topic/delete", "", 400, `{"message":"MISSING_ARG_TOPIC"}`},
		asking{"POST", "/topic/delete?topic=t", "", 404, `{"message":"TOPIC_NOT_FOUND"}`},
		asking{"POST", "/topic/create?topic=t", "", 200, ""},
		asking{"POST", "/topic/delete?topic=t", "", 200, ""},
		asking{"POST", "/topic/delete?topic=t", "", 404, `{"message":"TOPIC_NOT_FOUND"}`},
	)
}

func TestA2EmptyTopic(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d,
		asking{"POST", "/topic/empty", "", 400, `{"message":"MISSING_ARG_TOPIC"}`},
		asking{"POST", "/topic/empty?topic=$", "", 400, `{"message":"INVALID_TOPIC"}`},
		asking{"POST", "/topic/empty?topic=t", "", 404, `{"message":"TOPIC_NOT_FOUND"}`},
		asking{"POST", "/pub?topic=t", "test message", 200, "OK"},
		asking{"POST", "/topic/empty?topic=t", "", 200, ""},
	)
	depths(t, d, 0)
}

func TestA2EmptyChannel(t *testing.T) {
	d := startNsqd(t, nil)
	answered(t, d,
		asking{"POST", "/channel/empty", "", 400, `{"message":"MISSING_ARG_TOPIC"}`},
		asking{"POST", "/channel/empty?topic=t", "", 400, `{"message":"MISSING_ARG_CHANNEL"}`},
		asking{"POST", "/channel/empty?topic=t&channel=ch", "", 404, `{"message":"TOPIC_NOT_FOUND"}`},
		asking{"POST", "/topic/create?topic=t", "", 200, ""},
		asking{"POST", "/channel/empty?topic=t&channel=ch", "", 404, `{"message":"CHANNEL_NOT_FOUND"}`},
		asking{"POST", "/channel/create?topic=t&channel=ch", "", 200, ""},
		asking{"POST", "/pub?topic=t", "test message", 200, "OK"},
		asking{"POST", "/channel/empty?topic=t&channel=ch", "", 200, ""},
	)
	if c := d.broker.Stats().Topics[0].Channels[0]; c.Depth != 0 || c.Messages != 1 {
		t.Errorf("%+v", c)
	}
}

func TestA2Info(t *testing.T) {
	d := startNsqd(t, nil)
	if got := get(t, d, "/info"); !strings.HasPrefix(got, `{"version":"1.3.0",`) {
		t.Error(got)
	}
}
