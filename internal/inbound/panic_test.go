package inbound_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/inbound"
)

func TestPanics_EndOneRequestLoggedAndCounted(t *testing.T) {
	var log bytes.Buffer
	metrics := prometheus.NewRegistry()
	p := inbound.NewPanics(slog.New(slog.NewTextHandler(&log, nil)), metrics)
	mux := http.NewServeMux()
	mux.Handle("/fault", p.Handler("pages", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		panic("a fault")
	})))
	mux.Handle("/abort", p.Handler("pages", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })))
	mux.Handle("/good", p.Handler("pages", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	s := httptest.NewServer(mux)
	defer s.Close()
	for path, expected := range map[string]bool{"/fault": false, "/abort": false, "/good": true} {
		a, err := http.Get(s.URL + path)
		if err == nil {
			a.Body.Close()
		}
		if (err == nil) != expected {
			t.Errorf("%s is answered: %v", path, err)
		}
	}
	s.Close()
	func() {
		defer p.Recover("media")
		panic("another")
	}()
	for line, n := range map[string]int{"level=ERROR": 2, "part=pages": 1, "part=media": 1, "panic_test.go": 2} {
		if got := strings.Count(log.String(), line); got < n {
			t.Errorf("the log has %q %d times, expected %d:\n%s", line, got, n, &log)
		}
	}
	families, err := metrics.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 2 {
		t.Errorf("the metrics count %v, %v", families, err)
	}
}
