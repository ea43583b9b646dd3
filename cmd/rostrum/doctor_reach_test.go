package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/test/authority"
)

// TestDoctor_TriesTheWaysToARunningServer, and tells which are shut.
func TestDoctor_TriesTheWaysToARunningServer(t *testing.T) {
	dir := t.TempDir()
	authority.SelfSigned(t, dir, "localhost", time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour))
	port, media := freePort(t), freePort(t)
	args := []string{
		"--listen", "127.0.0.1:" + port, "--media-port", media, "--ephemeral", "--public-url", "https://localhost:" + port,
		"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"), "--turns-listen", "127.0.0.1:" + freePort(t),
	}
	serve(t, append(args, "--rtmp-listen", "127.0.0.1:0")...)
	found, code := findings(t, args...)
	for check, want := range map[string]struct {
		state condition
		says  string
	}{
		"HTTP address":  {sound, "a Rostrum serves"},
		"media port":    {sound, "in use"},
		"media reach":   {sound, "127.0.0.1 answer by UDP and TCP"},
		"public URL":    {sound, "leads to a Rostrum"},
		"TURN address":  {sound, "in use, by the Rostrum"},
		"TURN over TLS": {weak, "strict networks let only 443 out"},
		"TLS trust":     {weak, "browsers refuse it"},
	} {
		if f := found[check]; f.State != want.state || !strings.Contains(f.Found, want.says) || f.State == weak && f.Remedy == "" {
			t.Errorf("%s: expected %s and %q, saw %+v", check, want.state, want.says, f)
		}
	}
	if code != exitOK {
		t.Errorf("expected exit 0, saw %d", code)
	}

	// Where nothing answers, the setting to change is named.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	found, code = findings(t, append(args, "--turns-listen", silent.Addr().String(), "--public-ip", "127.0.0.9", "--public-url", "https://localhost:1")...)
	for check, want := range map[string]struct {
		state condition
		names string
	}{
		"media reach":   {weak, "public_ip"},
		"public URL":    {weak, "public_url"},
		"TURN over TLS": {broken, "turns_listen"},
	} {
		if f := found[check]; f.State != want.state || !strings.Contains(f.Remedy, want.names) {
			t.Errorf("%s: expected %s and a remedy with %s, saw %+v", check, want.state, want.names, f)
		}
	}
	if code != exitFailure {
		t.Errorf("expected exit 1, saw %d", code)
	}
}

func TestDoctor_TellsWhoStrictNetworksShutOut(t *testing.T) {
	dir := t.TempDir()
	authority.SelfSigned(t, dir, "localhost", time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour))
	tls := []string{"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem")}
	for says, c := range map[string]struct {
		args  []string
		state condition
		found string
	}{
		"loopback":                   {[]string{"--listen", "127.0.0.1:0"}, sound, "not needed"},
		"others, without TLS":        {[]string{"--listen", "0.0.0.0:0", "--insecure"}, weak, "there is none"},
		"another port":               {append([]string{"--listen", "0.0.0.0:8443"}, tls...), weak, "port 8443"},
		"443 before it":              {append([]string{"--listen", "0.0.0.0:8443", "--public-url", "https://localhost"}, tls...), sound, "8443"},
		"443 for TURN":               {append([]string{"--listen", "0.0.0.0:8443", "--turns-listen", "0.0.0.0:443"}, tls...), sound, "443"},
		"a proxy, TURN at 8444 only": {append([]string{"--listen", "0.0.0.0:8443", "--public-url", "https://localhost", "--turns-listen", "0.0.0.0:8444"}, tls...), weak, "port 8444"},
	} {
		found, _ := findings(t, append([]string{"--media-port", "0"}, c.args...)...)
		if f := found["TURN over TLS"]; f.State != c.state || !strings.Contains(f.Found, c.found) || f.State != sound && f.Remedy == "" {
			t.Errorf("%s: expected %s and %q, saw %+v", says, c.state, c.found, f)
		}
	}
}

func TestDoctor_FindsAPublicURLThatNobodyResolves(t *testing.T) {
	found, code := findings(t, "--listen", "127.0.0.1:0", "--media-port", "0", "--public-url", "http://nobody.invalid:7080")
	if f := found["public URL"]; f.State != broken || !strings.Contains(f.Remedy, "public_url") || code != exitFailure {
		t.Errorf("expected a broken public URL and exit 1, saw %+v and exit %d", f, code)
	}
}
