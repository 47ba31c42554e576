package httpapi

import (
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// What /stats tells of clients that auth servers have vouched for, and of where messages went: in upstream's places, and nothing
// of what is not so.
func TestStatsOfVouchedAndLocalClients(t *testing.T) {
	opts := broker.DefaultOptions("host")
	opts.AuthRequired, opts.Experiments, opts.TopologyZone, opts.TopologyRegion = true, broker.Experiments{broker.TopologyAware}, "z", "r"
	b, err := broker.Open(began, opts, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	connect := func(permit, says string) {
		s := b.Connect(began, "10.0.0.1:5001", func() {})
		in := string(wire.AppendBody([]byte(wire.Magic+says+"AUTH\n"), []byte("secret")))
		if _, err := s.Receive(began, []byte(in)); err != nil || s.Need().Kind != wire.NeedAuthority {
			t.Fatal(err, s.Need())
		}
		if err := s.Answer(began, wire.Answer{Body: []byte(permit)}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Receive(began, []byte("SUB t c\nRDY 1\n")); err != nil {
			t.Fatal(err)
		}
	}
	identify := func(body string) string {
		return string(wire.AppendBody(wire.AppendCommand(nil, "IDENTIFY"), []byte(body)))
	}
	all := `"authorizations":[{"topic":"","channels":[""],"permissions":["subscribe"]}]}`
	connect(`{"ttl":1,"identity":"alice","identity_url":"http://alice",`+all, identify(`{"client_id":"zone","topology_zone":"z"}`))
	connect(`{"ttl":1,`+all, identify(`{"client_id":"region","topology_region":"r"}`))
	g := &rig{t: t, broker: b, now: began}
	g.handler = Nsqd(b, Info{Started: began}, func() time.Time { return began })
	g.run([]exchange{{"POST", "/mpub?topic=t", "1\n2", 200, "OK"}})
	got := g.ask("GET", "/stats?format=json", nil).Body.String()
	for _, want := range []string{
		`"message_count":2,"zone_local_msg_count":1,"region_local_msg_count":1,"requeue_count":0,`,
		`"message_count":1,"zone_local_msg_count":1,"finish_count":0,`,
		`"message_count":1,"region_local_msg_count":1,"finish_count":0,`,
		`"user_agent":"","authed":true,"auth_identity":"alice","auth_identity_url":"http://alice","topology_zone":"z",`,
		`"user_agent":"","authed":true,"topology_zone":"",`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
}
