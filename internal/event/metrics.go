package event

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// dispatcherMetrics count deliveries by target.
type dispatcherMetrics struct {
	deliveries *prometheus.CounterVec
	lag        *prometheus.GaugeVec
	parked     *prometheus.GaugeVec
}

func newDispatcherMetrics(r prometheus.Registerer) *dispatcherMetrics {
	m := &dispatcherMetrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rostrum_event_deliveries_total",
			Help: "Attempts to deliver an event, by target and result: delivered, failed, or dead (failed and no longer retried).",
		}, []string{"target", "result"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rostrum_event_lag_seconds",
			Help: "Age of the oldest event read from the log that is neither delivered nor parked, by target.",
		}, []string{"target"}),
		parked: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rostrum_event_parked",
			Help: "Deliveries that failed or wait behind one that failed, dead ones not counted, by target.",
		}, []string{"target"}),
	}
	if r != nil {
		r.MustRegister(m.deliveries, m.lag, m.parked)
	}
	return m
}

// counts are the metrics of one target.
type counts struct {
	metrics *dispatcherMetrics
	target  string

	through, failures, dead prometheus.Counter
	lag, parked             prometheus.Gauge
}

func (m *dispatcherMetrics) of(target string) counts {
	return counts{
		metrics: m, target: target,
		through:  m.deliveries.WithLabelValues(target, "delivered"),
		failures: m.deliveries.WithLabelValues(target, "failed"),
		dead:     m.deliveries.WithLabelValues(target, "dead"),
		lag:      m.lag.WithLabelValues(target),
		parked:   m.parked.WithLabelValues(target),
	}
}

// forget removes the gauges, which only the holder of the target may report.
func (n counts) forget() {
	n.metrics.lag.DeleteLabelValues(n.target)
	n.metrics.parked.DeleteLabelValues(n.target)
}

func (n counts) delivered() { n.through.Inc() }

func (n counts) failed() { n.failures.Inc() }

func (n counts) died() { n.dead.Inc() }

// observe sets the gauges from the state of a worker.
func (n counts) observe(w *targetWorker) {
	var lag time.Duration
	if len(w.window) > 0 {
		lag = max(0, time.Since(w.window[0].event.Time))
	}
	n.lag.Set(lag.Seconds())
	n.parked.Set(float64(w.stored))
}
