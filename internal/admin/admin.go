// Package admin serves the operator's endpoints: health, metrics and profiles.
package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyWithin bounds how long a question after readiness may take.
const readyWithin = 2 * time.Second

// A Check answers whether a part of the house can do its work now.
type Check func(context.Context) error

// Health serves /healthz, which answers 200 as long as the process answers at
// all, and /readyz, which answers 200 when all checks pass and else 503 with
// the name of the first that doesn't. Why it doesn't is for the log, not for
// whoever asks.
func Health(log func(name string, err error), checks map[string]Check) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
		defer cancel()
		for name, check := range checks {
			if err := check(ctx); err != nil {
				log(name, err)
				http.Error(w, name+" is not ready", http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ready")
	})
	return mux
}

// Metrics serves what was counted, in the format of Prometheus.
func Metrics(counted prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(counted, promhttp.HandlerOpts{})
}

// Profiles serves the Go profiles under /debug/pprof/.
func Profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
