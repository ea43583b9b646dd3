package event

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// courierMetrics count deliveries, by target.
type courierMetrics struct {
	deliveries *prometheus.CounterVec
	lag        *prometheus.GaugeVec
	parked     *prometheus.GaugeVec
}

func newCourierMetrics(r prometheus.Registerer) *courierMetrics {
	m := &courierMetrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rostrum_event_deliveries_total",
			Help: "Attempts to deliver an event, by target and result: delivered, failed, or dead for failed and given up.",
		}, []string{"target", "result"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rostrum_event_lag_seconds",
			Help: "Age of the oldest event taken from the log that is neither delivered nor parked, by target.",
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
	metrics *courierMetrics
	target  string

	through, setbacks, dead prometheus.Counter
	lag, parked             prometheus.Gauge
}

func (m *courierMetrics) of(target string) counts {
	return counts{
		metrics: m, target: target,
		through:  m.deliveries.WithLabelValues(target, "delivered"),
		setbacks: m.deliveries.WithLabelValues(target, "failed"),
		dead:     m.deliveries.WithLabelValues(target, "dead"),
		lag:      m.lag.WithLabelValues(target),
		parked:   m.parked.WithLabelValues(target),
	}
}

// forget takes back what is true only of who holds the target.
func (n counts) forget() {
	n.metrics.lag.DeleteLabelValues(n.target)
	n.metrics.parked.DeleteLabelValues(n.target)
}

func (n counts) delivered() { n.through.Inc() }

func (n counts) failed() { n.setbacks.Inc() }

func (n counts) died() { n.dead.Inc() }

// observe shows how a carrier stands.
func (n counts) observe(c *carrier) {
	var lag time.Duration
	if len(c.window) > 0 {
		lag = max(0, time.Since(c.window[0].event.Time))
	}
	n.lag.Set(lag.Seconds())
	n.parked.Set(float64(c.stored))
}
