package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rostrum/internal/web"
)

func TestSDK_LoadsIntoPagesOfEveryOrigin(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, web.SDKPath, nil)
	r.Header.Set("Origin", "https://application.example")
	w := httptest.NewRecorder()
	web.SDK().ServeHTTP(w, r)
	for name, expected := range map[string]string{
		"Content-Type":                 "text/javascript; charset=utf-8",
		"Access-Control-Allow-Origin":  "*",
		"Cross-Origin-Resource-Policy": "cross-origin",
		"Cache-Control":                "public, no-cache",
		"X-Content-Type-Options":       "nosniff",
	} {
		if got := w.Header().Get(name); got != expected {
			t.Errorf("%s: expected %q, got %q", name, expected, got)
		}
	}
	if !strings.Contains(w.Body.String(), "var IVSBroadcastClient=") {
		t.Error("the script does not define the global IVSBroadcastClient")
	}

	again := r.Clone(r.Context())
	again.Header.Set("If-None-Match", w.Header().Get("ETag"))
	unchanged := httptest.NewRecorder()
	web.SDK().ServeHTTP(unchanged, again)
	if unchanged.Code != http.StatusNotModified {
		t.Errorf("expected 304 for a script that is known, got %d", unchanged.Code)
	}
}

func TestSDK_StaysSmall(t *testing.T) {
	w := httptest.NewRecorder()
	web.SDK().ServeHTTP(w, httptest.NewRequest(http.MethodGet, web.SDKPath, nil))
	var size counter
	z := gzip.NewWriter(&size)
	if _, err := io.Copy(z, w.Body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if size > 30<<10 {
		t.Errorf("expected at most 30 KiB compressed, got %d bytes", size)
	}
}

// A counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
