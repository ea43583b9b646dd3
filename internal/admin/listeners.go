package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/inbound"
)

// listeners are the metrics of all TCP ports.
type listeners struct {
	ask               func() []inbound.ListenerStats
	open, max, errors *prometheus.Desc
}

// Listeners makes metrics of how the TCP ports fare.
func Listeners(ask func() []inbound.ListenerStats) prometheus.Collector {
	label := []string{"listener"}
	return &listeners{
		ask:    ask,
		open:   prometheus.NewDesc("rostrum_listener_connections", "Open TCP connections, by listener.", label, nil),
		max:    prometheus.NewDesc("rostrum_listener_connections_max", "The most TCP connections that a listener accepts at once.", label, nil),
		errors: prometheus.NewDesc("rostrum_listener_errors_total", "Attempts to accept a TCP connection that failed, as for lack of file descriptors.", label, nil),
	}
}

// Describe names the metrics.
func (l *listeners) Describe(to chan<- *prometheus.Desc) {
	to <- l.open
	to <- l.max
	to <- l.errors
}

// Collect asks the listeners. What has no bound has no maximum.
func (l *listeners) Collect(to chan<- prometheus.Metric) {
	for _, s := range l.ask() {
		to <- prometheus.MustNewConstMetric(l.open, prometheus.GaugeValue, float64(s.Open), s.Name)
		if s.Max > 0 {
			to <- prometheus.MustNewConstMetric(l.max, prometheus.GaugeValue, float64(s.Max), s.Name)
		}
		to <- prometheus.MustNewConstMetric(l.errors, prometheus.CounterValue, float64(s.Errors), s.Name)
	}
}
