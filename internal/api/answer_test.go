package api

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"

	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

func TestServer_AnswersABusyDatabaseWith503(t *testing.T) {
	w := httptest.NewRecorder()
	code := (&Server{}).refuse(w, slog.New(slog.DiscardHandler), fmt.Errorf("list stages: begin: %w", store.ErrBusy))
	if code != ivsrealtime.ServiceUnavailable || w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("answered with %s, %d, %v", code, w.Code, w.Header())
	}
}
