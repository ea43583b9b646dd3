package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// wellKnown are keys and secrets that stand in manuals and samples, and are
// therefore the first that an attacker tries.
var wellKnown = []string{
	"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	"minioadmin", "rostrum", "admin", "root", "test", "local", "example", "secret", "password", "changeme", "default", "accesskey", "secretkey",
}

// refusal tells why serve does not start with these settings, or nil. Addresses
// that only this machine reaches are trusted with everything but nonsense.
func (s *Settings) CheckSafety() error {
	if s.Auth == "none" {
		if !s.Listen.IsLoopback() {
			return fmt.Errorf("auth is none, which lets anybody do anything, and listen is %s, which others can reach: use auth sigv4 or listen on 127.0.0.1", s.Listen)
		}
	}
	if s.Insecure {
		return nil
	}
	if s.Auth == "none" && s.CORSOrigins.Any() {
		return errors.New("auth is none and cors_origins is *, so any web page that is open on this machine could do anything: name the pages, or say --insecure")
	}
	if s.AdminListen != "" && !s.AdminListen.IsLoopback() {
		return fmt.Errorf("admin_listen is %s, which others can reach, and profiles and metrics ask for no credentials: listen on 127.0.0.1, or say --insecure where a firewall stands before it", s.AdminListen)
	}
	if s.Listen.IsLoopback() {
		return nil
	}
	if !s.HasTLS() {
		return fmt.Errorf("listen is %s, which others can reach, and without TLS they could read tokens on their way: set domain, or tls_cert and tls_key, or say --insecure where something before it speaks TLS", s.Listen)
	}
	if s.AccessKey != "" && (looksWellKnown(string(s.AccessKey)) || looksWellKnown(string(s.SecretKey))) {
		return errors.New("access_key or secret_key is one that anybody would try, and others can reach this server: leave both out and strong ones are made, or say --insecure")
	}
	return nil
}

// IsPublic reports whether clients of other machines reach the main address, directly or
// by a proxy.
func (s *Settings) IsPublic() bool {
	if !s.Listen.IsLoopback() || len(s.Domains) > 0 {
		return true
	}
	public, err := url.Parse(string(s.PublicURL))
	return err == nil && public.Host != "" && !Address(net.JoinHostPort(public.Hostname(), "0")).IsLoopback()
}

// looksWellKnown reports whether a key is a well-known one, or a well-known word
// with something cheap around it.
func looksWellKnown(key string) bool {
	if slices.Contains(wellKnown, key) {
		return true
	}
	bare := strings.ToLower(strings.Trim(key, "0123456789_-!."))
	if slices.Contains(wellKnown, bare) || bare == "" {
		return true
	}
	return len(slices.Compact(slices.Sorted(slices.Values([]byte(key))))) < 5 // aaaa…, ababab…
}
