package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/httpapi"
	"github.com/nsqlab/nsqlab/broker/lookup"
	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A Lookupd is an nsqlookupd that runs: a registry with its sockets, and the file that it is kept in.
type Lookupd struct {
	daemon
	registry *lookup.Registry
	keeper   *keeper // nil if nothing is kept
	tally    *lookupdTally
}

// StartLookupd opens the sockets and serves. When it returns, nsqds and consumers can connect.
func StartLookupd(cfg LookupdConfig) (*Lookupd, error) {
	if cfg.Log == nil {
		cfg.Log = WriteLog(io.Discard, "", Info)
	}
	d := &Lookupd{daemon: newDaemon(cfg.Log), tally: newLookupdTally()}
	if err := d.open(cfg); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.serve(cfg)
	return d, nil
}

// open takes all that can be refused, in the order that nsqd does it in.
func (d *Lookupd) open(cfg LookupdConfig) error {
	if cfg.DataPath != "" {
		if err := d.lock(cfg.DataPath, "nsqlookupd"); err != nil {
			return err
		}
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := d.openTLS(cfg.TLS); err != nil {
		return err
	}
	if err := d.listen(cfg.TCPAddress, cfg.HTTPAddress, cfg.HTTPSAddress); err != nil {
		return err
	}
	cfg.Registry.Identity = lookup.Identity{
		BroadcastAddress: cmp.Or(cfg.BroadcastAddress, hostname()), Hostname: hostname(),
		HTTPPort: port(d.http), TCPPort: port(d.tcp), Version: broker.Version,
	}
	d.registry = lookup.NewRegistry(cfg.Registry)
	if cfg.DataPath == "" {
		return nil
	}
	return d.load(cfg.DataPath)
}

// load takes up what the folder has.
func (d *Lookupd) load(path string) error {
	d.keeper = &keeper{registry: d.registry, disk: store.OS{Dir: path}, complain: d.complainer("DISK"), saved: d.tally.save}
	warning, err := d.keeper.load(time.Now())
	if err != nil {
		return fmt.Errorf("failed to open data-path: %w", err)
	}
	if warning != "" {
		d.log(Warn, "%s", warning)
	}
	f := d.registry.Figures(time.Now())
	d.log(Info, "%d topics and %d channels are remembered, and %d nsqds that may come back", f.Topics, f.Channels, f.Live+f.Tombstoned)
	return nil
}

// serve starts the goroutines.
func (d *Lookupd) serve(cfg LookupdConfig) {
	for _, warning := range cfg.TLS.warnings() {
		d.log(Warn, "%s", warning)
	}
	if d.keeper != nil {
		d.alive.Go(func() { d.keeper.keep(d.ended) })
	}
	d.serveTCP(d.outside(cfg.TLS), func(now time.Time, remote string, wake func()) wire.Endpoint {
		return d.registry.Connect(now, remote, wake)
	})
	api := logRequests(d.log, d.tally.count(httpapi.Lookupd(d.registry, d.info(), time.Now)))
	d.serveOn(paced{d.http}, "HTTP", api)
	if d.https != nil {
		d.serveOn(tls.NewListener(paced{d.https}, d.certs.config()), "HTTPS", api)
	}
}

// outside lets nsqds begin with TLS if there is a certificate, and has them do so if they must.
func (d *Lookupd) outside(cfg TLSConfig) outside {
	if d.tls == nil {
		return outside{}
	}
	e := &entry{}
	if cfg.requirement() != TLSNotRequired {
		e.refusal = wire.AppendAnswer(nil, "E_INVALID TLS is required")
	}
	return outside{tls: d.tls, entry: e}
}

// info is what the API tells of the daemon.
func (d *Lookupd) info() httpapi.LookupdInfo {
	return httpapi.LookupdInfo{
		Version:  broker.Version,
		Panicked: d.panicked,
		Metrics:  d.scrapes(&lookupdCollector{lookupd: d, started: time.Now()}, d.tally.requests, d.tally.lookups, d.tally.saves),
		Wait:     d.wait,
		LookedUp: d.tally.lookup,
	}
}

// wait is that of a request for a change. The daemon's end ends it.
func (d *Lookupd) wait(ctx context.Context, most time.Duration, changed <-chan struct{}) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
	case <-d.ended:
	}
}

// Stop ends the daemon in order: no new nsqds, then HTTP, whose requests have time to be answered; then what is registered is kept, if there
// is a folder, and last the connections of nsqds end. A daemon that has ended already is left so.
func (d *Lookupd) Stop() error {
	if !d.end() {
		return nil
	}
	d.log(Info, "stopping")
	err := d.tcp.Close()
	close(d.ended)
	d.shutdown()
	if d.keeper != nil {
		err = errors.Join(err, d.keeper.save())
		d.keeper.seal()
	}
	d.closeConns()
	d.alive.Wait()
	err = errors.Join(err, d.close())
	d.log(Info, "bye")
	return err
}

// Kill ends the daemon as kill -9 does: the sockets close, and what was not kept yet is forgotten. When it returns nothing is written any more.
func (d *Lookupd) Kill() {
	if !d.end() {
		return
	}
	close(d.ended)
	if d.keeper != nil {
		d.keeper.seal()
	}
	d.closeListeners()
	d.closeConns()
	d.alive.Wait()
	_ = d.close()
}
