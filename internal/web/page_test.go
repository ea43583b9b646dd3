package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rostrum/internal/web"
)

func TestPages_ConnectToTheirServerOnly(t *testing.T) {
	const script, style = "text/javascript", "text/css"
	for path, page := range map[string]struct {
		http.Handler
		files map[string]string
	}{
		web.StagePath:  {web.Stage("https://stages.example:7443"), map[string]string{"": "text/html", "page.js": script, "page.css": style}},
		web.PlayerPath: {web.Player("https://stages.example:7443"), map[string]string{"": "text/html", "player.js": script, "player.css": style, "hls.js/hls.min.mjs": script}},
	} {
		for file, contentType := range page.files {
			w := httptest.NewRecorder()
			page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path+file, nil))
			if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), contentType) {
				t.Errorf("%s%s: expected 200 and %s, got %d and %s", path, file, contentType, w.Code, w.Header().Get("Content-Type"))
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(policy, "connect-src 'self' https://stages.example:7443 wss://stages.example:7443;") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s%s: expected a policy for this server only, got %s", path, file, policy)
			}
		}
	}
}
