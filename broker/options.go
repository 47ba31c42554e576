package broker

import (
	"crypto/md5"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
)

// Version is the release of NSQ whose behaviour this broker has, as clients and tools read it.
const Version = "1.3.0"

// Options are a broker's settings: limits and defaults, under upstream's names.
type Options struct {
	NodeID int64 // 0 to 1023, part of every message id

	MsgTimeout    time.Duration // of a message in flight, unless the client asks for another
	MaxMsgTimeout time.Duration // also how long TOUCH can hold a message, from its delivery
	MaxReqTimeout time.Duration // the longest deferral of REQ, and of a publication if MaxDeferTimeout is 0
	MaxMsgSize    int64         // of a body, in bytes
	MaxBodySize   int64         // of an IDENTIFY or an MPUB, in bytes

	MaxDeferTimeout     time.Duration // the longest deferral of a publication; 0: MaxReqTimeout
	RequeueOnDisconnect bool          // what a client has in flight when it goes comes again at once, and not after its timeout

	Durability      Durability      // what OK promises, unless SyncEvery is 1, which means Fsync
	TopicDurability TopicDurability // that of single topics
	SyncEvery       int64           // messages of a topic after which it is synced, though nobody waits
	SyncTimeout     time.Duration   // after which it is synced at the latest
	MaxBytesPerFile int64           // when a topic begins its next file
	MemQueueSize    int64           // messages that an ephemeral topic or channel holds, those beyond are dropped; and that wait in memory with Memory

	MaxHeartbeatInterval   time.Duration
	MaxRdyCount            int64
	MaxOutputBufferSize    int64
	MaxOutputBufferTimeout time.Duration
	MinOutputBufferTimeout time.Duration
	OutputBufferTimeout    time.Duration
	MaxChannelConsumers    int // 0 is without limit
	MaxDeflateLevel        int
	Deflate                bool // granted to clients that ask for it, as Snappy
	Snappy                 bool
	TLS                    bool // granted to clients that ask for it: there is a certificate
	TLSRequired            bool // nothing but IDENTIFY is done for a client without it
	AuthRequired           bool // nothing is published or consumed by a client that no auth server has vouched for

	TopologyRegion string
	TopologyZone   string
	Experiments    Experiments

	Discover bool // topics that are made wait to be told of their channels elsewhere; see Broker.Discover

	LatencyPercentiles Percentiles   // from publication to FIN, that /stats and statsd tell; empty: none are kept
	LatencyWindow      time.Duration // the time they are about, up to now

	Seed uint64 // of the draws for sample_rate
}

// DefaultOptions are upstream's defaults, for the node id that follows from the host's name.
func DefaultOptions(hostname string) Options {
	digest := md5.Sum([]byte(hostname))
	return Options{
		NodeID:                 int64(crc32.ChecksumIEEE(digest[:]) % (maxNodeID + 1)),
		MsgTimeout:             time.Minute,
		MaxMsgTimeout:          15 * time.Minute,
		MaxReqTimeout:          time.Hour,
		MaxMsgSize:             1 << 20,
		MaxBodySize:            5 << 20,
		Durability:             OS,
		SyncEvery:              2500,
		SyncTimeout:            2 * time.Second,
		MaxBytesPerFile:        100 << 20,
		MemQueueSize:           10000,
		MaxHeartbeatInterval:   time.Minute,
		MaxRdyCount:            2500,
		MaxOutputBufferSize:    64 << 10,
		MaxOutputBufferTimeout: 30 * time.Second,
		MinOutputBufferTimeout: 25 * time.Millisecond,
		OutputBufferTimeout:    250 * time.Millisecond,
		MaxDeflateLevel:        6,
		Deflate:                true,
		Snappy:                 true,
		LatencyWindow:          10 * time.Minute,
	}
}

// Flags declares a flag for each option, with o's values as defaults; parsing fs then sets them.
func (o *Options) Flags(fs *flag.FlagSet) {
	fs.Int64Var(&o.NodeID, "node-id", o.NodeID, "unique part for message ids, 0 to 1023 (default: from the host's name)")
	fs.DurationVar(&o.MsgTimeout, "msg-timeout", o.MsgTimeout, "how long a consumer has for a message before it is delivered again")
	fs.DurationVar(&o.MaxMsgTimeout, "max-msg-timeout", o.MaxMsgTimeout, "the longest message timeout, and the longest that TOUCH can hold a message")
	fs.DurationVar(&o.MaxReqTimeout, "max-req-timeout", o.MaxReqTimeout, "the longest deferral of REQ; and of DPUB and of HTTP's defer, unless max-defer-timeout is set")
	fs.DurationVar(&o.MaxDeferTimeout, "max-defer-timeout", o.MaxDeferTimeout, "the longest deferral of a publication (0: max-req-timeout)")
	fs.BoolVar(&o.RequeueOnDisconnect, "requeue-on-disconnect", o.RequeueOnDisconnect, "deliver again at once what a consumer held that has gone, and not after its timeout")
	fs.Int64Var(&o.MaxMsgSize, "max-msg-size", o.MaxMsgSize, "the largest message, in bytes")
	fs.Int64Var(&o.MaxBodySize, "max-body-size", o.MaxBodySize, "the largest command body, in bytes")
	fs.Var(&o.Durability, "durability", "what OK promises: memory (nothing), os (a killed process loses nothing) or fsync (a power cut loses nothing)")
	fs.Var(&o.TopicDurability, "topic-durability", "`topic=durability` for a topic of its own; with commas, or more than once, for several")
	fs.Int64Var(&o.SyncEvery, "sync-every", o.SyncEvery, "messages of a topic after which it is synced in the background, if an eighth of the sync timeout has gone by; 1 means --durability=fsync")
	fs.DurationVar(&o.SyncTimeout, "sync-timeout", o.SyncTimeout, "the longest that what was written stays without being synced in the background")
	fs.Int64Var(&o.MaxBytesPerFile, "max-bytes-per-file", o.MaxBytesPerFile, "the size in bytes at which a topic begins its next file")
	fs.Int64Var(&o.MemQueueSize, "mem-queue-size", o.MemQueueSize, "messages that an #ephemeral topic or channel holds before it drops, and those that a topic of durability memory keeps unwritten")
	fs.DurationVar(&o.MaxHeartbeatInterval, "max-heartbeat-interval", o.MaxHeartbeatInterval, "the longest heartbeat interval a client may ask for")
	fs.Int64Var(&o.MaxRdyCount, "max-rdy-count", o.MaxRdyCount, "the largest RDY of a client")
	fs.Int64Var(&o.MaxOutputBufferSize, "max-output-buffer-size", o.MaxOutputBufferSize, "the largest output buffer a client may ask for, in bytes")
	fs.DurationVar(&o.MaxOutputBufferTimeout, "max-output-buffer-timeout", o.MaxOutputBufferTimeout, "the longest output buffer timeout a client may ask for")
	fs.DurationVar(&o.MinOutputBufferTimeout, "min-output-buffer-timeout", o.MinOutputBufferTimeout, "the shortest output buffer timeout a client may ask for")
	fs.DurationVar(&o.OutputBufferTimeout, "output-buffer-timeout", o.OutputBufferTimeout, "the longest that a message waits in a client's output buffer, unless it asks for another")
	fs.IntVar(&o.MaxChannelConsumers, "max-channel-consumers", o.MaxChannelConsumers, "consumers that a channel takes (0: any number)")
	fs.IntVar(&o.MaxDeflateLevel, "max-deflate-level", o.MaxDeflateLevel, "the highest deflate level a client may ask for, 1 to 9")
	fs.BoolVar(&o.Deflate, "deflate", o.Deflate, "let clients ask for deflate compression")
	fs.BoolVar(&o.Snappy, "snappy", o.Snappy, "let clients ask for snappy compression")
	fs.Var(&o.Experiments, "enable-experiment", "`name` of an experiment: topology-aware-consumption; may be given more than once")
	fs.Var(&o.LatencyPercentiles, "e2e-processing-latency-percentile", "`fractions` above 0 and up to 1, with commas, of the time from publication to FIN, for /stats and statsd")
	fs.DurationVar(&o.LatencyWindow, "e2e-processing-latency-window-time", o.LatencyWindow, "the time that these percentiles are about, up to now")
	fs.StringVar(&o.TopologyRegion, "topology-region", o.TopologyRegion, "the region this node stands in")
	fs.StringVar(&o.TopologyZone, "topology-zone", o.TopologyZone, "the zone this node stands in")
}

// MaxDeferral is the longest deferral of a publication.
func (o *Options) MaxDeferral() time.Duration {
	if o.MaxDeferTimeout > 0 {
		return o.MaxDeferTimeout
	}
	return o.MaxReqTimeout
}

// maxNodeID is the largest node id: it has ten bits of a message id.
const maxNodeID = 1023

// Validate says what is wrong with the options, with upstream's words where upstream checks it.
func (o Options) Validate() error {
	if o.NodeID < 0 || o.NodeID > maxNodeID {
		return errors.New("--node-id must be [0,1024)")
	}
	if o.MaxDeflateLevel < 1 || o.MaxDeflateLevel > 9 {
		return errors.New("--max-deflate-level must be [1,9]")
	}
	if o.MaxMsgSize > store.MaxBody {
		return fmt.Errorf("--max-msg-size must be at most %d", store.MaxBody)
	}
	for _, positive := range []struct {
		flag  string
		value int64
	}{
		{"msg-timeout", int64(o.MsgTimeout)}, {"max-msg-timeout", int64(o.MaxMsgTimeout)},
		{"max-msg-size", o.MaxMsgSize}, {"max-body-size", o.MaxBodySize},
		{"max-heartbeat-interval", int64(o.MaxHeartbeatInterval)}, {"max-rdy-count", o.MaxRdyCount},
		{"e2e-processing-latency-window-time", int64(o.LatencyWindow)},
		{"sync-every", o.SyncEvery}, {"sync-timeout", int64(o.SyncTimeout)}, {"max-bytes-per-file", o.MaxBytesPerFile},
	} {
		if positive.value <= 0 {
			return fmt.Errorf("--%s must be more than 0", positive.flag)
		}
	}
	return o.validateFromZero()
}

// validateFromZero checks the options of which 0 has a meaning.
func (o *Options) validateFromZero() error {
	for _, option := range []struct {
		flag  string
		value int64
	}{
		{"max-defer-timeout", int64(o.MaxDeferTimeout)}, {"max-req-timeout", int64(o.MaxReqTimeout)},
		{"mem-queue-size", o.MemQueueSize}, {"max-channel-consumers", int64(o.MaxChannelConsumers)},
		{"max-output-buffer-size", o.MaxOutputBufferSize}, {"max-output-buffer-timeout", int64(o.MaxOutputBufferTimeout)},
		{"min-output-buffer-timeout", int64(o.MinOutputBufferTimeout)}, {"output-buffer-timeout", int64(o.OutputBufferTimeout)},
	} {
		if option.value < 0 {
			return fmt.Errorf("--%s must not be negative", option.flag)
		}
	}
	return nil
}
