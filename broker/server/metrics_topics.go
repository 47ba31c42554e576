package server

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/prometheus/client_golang/prometheus"
)

// A figure is one number of a T, as Prometheus is told it.
type figure[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*T) float64
}

const (
	isGauge   = prometheus.GaugeValue
	isCounter = prometheus.CounterValue
)

// Figures of each topic, of each channel and of each consumer.
var (
	topicFigures = []figure[broker.TopicStats]{
		{ofTopic("depth", "Messages that wait at the topic and were not handed to its channels."), isGauge,
			func(t *broker.TopicStats) float64 { return float64(t.Depth) }},
		{ofTopic("backend_depth", "Those of nsqd_topic_depth that are on disk."), isGauge,
			func(t *broker.TopicStats) float64 { return float64(t.BackendDepth) }},
		{ofTopic("messages_total", "Messages published to the topic."), isCounter,
			func(t *broker.TopicStats) float64 { return float64(t.Messages) }},
		{ofTopic("message_bytes_total", "Bytes of the bodies of messages published to the topic."), isCounter,
			func(t *broker.TopicStats) float64 { return float64(t.MessageBytes) }},
		{ofTopic("lost_bytes_total", "Bytes of the topic's log that could not be read."), isCounter,
			func(t *broker.TopicStats) float64 { return float64(t.LostBytes) }},
		{ofTopic("paused", "1 if the topic is paused, else 0."), isGauge,
			func(t *broker.TopicStats) float64 { return truth(t.Paused) }},
	}
	channelFigures = []figure[broker.ChannelStats]{
		{ofChannel("depth", "Messages that wait for a consumer."), isGauge,
			func(c *broker.ChannelStats) float64 { return float64(c.Depth) }},
		{ofChannel("backend_depth", "Those of nsqd_channel_depth that are on disk."), isGauge,
			func(c *broker.ChannelStats) float64 { return float64(c.BackendDepth) }},
		{ofChannel("in_flight", "Messages that consumers hold."), isGauge,
			func(c *broker.ChannelStats) float64 { return float64(c.InFlight) }},
		{ofChannel("deferred", "Messages that wait for their time, published or requeued with a delay."), isGauge,
			func(c *broker.ChannelStats) float64 { return float64(c.Deferred) }},
		{ofChannel("messages_total", "Messages that the topic handed to the channel."), isCounter,
			func(c *broker.ChannelStats) float64 { return float64(c.Messages) }},
		{ofChannel("requeues_total", "Messages that consumers gave back by REQ."), isCounter,
			func(c *broker.ChannelStats) float64 { return float64(c.Requeues) }},
		{ofChannel("timeouts_total", "Messages that consumers held for longer than their timeout."), isCounter,
			func(c *broker.ChannelStats) float64 { return float64(c.Timeouts) }},
		{ofChannel("clients", "Consumers of the channel."), isGauge,
			func(c *broker.ChannelStats) float64 { return float64(len(c.Clients)) }},
		{ofChannel("paused", "1 if the channel is paused, else 0."), isGauge,
			func(c *broker.ChannelStats) float64 { return truth(c.Paused) }},
	}
	clientFigures = []figure[broker.ClientStats]{
		{ofClient("ready", "Messages that the consumer may hold, its RDY."), isGauge,
			func(c *broker.ClientStats) float64 { return float64(c.Ready) }},
		{ofClient("in_flight", "Messages that the consumer holds."), isGauge,
			func(c *broker.ClientStats) float64 { return float64(c.InFlight) }},
		{ofClient("messages_total", "Messages sent to the consumer."), isCounter,
			func(c *broker.ClientStats) float64 { return float64(c.Messages) }},
		{ofClient("finished_total", "Messages that the consumer finished by FIN."), isCounter,
			func(c *broker.ClientStats) float64 { return float64(c.Finished) }},
		{ofClient("requeued_total", "Messages that the consumer gave back by REQ."), isCounter,
			func(c *broker.ClientStats) float64 { return float64(c.Requeued) }},
	}
	channelDelivery = ofChannel("delivery_seconds",
		"Time from a message's publication, or from the end of its deferral, until it was first delivered to a consumer of the channel.")
	channelEndToEnd = ofChannel("end_to_end_seconds",
		"Time from a message's publication to its FIN in the channel, deferrals and requeues included.")
	topicLatency = desc("nsqd_topic_e2e_processing_latency_seconds",
		"Percentile of the time from publication to FIN in all channels of the topic, within --e2e-processing-latency-window-time.",
		"topic", "percentile")
	channelLatency = desc("nsqd_channel_e2e_processing_latency_seconds",
		"Percentile of the time from publication to FIN in the channel, within --e2e-processing-latency-window-time.",
		"topic", "channel", "percentile")
)

func ofTopic(name, help string) *prometheus.Desc { return desc("nsqd_topic_"+name, help, "topic") }

func ofChannel(name, help string) *prometheus.Desc {
	return desc("nsqd_channel_"+name, help, "topic", "channel")
}

func ofClient(name, help string) *prometheus.Desc {
	return desc("nsqd_client_"+name, help, "topic", "channel", "client", "address")
}

func describe[T any](ch chan<- *prometheus.Desc, figures []figure[T]) {
	for _, f := range figures {
		ch <- f.desc
	}
}

func collect[T any](ch chan<- prometheus.Metric, figures []figure[T], x *T, labels ...string) {
	for _, f := range figures {
		ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(x), labels...)
	}
}

// collectTopics tells of topics, channels and, as far as they are not too many, consumers.
func (c *collector) collectTopics(ch chan<- prometheus.Metric, st broker.Stats) {
	told, left := 0, 0
	for i := range st.Topics {
		t := &st.Topics[i]
		collect(ch, topicFigures, t, t.Name)
		collectLatency(ch, topicLatency, t.Latency, t.Name)
		for i := range t.Channels {
			channel := &t.Channels[i]
			collect(ch, channelFigures, channel, t.Name, channel.Name)
			histogram(ch, channelDelivery, channel.Delivery, secondBound, t.Name, channel.Name)
			histogram(ch, channelEndToEnd, channel.EndToEnd, secondBound, t.Name, channel.Name)
			collectLatency(ch, channelLatency, channel.Latency, t.Name, channel.Name)
			some := channel.Clients[:min(len(channel.Clients), max(c.maxClients-told, 0))]
			for i := range some {
				collect(ch, clientFigures, &some[i], t.Name, channel.Name, strings.ToValidUTF8(some[i].ClientID, "\uFFFD"), addressOf(&some[i]))
			}
			told += len(some)
			left += len(channel.Clients) - len(some)
		}
	}
	gauge(ch, leftOut, float64(left))
}

func collectLatency(ch chan<- prometheus.Metric, d *prometheus.Desc, st broker.LatencyStats, labels ...string) {
	for _, p := range st.Percentiles {
		percentile := strconv.FormatFloat(100*p.Quantile, 'g', 10, 64)
		gauge(ch, d, p.Value.Seconds(), append(labels[:len(labels):len(labels)], percentile)...)
	}
}

// addressOf is what no other client has: its address, or, over a unix socket, the number of its connection.
func addressOf(c *broker.ClientStats) string {
	if c.RemoteAddress == "" {
		return fmt.Sprintf("unix:%d", c.Number)
	}
	return c.RemoteAddress
}
