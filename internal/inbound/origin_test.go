package inbound_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"rostrum/internal/inbound"
)

func TestOrigins_AllowOnlyThoseThatMay(t *testing.T) {
	all, here := inbound.Origins{Any: true}, inbound.Origins{Loopback: true}
	listed := inbound.Origins{List: []string{"https://app.example"}}
	for name, c := range map[string]struct {
		origins       inbound.Origins
		origin, fetch string
		allowed       bool
		answer        string // Access-Control-Allow-Origin
	}{
		"any page":                               {all, "https://evil.example", "cross-site", true, "*"},
		"a program":                              {here, "", "", true, ""},
		"a page of this machine":                 {here, "http://localhost:3000", "cross-site", true, "http://localhost:3000"},
		"one by its address":                     {here, "http://[::1]:3000", "cross-site", true, "http://[::1]:3000"},
		"a page of the server":                   {here, "http://server.example:7080", "same-origin", true, "http://server.example:7080"},
		"a foreign page":                         {here, "https://evil.example", "cross-site", false, ""},
		"a foreign page with a name like it":     {here, "https://localhost.evil.example", "cross-site", false, ""},
		"a page without an origin":               {here, "null", "cross-site", false, ""},
		"an image of a foreign page":             {here, "", "cross-site", false, ""},
		"an image of another port":               {here, "", "same-site", false, ""},
		"an address that was typed":              {here, "", "none", true, ""},
		"a page that is listed":                  {listed, "https://app.example", "cross-site", true, "https://app.example"},
		"the same with another port":             {listed, "https://app.example:8443", "cross-site", false, ""},
		"the same without TLS":                   {listed, "http://app.example", "cross-site", false, ""},
		"a page of this machine that isn't":      {listed, "http://localhost:3000", "cross-site", false, ""},
		"a page of the server that isn't listed": {listed, "http://server.example:7080", "same-origin", true, "http://server.example:7080"},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://server.example:7080/CreateStage", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.fetch != "" {
			r.Header.Set("Sec-Fetch-Site", c.fetch)
		}
		h := http.Header{}
		if allowed := c.origins.Allow(h, r); allowed != c.allowed || h.Get("Access-Control-Allow-Origin") != c.answer {
			t.Errorf("%s: allowed %v with %q, expected %v with %q", name, allowed, h.Get("Access-Control-Allow-Origin"), c.allowed, c.answer)
		}
	}
}

func TestRequireHost_RefusesForeignNames(t *testing.T) {
	h := inbound.RequireHost(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "stage.example")
	for host, expected := range map[string]int{
		"localhost:7080": 200, "LOCALHOST": 200, "127.0.0.1:7080": 200, "127.9.9.9": 200, "[::1]:7080": 200, "[::1]": 200,
		"stage.example": 200, "Stage.Example:443": 200,
		"evil.example:7080": 421, "localhost.evil.example": 421, "10.0.0.1:7080": 421, "": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != expected {
			t.Errorf("%q is answered by %d, expected %d", host, w.Code, expected)
		}
	}
}
