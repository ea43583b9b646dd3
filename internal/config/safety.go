package config

import (
	"slices"
	"strings"
)

// wellKnown are keys and secrets of manuals and samples, which attackers try first.
var wellKnown = []string{
	"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	"minioadmin", "rostrum", "admin", "root", "test", "local", "example", "secret", "password", "changeme", "default", "accesskey", "secretkey",
}

// looksWellKnown reports whether a key is a well-known one, or a well-known word with digits
// or signs around it, or has few different characters.
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
