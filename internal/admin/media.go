package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/sfu"
)

// engine counts what the media engine does. It asks the engine when it is asked
// itself: nothing is counted twice on the packet path.
type engine struct {
	ask                         func() sfu.EngineStats
	transports, halfOpen, drops *prometheus.Desc
	covered, redundant, evicted *prometheus.Desc
}

// Media makes metrics of what the media engine says of itself.
func Media(ask func() sfu.EngineStats) prometheus.Collector {
	return &engine{
		ask:        ask,
		transports: prometheus.NewDesc("rostrum_media_transports", "Publishers' and subscribers' connections.", nil, nil),
		halfOpen:   prometheus.NewDesc("rostrum_media_transports_half_open", "Connections whose handshake is not done.", nil, nil),
		drops:      prometheus.NewDesc("rostrum_media_drops_total", "Packets that went no further, by reason.", []string{"reason"}, nil),
		evicted:    prometheus.NewDesc("rostrum_media_tcp_evicted_total", "Connections by TCP that had shown no credentials when there were too many of their address, or in all.", nil, nil),
		covered:    prometheus.NewDesc("rostrum_media_sound_covered", "Subscriptions to sound each of whose packets now carries those before it, for much gets lost on the way.", nil, nil),
		redundant:  prometheus.NewDesc("rostrum_media_sound_redundant_bytes_total", "Bytes of sound that were sent once more in packets that carry those before them.", nil, nil),
	}
}

// Describe names the metrics.
func (m *engine) Describe(to chan<- *prometheus.Desc) {
	to <- m.transports
	to <- m.halfOpen
	to <- m.drops
	to <- m.evicted
	to <- m.covered
	to <- m.redundant
}

// Collect asks the engine. Every reason for a drop is there from the start, so
// that a rate can be taken of its first packet.
func (m *engine) Collect(to chan<- prometheus.Metric) {
	now := m.ask()
	to <- prometheus.MustNewConstMetric(m.transports, prometheus.GaugeValue, float64(now.Transports))
	to <- prometheus.MustNewConstMetric(m.halfOpen, prometheus.GaugeValue, float64(now.HalfOpen))
	to <- prometheus.MustNewConstMetric(m.evicted, prometheus.CounterValue, float64(now.Evicted))
	to <- prometheus.MustNewConstMetric(m.covered, prometheus.GaugeValue, float64(now.Covered))
	to <- prometheus.MustNewConstMetric(m.redundant, prometheus.CounterValue, float64(now.Redundant))
	for _, reason := range sfu.Drops() {
		to <- prometheus.MustNewConstMetric(m.drops, prometheus.CounterValue, float64(now.Drops[reason]), reason.String())
	}
}
