package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/ivsrealtime"
)

// metrics count requests by operation.
type metrics struct {
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rostrum_api_requests_total",
			Help: "Requests by operation and error code (empty for success).",
		}, []string{"operation", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "rostrum_api_request_seconds",
			Help:    "Time from the first byte of the request to the last of the response, by operation.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15), // 0.5 ms to 8 s
		}, []string{"operation"}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.latency)
	}
	return m
}

func (m metrics) observe(operation string, code ivsrealtime.Code, took time.Duration) {
	m.requests.WithLabelValues(operation, string(code)).Inc()
	m.latency.WithLabelValues(operation).Observe(took.Seconds())
}
