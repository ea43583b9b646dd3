package api_test

import (
	"net/http"
	"testing"
	"time"

	"rostrum/internal/control"
	"rostrum/ivsrealtime"
)

func TestServer_LetsRequestsBeyondTheRateWait(t *testing.T) {
	h := newFixture(t, control.Limits{Requests: 1})
	const requests = 3
	start := time.Now()
	for range requests {
		if a := h.send(t, request{path: "/ListStages", body: `{}`}); a.StatusCode != http.StatusOK {
			t.Errorf("answered by %d %s", a.StatusCode, a.body)
		}
	}
	if took := time.Since(start); took < (requests-1)*900*time.Millisecond {
		t.Errorf("%d requests took %v, at one a second", requests, took)
	}
}

func TestServer_StopsWithoutTheRequestsThatWait(t *testing.T) {
	h := newFixture(t, control.Limits{Requests: 0.3})
	close(h.stopping)
	for range 5 { // a busy machine may take so long that a request need not wait
		a := h.send(t, request{path: "/ListStages", body: `{}`})
		if code, _ := a.fault(); code == string(ivsrealtime.ServiceUnavailable) {
			return
		} else if code != "" {
			t.Fatalf("answered by %s", code)
		}
	}
	t.Error("no request that had to wait was told that the server stops")
}
