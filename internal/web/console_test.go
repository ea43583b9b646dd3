package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"rostrum/internal/web"
)

func getConsole(t *testing.T, path string, encodings string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, web.ConsolePath+path, nil)
	r.Header.Set("Accept-Encoding", encodings)
	w := httptest.NewRecorder()
	web.Console("https://stages.example").ServeHTTP(w, r)
	return w
}

// entry matches what the document loads.
var entry = regexp.MustCompile(`(?:src|href)="/console/([^"]+)"`)

func TestConsole_AllPathsShowTheDocument(t *testing.T) {
	document := getConsole(t, "", "")
	for _, path := range []string{"stages", "stages/Ab3dEf6hIj9k/sessions/st-1", "stages/a.b"} {
		w := getConsole(t, path, "")
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-cache" || !bytes.Equal(w.Body.Bytes(), document.Body.Bytes()) {
			t.Errorf("%s: %d, expected the document", path, w.Code)
		}
	}
	for _, path := range []string{"assets/absent.js", "../page.go", "assets/../../stage/page.js"} {
		if w := getConsole(t, path, ""); w.Code != http.StatusNotFound && !bytes.Equal(w.Body.Bytes(), document.Body.Bytes()) {
			t.Errorf("%s: %d with %d bytes", path, w.Code, w.Body.Len())
		}
	}
}

func TestConsole_RunsItsOwnScriptsOnly(t *testing.T) {
	w := getConsole(t, "", "")
	policy := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy has no %s: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
	if inline := regexp.MustCompile(`<script[^>]*>[^<]|<style| style=| on\w+=`).FindString(w.Body.String()); inline != "" {
		t.Errorf("the document has %s", inline)
	}
}

// maxEntry bounds the scripts that the first page waits for, compressed.
const maxEntry = 350 << 10

func TestConsole_EntryIsSmall(t *testing.T) {
	scripts := 0
	for _, found := range entry.FindAllStringSubmatch(getConsole(t, "", "").Body.String(), -1) {
		plain, compressed := getConsole(t, found[1], ""), getConsole(t, found[1], "gzip, br")
		if plain.Code != http.StatusOK || !strings.Contains(plain.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %s", found[1], plain.Code, plain.Header().Get("Cache-Control"))
		}
		size := compressed.Body.Len()
		unpacked, err := gzip.NewReader(compressed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(content, plain.Body.Bytes()) {
			t.Errorf("%s: compressed it has %d bytes, expected %d, %v", found[1], len(content), plain.Body.Len(), err)
		}
		if strings.HasSuffix(found[1], ".js") {
			scripts += size
		}
	}
	if scripts == 0 || scripts > maxEntry {
		t.Errorf("the document loads %d KiB of scripts, expected at most %d", scripts>>10, maxEntry>>10)
	}
}
