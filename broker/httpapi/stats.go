package httpapi

import (
	"math"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// A report is the answer to GET /stats, its keys in upstream's order. A list that is nil becomes null, which differs from an empty
// one: no topic of the name asked for, clients not asked for.
type report struct {
	Version   string         `json:"version"`
	Health    string         `json:"health"`
	StartTime int64          `json:"start_time"` // s since the Unix epoch
	Topics    []topicReport  `json:"topics"`
	Memory    *Memory        `json:"memory,omitempty"`
	Producers []clientReport `json:"producers"`
}

type topicReport struct {
	Name         string          `json:"topic_name"`
	Channels     []channelReport `json:"channels"`
	Depth        int64           `json:"depth"`
	BackendDepth int64           `json:"backend_depth"` // the part of it on disk
	Messages     uint64          `json:"message_count"`
	MessageBytes uint64          `json:"message_bytes"`
	Paused       bool            `json:"paused"`
	Latency      latencyReport   `json:"e2e_processing_latency"`
	LostBytes    int64           `json:"lost_bytes,omitempty"` // of its log, that could not be read since the daemon began; not in nsqd
}

type channelReport struct {
	Name         string         `json:"channel_name"`
	Depth        int64          `json:"depth"`
	BackendDepth int64          `json:"backend_depth"`
	InFlight     int            `json:"in_flight_count"`
	Deferred     int            `json:"deferred_count"`
	Messages     uint64         `json:"message_count"`
	ZoneLocal    uint64         `json:"zone_local_msg_count,omitempty"`
	RegionLocal  uint64         `json:"region_local_msg_count,omitempty"`
	Global       uint64         `json:"global_msg_count,omitempty"`
	Requeues     uint64         `json:"requeue_count"`
	Timeouts     uint64         `json:"timeout_count"`
	ClientCount  int            `json:"client_count"`
	Clients      []clientReport `json:"clients"`
	Paused       bool           `json:"paused"`
	Latency      latencyReport  `json:"e2e_processing_latency"`
}

// latencyReport is of the time from publication to FIN. Its percentiles are nil, and become null, if none are asked for.
type latencyReport struct {
	Count       uint64             `json:"count"`
	Percentiles []percentileReport `json:"percentiles"`
}

type percentileReport struct {
	Quantile float64       `json:"quantile"`
	Value    time.Duration `json:"value"` // ns
}

// Memory is what /stats and statsd tell of the process's memory.
type Memory struct {
	HeapObjects  uint64 `json:"heap_objects"`
	HeapIdle     uint64 `json:"heap_idle_bytes"`
	HeapInUse    uint64 `json:"heap_in_use_bytes"`
	HeapReleased uint64 `json:"heap_released_bytes"`
	Pause100     uint64 `json:"gc_pause_usec_100"`
	Pause99      uint64 `json:"gc_pause_usec_99"`
	Pause95      uint64 `json:"gc_pause_usec_95"`
	NextGC       uint64 `json:"next_gc_bytes"`
	Collections  uint32 `json:"gc_total_runs"`
}

type clientReport struct {
	ClientID       string     `json:"client_id"`
	Hostname       string     `json:"hostname"`
	Version        string     `json:"version"`
	RemoteAddress  string     `json:"remote_address"`
	State          int        `json:"state"`
	Ready          int64      `json:"ready_count"`
	InFlight       int64      `json:"in_flight_count"`
	Messages       uint64     `json:"message_count"`
	ZoneLocal      uint64     `json:"zone_local_msg_count,omitempty"`
	RegionLocal    uint64     `json:"region_local_msg_count,omitempty"`
	Global         uint64     `json:"global_msg_count,omitempty"`
	Finished       uint64     `json:"finish_count"`
	Requeued       uint64     `json:"requeue_count"`
	Connected      int64      `json:"connect_ts"` // s since the Unix epoch
	SampleRate     int32      `json:"sample_rate"`
	Deflate        bool       `json:"deflate"`
	Snappy         bool       `json:"snappy"`
	UserAgent      string     `json:"user_agent"`
	Authed         bool       `json:"authed,omitempty"`
	Identity       string     `json:"auth_identity,omitempty"`
	IdentityURL    string     `json:"auth_identity_url,omitempty"`
	TopologyZone   string     `json:"topology_zone"`
	TopologyRegion string     `json:"topology_region"`
	Published      []pubCount `json:"pub_counts,omitempty"`
	TLS            bool       `json:"tls"`
	CipherSuite    string     `json:"tls_cipher_suite"`
	TLSVersion     string     `json:"tls_version"`
	TLSProtocol    string     `json:"tls_negotiated_protocol"`
	TLSMutual      bool       `json:"tls_negotiated_protocol_is_mutual"`
}

type pubCount struct {
	Topic string `json:"topic"`
	Count uint64 `json:"count"`
}

// stats answers GET /stats?format=&topic=&channel=&include_clients=&include_mem=, as text unless format is json.
func (d *nsqd) stats(r *http.Request) (any, error) {
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	f := filter{topic: q.Get("topic"), channel: q.Get("channel"), clients: switched(q, "include_clients", true)}
	rep := f.report(d.broker.StatsAt(d.clock()))
	rep.Version, rep.Health, rep.StartTime = d.info.Version, d.broker.Health(), d.info.Started.Unix()
	if d.info.Memory != nil && switched(q, "include_mem", true) {
		m := MemoryOf(d.info.Memory())
		rep.Memory = &m
	}
	if q.Get("format") == "json" {
		return rep, nil
	}
	return d.statsText(rep), nil
}

// A filter is what /stats was asked for; an empty name is any.
type filter struct {
	topic, channel string
	clients        bool
}

// report gives what is asked for. As in nsqd nothing is told, also not of producers, when there is no topic of the name.
func (f filter) report(st broker.Stats) report {
	var rep report
	if f.topic == "" {
		rep.Topics = []topicReport{}
	}
	for _, t := range st.Topics {
		if f.topic != "" && t.Name != f.topic {
			continue
		}
		if rep.Topics == nil {
			rep.Topics = []topicReport{}
		}
		channels := f.channels(t.Channels)
		if f.channel != "" && len(channels) == 0 {
			continue
		}
		rep.Topics = append(rep.Topics, topicReport{
			Name: t.Name, Channels: channels, Depth: t.Depth, BackendDepth: t.BackendDepth, LostBytes: t.LostBytes,
			Messages: t.Messages, MessageBytes: t.MessageBytes, Paused: t.Paused, Latency: reportLatency(t.Latency),
		})
	}
	if f.clients && rep.Topics != nil {
		for _, c := range st.Producers {
			rep.Producers = append(rep.Producers, f.client(c))
		}
	}
	return rep
}

func (f filter) channels(all []broker.ChannelStats) []channelReport {
	rep := []channelReport{}
	for _, c := range all {
		if f.channel != "" && c.Name != f.channel {
			continue
		}
		ch := channelReport{
			Name: c.Name, Depth: c.Depth, BackendDepth: c.BackendDepth, InFlight: c.InFlight, Deferred: c.Deferred, Messages: c.Messages,
			Requeues: c.Requeues, Timeouts: c.Timeouts, ClientCount: len(c.Clients), Paused: c.Paused, Latency: reportLatency(c.Latency),
			ZoneLocal: c.ZoneLocal, RegionLocal: c.RegionLocal, Global: c.Global,
		}
		if f.clients {
			ch.Clients = make([]clientReport, 0, len(c.Clients))
			for _, client := range c.Clients {
				ch.Clients = append(ch.Clients, f.client(client))
			}
		}
		rep = append(rep, ch)
	}
	return rep
}

func reportLatency(st broker.LatencyStats) latencyReport {
	rep := latencyReport{Count: st.Count}
	for _, p := range st.Percentiles {
		rep.Percentiles = append(rep.Percentiles, percentileReport(p))
	}
	return rep
}

// client tells of a client; with a topic asked for, of what it published to that topic alone.
func (f filter) client(c broker.ClientStats) clientReport {
	rep := clientReport{
		ClientID: c.ClientID, Hostname: c.Hostname, Version: "V2", RemoteAddress: c.RemoteAddress, State: c.State,
		Ready: c.Ready, InFlight: c.InFlight, Messages: c.Messages, Finished: c.Finished, Requeued: c.Requeued,
		Connected: c.Connected.Unix(), SampleRate: c.SampleRate, UserAgent: c.UserAgent,
		TopologyZone: c.TopologyZone, TopologyRegion: c.TopologyRegion, Snappy: c.Snappy, Deflate: c.Deflate,
		ZoneLocal: c.ZoneLocal, RegionLocal: c.RegionLocal, Global: c.Global,
		Authed: c.Authed, Identity: c.AuthIdentity, IdentityURL: c.AuthIdentityURL,
	}
	if c.Secure {
		rep.TLS, rep.TLSVersion, rep.CipherSuite = true, tlsVersion(c.TLS.Version), cipherSuite(c.TLS.CipherSuite)
		rep.TLSProtocol, rep.TLSMutual = c.TLS.Protocol, c.TLS.Mutual
	}
	for _, p := range c.Published {
		if f.topic == "" || p.Topic == f.topic {
			rep.Published = append(rep.Published, pubCount(p))
		}
	}
	return rep
}

// MemoryOf reads what is told of memory off the runtime's figures.
func MemoryOf(m runtime.MemStats) Memory {
	pauses := slices.Clone(m.PauseNs[:min(int(m.NumGC), len(m.PauseNs))])
	slices.Sort(pauses)
	return Memory{
		HeapObjects: m.HeapObjects, HeapIdle: m.HeapIdle, HeapInUse: m.HeapInuse, HeapReleased: m.HeapReleased,
		Pause100: pausePercentile(pauses, 100), Pause99: pausePercentile(pauses, 99), Pause95: pausePercentile(pauses, 95),
		NextGC: m.NextGC, Collections: m.NumGC,
	}
}

// pausePercentile reads a percentile off sorted nanoseconds, in microseconds, at the index nsqd reads it at.
func pausePercentile(sorted []uint64, percent float64) uint64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Floor(percent/100*float64(len(sorted)) + 0.5))
	return sorted[min(i, len(sorted)-1)] / uint64(time.Microsecond)
}
