package ingest

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/channel"
	"rostrum/ivsrealtime"
)

// refusals are the errors for encoders but those of stages and of keys, with their names in metrics.
var refusals = []struct {
	err    error
	reason string
}{
	{errApplication, "application"},
	{channel.ErrInsecure, "insecure"},
	{channel.ErrLive, "live"},
	{channel.ErrFull, "full"},
	{channel.ErrClosing, "closing"},
}

// Reasons of refusals for which there is no error of their own.
const (
	wrongKey       = "wrong_key"
	wrongKeySlowed = "wrong_key_slowed"
	internalError  = "internal"
	stageRefused   = "stage"
)

// refusalReason names a refusal by a stage.
func refusalReason(code ivsrealtime.EventErrorCode) string {
	if code == "" {
		return stageRefused
	}
	return strings.ToLower(string(code))
}

// metrics count what the server does.
type metrics struct{ refusals *prometheus.CounterVec }

func newMetrics(r prometheus.Registerer, evicted func() uint64) metrics {
	m := metrics{refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rostrum_ingest_refusals_total",
		Help: "Encoders refused, by reason; wrong_key_slowed were delayed because of many wrong keys from their address.",
	}, []string{"reason"})}
	if r != nil {
		r.MustRegister(m.refusals, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "rostrum_ingest_evicted_total",
			Help: "Connections that were closed before they had sent a stream key, because there were too many from their address or in all.",
		}, func() float64 { return float64(evicted()) }))
	}
	return m
}

func (m metrics) refused(reason string) { m.refusals.WithLabelValues(reason).Inc() }
