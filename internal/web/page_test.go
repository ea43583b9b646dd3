package web_test

import (
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"rostrum/internal/web"
)

// imports are the modules and style sheets that a file loads.
var imports = regexp.MustCompile(`(?:from '|import '|src="|href=")([^'":#]+)['"]`)

func TestPages_ServeWhatTheyImport(t *testing.T) {
	pages := http.NewServeMux()
	pages.Handle(web.StagePath, web.Stage(""))
	pages.Handle(web.PlayerPath, web.Player(""))
	pages.Handle(web.SDKPath, web.SDK())
	seen := map[string]bool{}
	var load func(at string)
	load = func(at string) {
		if seen[at] {
			return
		}
		seen[at] = true
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, at, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s answers %d", at, w.Code)
		}
		if strings.HasSuffix(at, ".min.mjs") {
			return
		}
		for _, found := range imports.FindAllStringSubmatch(w.Body.String(), -1) {
			load(path.Join(path.Dir(at), found[1]))
		}
	}
	load(web.StagePath)
	load(web.PlayerPath)
	if !seen["/stage/page.js"] || !seen[web.SDKPath] || !seen["/play/hls.js/hls.min.mjs"] {
		t.Errorf("the pages load %v only", seen)
	}
}

func TestPages_ConnectToTheirServerOnly(t *testing.T) {
	const script, style = "text/javascript", "text/css"
	for at, page := range map[string]struct {
		http.Handler
		files map[string]string
	}{
		web.StagePath:  {web.Stage("https://stages.example:7443"), map[string]string{"": "text/html", "page.js": script, "page.css": style}},
		web.PlayerPath: {web.Player("https://stages.example:7443"), map[string]string{"": "text/html", "player.js": script, "player.css": style, "hls.js/hls.min.mjs": script}},
	} {
		for file, contentType := range page.files {
			w := httptest.NewRecorder()
			page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, at+file, nil))
			if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), contentType) {
				t.Errorf("%s%s: expected 200 and %s, got %d and %s", at, file, contentType, w.Code, w.Header().Get("Content-Type"))
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(policy, "connect-src 'self' https://stages.example:7443 wss://stages.example:7443;") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s%s: expected a policy for this server only, got %s", at, file, policy)
			}
		}
	}
}
