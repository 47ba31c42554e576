package httpapi

import (
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
)

// What is done to topics and channels of durability fsync is answered when it is synced; under another durability at once.
func TestDurableAdministration(t *testing.T) {
	for _, durability := range []broker.Durability{broker.Fsync, broker.OS} {
		opts := broker.DefaultOptions("host")
		opts.Durability = durability
		b, err := broker.Open(began, opts, store.OS{Dir: t.TempDir()}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		g, waited := &rig{t: t, broker: b, now: began}, 0
		await := func(done <-chan error) error {
			waited++
			if len(done) > 0 || b.NextSync().After(g.now) {
				t.Errorf("the next sync is at %v", b.NextSync())
			}
			if err := b.Sync(g.now); err != nil {
				t.Error(err)
			}
			return <-done
		}
		g.handler = Nsqd(b, Info{Started: began, Await: await}, func() time.Time { return g.now })
		for i, target := range []string{
			"/topic/create?topic=t", "/topic/pause?topic=t", "/topic/unpause?topic=t", "/topic/empty?topic=t",
			"/channel/create?topic=t&channel=c", "/channel/pause?topic=t&channel=c", "/channel/unpause?topic=t&channel=c",
			"/channel/empty?topic=t&channel=c", "/channel/delete?topic=t&channel=c", "/topic/delete?topic=t",
		} {
			want := 0
			if durability == broker.Fsync {
				want = i + 1
			}
			if w := g.ask("POST", target, nil); w.Code != 200 || waited != want {
				t.Errorf("%s: %s: %d %s, waited %d times, want %d", durability, target, w.Code, w.Body, waited, want)
			}
		}
		if w := g.ask("POST", "/topic/delete?topic=t", nil); w.Code != 404 {
			t.Errorf("%s: %d %s", durability, w.Code, w.Body)
		}
	}
}
