package inbound

import (
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// Panics ends only the connection or request whose handling panicked: the fault is
// logged and counted. A nil *Panics logs to the default logger.
type Panics struct {
	log   *slog.Logger
	count *prometheus.CounterVec
}

// NewPanics makes one for a process.
func NewPanics(log *slog.Logger, r prometheus.Registerer) *Panics {
	p := &Panics{log: log, count: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rostrum_panics_total",
		Help: "Faults of the server in handling a request, a connection or media, by part; the log has each.",
	}, []string{"part"})}
	r.MustRegister(p.count)
	return p
}

// Recover is deferred: it ends a panic there. What more has to be closed is closed by
// deferred calls of its own.
func (p *Panics) Recover(part string) {
	if fault := recover(); fault != nil {
		p.Record(part, fault)
	}
}

// Record logs and counts a panic that was recovered. attrs are of its line in the log.
func (p *Panics) Record(part string, fault any, attrs ...any) {
	log := slog.Default()
	if p != nil {
		log = p.log
		p.count.WithLabelValues(part).Inc()
	}
	log.With(attrs...).Error("panic", "part", part, "panic", fault, "stack", string(debug.Stack()))
}

// Handler ends a request that panics by closing its connection, since its answer may
// have begun.
func (p *Panics) Handler(part string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault != http.ErrAbortHandler { // which net/http knows and does not log
				p.Record(part, fault)
			}
			panic(http.ErrAbortHandler)
		}()
		h.ServeHTTP(w, r)
	})
}
