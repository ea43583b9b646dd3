package admin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/admin"
)

func get(h http.Handler, path string) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestHealth_IsAliveWhenNotReadyAndKeepsTheReasonToTheLog(t *testing.T) {
	var logged string
	well, ill := func(context.Context) error { return nil }, func(context.Context) error { return errors.New("disk on fire at /secret/path") }
	for _, c := range []struct {
		name   string
		checks map[string]admin.Check
		path   string
		status int
		body   string
	}{
		{"alive", map[string]admin.Check{"store": ill}, "/healthz", 200, "ok\n"},
		{"ready", map[string]admin.Check{"store": well}, "/readyz", 200, "ready\n"},
		{"not ready", map[string]admin.Check{"store": ill}, "/readyz", 503, "store is not ready\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := admin.Health(func(name string, err error) { logged = name + ": " + err.Error() }, c.checks)
			if status, body := get(h, c.path); status != c.status || body != c.body {
				t.Errorf("expected %d %q, saw %d %q", c.status, c.body, status, body)
			}
		})
	}
	if !strings.Contains(logged, "disk on fire") {
		t.Errorf("expected the reason in the log, saw %q", logged)
	}
}

func TestMetrics_ShowsWhatWasCounted(t *testing.T) {
	r := prometheus.NewRegistry()
	n := prometheus.NewCounter(prometheus.CounterOpts{Name: "rostrum_test_total", Help: "A test."})
	r.MustRegister(n)
	n.Inc()
	if _, body := get(admin.Metrics(r), "/metrics"); !strings.Contains(body, "rostrum_test_total 1") {
		t.Errorf("expected rostrum_test_total 1, saw %s", body)
	}
}

func TestProfiles_AreListed(t *testing.T) {
	if status, body := get(admin.Profiles(), "/debug/pprof/"); status != 200 || !strings.Contains(body, "goroutine") {
		t.Errorf("expected the list of profiles, saw %d %s", status, body)
	}
}
