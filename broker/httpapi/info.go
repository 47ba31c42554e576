package httpapi

import (
	"net/http"
	"strings"
	"time"
)

// ping answers GET /ping: OK while the daemon lives and can keep what it promises, else why not.
func (d *nsqd) ping(*http.Request) (any, error) { return pong(d.broker.Health()) }

// pong is the answer for a health: OK alone, for probes compare it, though more may stand behind it.
func pong(health string) (any, error) {
	if !strings.HasPrefix(health, "OK") {
		return nil, refusal{http.StatusInternalServerError, health}
	}
	return "OK", nil
}

// about is the answer to GET /info, its keys in upstream's order. Durations are nanoseconds.
type about struct {
	Version                string        `json:"version"`
	BroadcastAddress       string        `json:"broadcast_address"`
	Hostname               string        `json:"hostname"`
	HTTPPort               int           `json:"http_port"`
	TCPPort                int           `json:"tcp_port"`
	StartTime              int64         `json:"start_time"` // s since the Unix epoch
	MaxHeartbeatInterval   time.Duration `json:"max_heartbeat_interval"`
	MaxOutputBufferSize    int64         `json:"max_output_buffer_size"`
	MaxOutputBufferTimeout time.Duration `json:"max_output_buffer_timeout"`
	MaxDeflateLevel        int           `json:"max_deflate_level"`
	TopologyZone           string        `json:"topology_zone"`
	TopologyRegion         string        `json:"topology_region"`
	state                                // not in nsqd
}

// about answers GET /info: what the daemon is.
func (d *nsqd) about(*http.Request) (any, error) {
	return about{
		Version:                d.info.Version,
		BroadcastAddress:       d.info.BroadcastAddress,
		Hostname:               d.info.Hostname,
		HTTPPort:               d.info.HTTPPort,
		TCPPort:                d.info.TCPPort,
		StartTime:              d.info.Started.Unix(),
		MaxHeartbeatInterval:   d.opts.MaxHeartbeatInterval,
		MaxOutputBufferSize:    d.opts.MaxOutputBufferSize,
		MaxOutputBufferTimeout: d.opts.MaxOutputBufferTimeout,
		MaxDeflateLevel:        d.opts.MaxDeflateLevel,
		TopologyZone:           d.opts.TopologyZone,
		TopologyRegion:         d.opts.TopologyRegion,
		state:                  d.state(),
	}, nil
}
