package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/sfu"
)

// engine collects metrics of the media engine. It reads the engine's own
// counters, so that the packet path counts once.
type engine struct {
	stats                                func() sfu.EngineStats
	transports, halfOpen, evicted, drops *prometheus.Desc
	failures                             *prometheus.Desc
	redundant, redundantBytes            *prometheus.Desc
}

// Media returns metrics of the media engine.
func Media(stats func() sfu.EngineStats) prometheus.Collector {
	return &engine{
		stats:          stats,
		transports:     prometheus.NewDesc("rostrum_media_transports", "Connections of publishers and subscribers.", nil, nil),
		halfOpen:       prometheus.NewDesc("rostrum_media_transports_half_open", "Connections whose DTLS handshake is not complete.", nil, nil),
		drops:          prometheus.NewDesc("rostrum_media_drops_total", "Packets that were dropped, by reason.", []string{"reason"}, nil),
		failures:       prometheus.NewDesc("rostrum_media_connect_failures_total", "Connections that were answered and never became connected, by how far they got: no_check, not_nominated, handshake_timeout, handshake_refused.", []string{"reason"}, nil),
		evicted:        prometheus.NewDesc("rostrum_media_tcp_evicted_total", "TCP connections that were closed before they had shown credentials, because there were too many from their address or in all.", nil, nil),
		redundant:      prometheus.NewDesc("rostrum_media_audio_red_subscriptions", "Subscriptions whose audio is sent as RED (RFC 2198) because many packets are lost.", nil, nil),
		redundantBytes: prometheus.NewDesc("rostrum_media_audio_red_bytes_total", "Bytes of redundant audio that were sent in RED packets.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *engine) Describe(out chan<- *prometheus.Desc) {
	out <- m.transports
	out <- m.halfOpen
	out <- m.drops
	out <- m.failures
	out <- m.evicted
	out <- m.redundant
	out <- m.redundantBytes
}

// Collect implements prometheus.Collector. All reasons of drops are present from
// the start, so that rates include the first packet.
func (m *engine) Collect(out chan<- prometheus.Metric) {
	now := m.stats()
	out <- prometheus.MustNewConstMetric(m.transports, prometheus.GaugeValue, float64(now.Transports))
	out <- prometheus.MustNewConstMetric(m.halfOpen, prometheus.GaugeValue, float64(now.HalfOpen))
	out <- prometheus.MustNewConstMetric(m.evicted, prometheus.CounterValue, float64(now.Evicted))
	out <- prometheus.MustNewConstMetric(m.redundant, prometheus.GaugeValue, float64(now.RedundantSubscriptions))
	out <- prometheus.MustNewConstMetric(m.redundantBytes, prometheus.CounterValue, float64(now.RedundantBytes))
	for _, f := range sfu.ConnectFailures() {
		out <- prometheus.MustNewConstMetric(m.failures, prometheus.CounterValue, float64(now.ConnectFailures[f]), f.String())
	}
	for _, reason := range sfu.Drops() {
		out <- prometheus.MustNewConstMetric(m.drops, prometheus.CounterValue, float64(now.Drops[reason]), reason.String())
	}
}
