package main

import (
	"os"
	"strings"
	"testing"
)

func TestWait_ReturnsWhenTheServerIsReady(t *testing.T) {
	s := serve(t, "--ephemeral")
	at := strings.TrimPrefix(s.Endpoint, "http://")
	if stdout, stderr, code := finish(t, rostrum(t, "wait", "--listen", at)); code != exitOK || stdout != "" {
		t.Errorf("expected code 0 and no words, got %d: %s%s", code, stdout, stderr)
	}
	if stdout, _, _ := finish(t, rostrum(t, "wait", "--json", "--listen", at)); stdout != "{\"ready\":true}\n" {
		t.Errorf("with --json it prints %q", stdout)
	}
	if code, _ := s.stop(t, os.Interrupt); code != exitOK {
		t.Fatalf("serve ended with %d", code)
	}
	_, stderr, code := finish(t, rostrum(t, "wait", "--listen", at, "--timeout", "1ms"))
	if code != exitFailure || !strings.Contains(stderr, "the server does not answer") {
		t.Errorf("after the server: expected code 1 and why, got %d: %s", code, stderr)
	}
}
