package broker

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// identity is the body of IDENTIFY: what a client says of itself and asks for. Durations are milliseconds.
type identity struct {
	ClientID            string `json:"client_id"`
	Hostname            string `json:"hostname"`
	UserAgent           string `json:"user_agent"`
	FeatureNegotiation  bool   `json:"feature_negotiation"`
	HeartbeatInterval   int    `json:"heartbeat_interval"`
	OutputBufferSize    int    `json:"output_buffer_size"`
	OutputBufferTimeout int    `json:"output_buffer_timeout"`
	TLSv1               bool   `json:"tls_v1"`
	Deflate             bool   `json:"deflate"`
	DeflateLevel        int    `json:"deflate_level"`
	Snappy              bool   `json:"snappy"`
	SampleRate          int32  `json:"sample_rate"`
	MsgTimeout          int    `json:"msg_timeout"`
	TopologyRegion      string `json:"topology_region"`
	TopologyZone        string `json:"topology_zone"`
}

// negotiated is the answer to an IDENTIFY with feature_negotiation, its keys in upstream's order.
type negotiated struct {
	MaxRdyCount         int64  `json:"max_rdy_count"`
	Version             string `json:"version"`
	MaxMsgTimeout       int64  `json:"max_msg_timeout"`
	MsgTimeout          int64  `json:"msg_timeout"`
	TLSv1               bool   `json:"tls_v1"`
	Deflate             bool   `json:"deflate"`
	DeflateLevel        int    `json:"deflate_level"`
	MaxDeflateLevel     int    `json:"max_deflate_level"`
	Snappy              bool   `json:"snappy"`
	SampleRate          int32  `json:"sample_rate"`
	AuthRequired        bool   `json:"auth_required"`
	OutputBufferSize    int    `json:"output_buffer_size"`
	OutputBufferTimeout int64  `json:"output_buffer_timeout"`
	TopologyRegion      string `json:"topology_region"`
	TopologyZone        string `json:"topology_zone"`
}

const (
	minHeartbeat        = 1000 // ms, as all in IDENTIFY
	minMsgTimeout       = 1000
	minOutputBuffer     = 64
	defaultOutputBuffer = 16 << 10
	maxSampleRate       = 99
	defaultDeflateLevel = 6
)

// IDENTIFY\n and a JSON body says who the client is and asks for heartbeats, timeouts and sampling. The answer is OK or, with
// feature_negotiation, what was granted: behind that answer TLS begins, and in that the compression, and each is begun by an OK. It
// may be repeated before SUB; as in nsqd heartbeats, sampling, the output buffer and the message timeout are then those of the first, and what a
// later one leaves out stays. Layers are granted once: asked for again they are answered false, so that nobody waits for one inside another.
//
// The output buffer bounds how long a message may wait to be sent. Who asks for no more than the default is sent everything at
// once, which is within any bound; who asks for more gets it, as from nsqd.
func (s *Session) identify(now time.Time, c wire.Command) error {
	var id identity
	if err := json.Unmarshal(c.Body, &id); err != nil {
		return violation("E_BAD_BODY IDENTIFY failed to decode JSON body")
	}
	if err := s.checkRanges(&id); err != nil {
		return err
	}
	if o := s.broker.opts; id.FeatureNegotiation && id.Deflate && o.Deflate && id.Snappy && o.Snappy {
		return violation("E_IDENTIFY_FAILED cannot enable both deflate and snappy compression")
	}
	first := !s.identified
	s.identified = true
	s.silence = 2 * time.Duration(max(id.HeartbeatInterval, 0)) * time.Millisecond
	if first {
		s.interval = s.silence / 2
		s.msgTimeout = time.Duration(id.MsgTimeout) * time.Millisecond
		s.sampleRate = id.SampleRate
	}
	s.mu.Lock()
	if s.client.identity = id; first {
		if s.nextBeat = (time.Time{}); s.interval > 0 {
			s.nextBeat = now.Add(s.interval)
		}
		s.buffer = s.outputBuffer(id)
	}
	s.mu.Unlock()
	if !id.FeatureNegotiation {
		s.respond(wire.FrameResponse, "OK")
		return nil
	}
	granted := s.grant(id)
	answer, err := json.Marshal(granted)
	if err != nil {
		return fmt.Errorf("broker: answer to IDENTIFY: %w", err)
	}
	s.respond(wire.FrameResponse, string(answer))
	if granted.TLSv1 {
		s.want(wire.Need{Kind: wire.NeedTLS})
	}
	if granted.Snappy {
		s.want(wire.Need{Kind: wire.NeedSnappy})
	}
	if granted.Deflate {
		s.want(wire.Need{Kind: wire.NeedDeflate, Level: granted.DeflateLevel})
	}
	return nil
}

// outputBuffer is what a client gets that asks for a longer wait or a larger buffer than the default; none for others.
func (s *Session) outputBuffer(id identity) outputBuffer {
	wait := time.Duration(id.OutputBufferTimeout) * time.Millisecond
	if wait == 0 || id.OutputBufferSize <= defaultOutputBuffer && wait <= s.broker.opts.OutputBufferTimeout {
		return outputBuffer{}
	}
	return outputBuffer{size: id.OutputBufferSize, time: wait}
}

// standing is what holds where an IDENTIFY leaves something out: what an earlier one had, or the defaults.
func (s *Session) standing() identity {
	if s.identified {
		return s.client.identity
	}
	o := &s.broker.opts
	return identity{
		HeartbeatInterval:   int(min(defaultHeartbeat, o.MaxHeartbeatInterval).Milliseconds()),
		OutputBufferSize:    defaultOutputBuffer,
		OutputBufferTimeout: int(o.OutputBufferTimeout.Milliseconds()),
		MsgTimeout:          int(o.MsgTimeout.Milliseconds()),
	}
}

// checkRanges refuses what is out of range, in upstream's order, and puts in what holds for what was left out.
func (s *Session) checkRanges(id *identity) error {
	o, standing := &s.broker.opts, s.standing()
	if id.HeartbeatInterval == 0 {
		id.HeartbeatInterval = standing.HeartbeatInterval
	} else if !within(id.HeartbeatInterval, minHeartbeat, o.MaxHeartbeatInterval.Milliseconds()) {
		return violation("E_BAD_BODY IDENTIFY heartbeat interval (%d) is invalid", id.HeartbeatInterval)
	}
	if id.OutputBufferTimeout == 0 {
		id.OutputBufferTimeout = standing.OutputBufferTimeout
	} else if !within(id.OutputBufferTimeout, o.MinOutputBufferTimeout.Milliseconds(), o.MaxOutputBufferTimeout.Milliseconds()) {
		return violation("E_BAD_BODY IDENTIFY output buffer timeout (%d) is invalid", id.OutputBufferTimeout)
	}
	if id.OutputBufferSize == 0 {
		id.OutputBufferSize = standing.OutputBufferSize
	} else if !within(id.OutputBufferSize, minOutputBuffer, o.MaxOutputBufferSize) {
		return violation("E_BAD_BODY IDENTIFY output buffer size (%d) is invalid", id.OutputBufferSize)
	}
	if id.OutputBufferSize == -1 { // unbuffered, as in nsqd: a buffer of one byte that never waits
		id.OutputBufferSize, id.OutputBufferTimeout = 1, -1
	}
	id.OutputBufferTimeout = max(id.OutputBufferTimeout, 0)
	if id.SampleRate < 0 || id.SampleRate > maxSampleRate {
		return violation("E_BAD_BODY IDENTIFY sample rate (%d) is invalid", id.SampleRate)
	}
	if id.MsgTimeout == 0 {
		id.MsgTimeout = standing.MsgTimeout
	} else if id.MsgTimeout < minMsgTimeout || int64(id.MsgTimeout) > o.MaxMsgTimeout.Milliseconds() {
		return violation("E_BAD_BODY IDENTIFY msg timeout (%d) is invalid", id.MsgTimeout)
	}
	return nil
}

// within says whether a value that -1 turns off is off or from low to high.
func within(v int, low, high int64) bool {
	return v == -1 || (int64(v) >= low && int64(v) <= high)
}

// grant is what the client gets of what it asked for.
func (s *Session) grant(id identity) negotiated {
	o, c := &s.broker.opts, &s.client
	compressed := c.snappy || c.deflate
	deflate := id.Deflate && o.Deflate && !compressed
	level := defaultDeflateLevel
	if deflate && id.DeflateLevel > 0 {
		level = id.DeflateLevel
	}
	return negotiated{
		TLSv1:               id.TLSv1 && o.TLS && !c.secure && !compressed,
		Snappy:              id.Snappy && o.Snappy && !compressed,
		Deflate:             deflate,
		AuthRequired:        o.AuthRequired,
		MaxRdyCount:         o.MaxRdyCount,
		Version:             Version,
		MaxMsgTimeout:       o.MaxMsgTimeout.Milliseconds(),
		MsgTimeout:          int64(id.MsgTimeout),
		DeflateLevel:        min(level, o.MaxDeflateLevel),
		MaxDeflateLevel:     o.MaxDeflateLevel,
		SampleRate:          id.SampleRate,
		OutputBufferSize:    id.OutputBufferSize,
		OutputBufferTimeout: int64(id.OutputBufferTimeout),
		TopologyRegion:      o.TopologyRegion,
		TopologyZone:        o.TopologyZone,
	}
}

func (s *Session) checkIdentify(time.Time, wire.Command) error {
	if s.state() != stateInit {
		return violation("E_INVALID cannot IDENTIFY in current state")
	}
	return nil
}

// sizedBody reads the body of IDENTIFY and AUTH.
func (s *Session) sizedBody(name string, p []byte) (body []byte, n int, err error) {
	limit := s.broker.opts.MaxBodySize
	size, ok := wire.ParseSize(p)
	if !ok {
		s.missing = func() error { return violation("E_BAD_BODY %s failed to read body size", name) }
		return nil, 0, nil
	}
	if int64(size) > limit {
		return nil, 0, violation("E_BAD_BODY %s body too big %d > %d", name, size, limit)
	}
	if size <= 0 {
		return nil, 0, violation("E_BAD_BODY %s invalid body size %d", name, size)
	}
	n = 4 + int(size)
	if len(p) < n {
		s.missing = func() error { return violation("E_BAD_BODY %s failed to read body", name) }
		return nil, 0, nil
	}
	return p[4:n], n, nil
}
