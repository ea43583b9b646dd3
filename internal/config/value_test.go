package config

import (
	"strings"
	"testing"
)

func TestDatabaseURL_HidesItsPassword(t *testing.T) {
	for in, expected := range map[string]string{
		"postgres://u:sesame@h/d":                        "postgres://u:xxxxx@h/d",
		"postgres://u@h/d":                               "postgres://u@h/d",
		"postgres://h/d?user=u&password=sesame":          "postgres://h/d?password=xxxxx&user=u",
		"postgresql://u:sesame@h:5432/d?sslmode=require": "postgresql://u:xxxxx@h:5432/d?sslmode=require",
	} {
		var u DatabaseURL
		if err := u.UnmarshalText([]byte(in)); err != nil {
			t.Fatal(err)
		}
		if u.String() != expected || u.hides() != (in != expected) {
			t.Errorf("expected %s, saw %s (hides: %v)", expected, u, u.hides())
		}
	}
	for _, wrong := range []string{"mysql://u:sesame@h/d", "sesame", "postgres://u:sesame@h:bad/d"} {
		err := new(DatabaseURL).UnmarshalText([]byte(wrong))
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: expected an error that keeps the secret, saw %v", wrong, err)
		}
	}
}

func TestEndpoint_IsTheSameAtEveryStart(t *testing.T) {
	for _, c := range []struct {
		name, bound, expected string
		s                     Settings
	}{
		{"loopback", "127.0.0.1:7080", "http://127.0.0.1:7080", Settings{}},
		{"IPv6", "[::1]:80", "http://[::1]:80", Settings{}},
		{"a certificate", "192.0.2.1:443", "https://192.0.2.1:443", Settings{TLSCert: "c"}},
		{"a public URL", "0.0.0.0:80", "https://rostrum.example", Settings{PublicURL: "https://rostrum.example"}},
	} {
		if seen, err := c.s.Endpoint(c.bound); err != nil || seen != c.expected {
			t.Errorf("%s: expected %s, saw %s, %v", c.name, c.expected, seen, err)
		}
	}
	if seen, err := new(Settings).Endpoint("127.0.0.1:0"); err == nil {
		t.Errorf("no port and no public URL: expected an error, saw %s", seen)
	}
	if seen, err := new(Settings).Endpoint(":80"); err != nil || strings.Contains(seen, "[::]") || strings.Contains(seen, "0.0.0.0") {
		t.Errorf("everywhere: expected an address clients can use, saw %s, %v", seen, err)
	}
}
