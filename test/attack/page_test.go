package attack

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// sinks are the ways by which text becomes a page's own code or elements.
var sinks = regexp.MustCompile(`\.(innerHTML|outerHTML)\b|insertAdjacentHTML|document\.write|\beval\(|new Function\(|srcdoc|createContextualFragment|javascript:`)

var scripts = regexp.MustCompile(`<script([^>]*)>([^<]*)`)

// Item 16: whatever participants call themselves, the pages of the server have no way to take
// it for anything but text, and browsers are told to run nothing that isn't the server's.
// What a browser really does is seen in test/e2e.
func TestAttack_PagesTakeTextForNothingElse(t *testing.T) {
	get := func(path string) (string, http.Header) {
		answer, err := http.Get(stand.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", path, answer.StatusCode, err)
		}
		return string(body), answer.Header
	}
	page, header := get("/stage/")
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy of the page lacks %s: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the page's headers are %v", header)
	}
	found := scripts.FindAllStringSubmatch(page, -1)
	if len(found) == 0 {
		t.Fatal("the page has no script: nothing was looked at")
	}
	for _, s := range found {
		name := regexp.MustCompile(`src="([^"]+)"`).FindStringSubmatch(s[1])
		if name == nil || strings.TrimSpace(s[2]) != "" {
			t.Errorf("the page has a script of its own: %q", s[0])
			continue
		}
		code, _ := get("/stage/" + name[1])
		if sink := sinks.FindString(code); sink != "" {
			t.Errorf("%s has %s", name[1], sink)
		}
	}
}
