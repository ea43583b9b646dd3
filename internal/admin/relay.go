package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/relay"
)

// hops are the metrics of media between this node and others.
type hops struct {
	ask      func() ([]relay.HopStats, uint64)
	rejected *prometheus.Desc
	metrics  []hopMetric
}

type hopMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(relay.HopStats) float64
}

// Relay makes metrics of media between this node and each other.
func Relay(ask func() ([]relay.HopStats, uint64)) prometheus.Collector {
	h := &hops{ask: ask, rejected: prometheus.NewDesc("rostrum_relay_rejected_total", "Datagrams at the port for other nodes that were forged, replayed, malformed, or of another version.", nil, nil)}
	add := func(name, help string, kind prometheus.ValueType, of func(relay.HopStats) float64) {
		h.metrics = append(h.metrics, hopMetric{prometheus.NewDesc("rostrum_relay_"+name, help, []string{"node"}, nil), kind, of})
	}
	add("publishers_in", "Publishers of the other node that this one receives.", prometheus.GaugeValue, func(s relay.HopStats) float64 { return float64(s.Incoming) })
	add("publishers_out", "Publishers of this node that the other one receives.", prometheus.GaugeValue, func(s relay.HopStats) float64 { return float64(s.Outgoing) })
	add("round_trip_seconds", "Round trip time to the other node, smoothed.", prometheus.GaugeValue, func(s relay.HopStats) float64 { return s.RoundTrip.Seconds() })
	add("sent_packets_total", "Datagrams sent to the other node.", prometheus.CounterValue, func(s relay.HopStats) float64 { return float64(s.PacketsSent) })
	add("sent_bytes_total", "Bytes of these.", prometheus.CounterValue, func(s relay.HopStats) float64 { return float64(s.BytesSent) })
	add("received_packets_total", "Datagrams received from the other node.", prometheus.CounterValue, func(s relay.HopStats) float64 { return float64(s.PacketsReceived) })
	add("received_bytes_total", "Bytes of these.", prometheus.CounterValue, func(s relay.HopStats) float64 { return float64(s.BytesReceived) })
	add("lost_packets_total", "Datagrams of the other node that did not arrive.", prometheus.CounterValue, func(s relay.HopStats) float64 { return float64(s.Lost) })
	add("dropped_total", "Packets and messages for which there was no time or memory here.", prometheus.CounterValue, func(s relay.HopStats) float64 { return float64(s.Dropped) })
	return h
}

// Describe names the metrics.
func (h *hops) Describe(to chan<- *prometheus.Desc) {
	to <- h.rejected
	for _, m := range h.metrics {
		to <- m.desc
	}
}

// Collect asks the relay.
func (h *hops) Collect(to chan<- prometheus.Metric) {
	all, rejected := h.ask()
	to <- prometheus.MustNewConstMetric(h.rejected, prometheus.CounterValue, float64(rejected))
	for _, hop := range all {
		for _, m := range h.metrics {
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.of(hop), hop.Node)
		}
	}
}
