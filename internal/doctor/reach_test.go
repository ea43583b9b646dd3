package doctor_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/doctor"
	"rostrum/internal/server"
	"rostrum/test/authority"
	testserver "rostrum/test/server"
)

func TestDoctor_ProbesARunningServer(t *testing.T) {
	dir := t.TempDir()
	authority.SelfSigned(t, dir, "localhost", time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour))
	port, media := freePort(t), freePort(t)
	args := []string{
		"--listen", "127.0.0.1:" + port, "--media-port", media, "--ephemeral", "--public-url", "https://localhost:" + port,
		"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"), "--turns-listen", "127.0.0.1:" + freePort(t),
	}
	serve(t, append(args, "--rtmp-listen", "127.0.0.1:0")...)
	found, fails := doctor.Findings(t, args...)
	for check, want := range map[string]struct {
		state doctor.State
		says  string
	}{
		"HTTP address":  {doctor.OK, "a Rostrum serves"},
		"media port":    {doctor.OK, "in use"},
		"media reach":   {doctor.OK, "127.0.0.1 answer by UDP and TCP"},
		"public URL":    {doctor.OK, "leads to a Rostrum"},
		"TURN address":  {doctor.OK, "in use by the Rostrum"},
		"TURN over TLS": {doctor.Warning, "strict networks allow only 443"},
		"TLS trust":     {doctor.Warning, "browsers refuse it"},
	} {
		if f := found[check]; f.State != want.state || !strings.Contains(f.Found, want.says) || f.State == doctor.Warning && f.Remedy == "" {
			t.Errorf("%s: expected %s and %q, saw %+v", check, want.state, want.says, f)
		}
	}
	if fails {
		t.Error("expected nothing broken")
	}

	// Where nothing answers, the setting to change is named.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	found, fails = doctor.Findings(t, append(args, "--turns-listen", silent.Addr().String(), "--public-ip", "127.0.0.9", "--public-url", "https://localhost:1")...)
	for check, want := range map[string]struct {
		state doctor.State
		names string
	}{
		"media reach":   {doctor.Warning, "public_ip"},
		"public URL":    {doctor.Warning, "public_url"},
		"TURN over TLS": {doctor.Broken, "turns_listen"},
	} {
		if f := found[check]; f.State != want.state || !strings.Contains(f.Remedy, want.names) {
			t.Errorf("%s: expected %s and a remedy with %s, saw %+v", check, want.state, want.names, f)
		}
	}
	if !fails {
		t.Error("expected something broken")
	}
}

func TestDoctor_WarnsWhenStrictNetworksBlockMedia(t *testing.T) {
	dir := t.TempDir()
	authority.SelfSigned(t, dir, "localhost", time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour))
	tls := []string{"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem")}
	for says, c := range map[string]struct {
		args  []string
		state doctor.State
		found string
	}{
		"loopback":                   {[]string{"--listen", "127.0.0.1:0"}, doctor.OK, "not needed"},
		"others, without TLS":        {[]string{"--listen", "0.0.0.0:0", "--insecure"}, doctor.Warning, "there is none"},
		"another port":               {append([]string{"--listen", "0.0.0.0:8443"}, tls...), doctor.Warning, "port 8443"},
		"443 before it":              {append([]string{"--listen", "0.0.0.0:8443", "--public-url", "https://localhost"}, tls...), doctor.OK, "8443"},
		"443 for TURN":               {append([]string{"--listen", "0.0.0.0:8443", "--turns-listen", "0.0.0.0:443"}, tls...), doctor.OK, "443"},
		"a proxy, TURN at 8444 only": {append([]string{"--listen", "0.0.0.0:8443", "--public-url", "https://localhost", "--turns-listen", "0.0.0.0:8444"}, tls...), doctor.Warning, "port 8444"},
	} {
		found, _ := doctor.Findings(t, append([]string{"--media-port", "0"}, c.args...)...)
		if f := found["TURN over TLS"]; f.State != c.state || !strings.Contains(f.Found, c.found) || f.State != doctor.OK && f.Remedy == "" {
			t.Errorf("%s: expected %s and %q, saw %+v", says, c.state, c.found, f)
		}
	}
}

func TestDoctor_FindsAPublicURLThatNobodyResolves(t *testing.T) {
	found, fails := doctor.Findings(t, "--listen", "127.0.0.1:0", "--media-port", "0", "--public-url", "http://nobody.invalid:7080")
	if f := found["public URL"]; f.State != doctor.Broken || !strings.Contains(f.Remedy, "public_url") || !fails {
		t.Errorf("expected a broken public URL, saw %+v", f)
	}
}

// freePort is a port that is free at the moment, by UDP and TCP.
func freePort(t *testing.T) string {
	t.Helper()
	address, err := testserver.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	return port
}

// serve runs a server until the test ends.
func serve(t *testing.T, args ...string) {
	t.Helper()
	s, err := config.Parse(args...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, s, io.Discard, func(*server.Banner) error { close(ready); return nil })
	}()
	select {
	case <-ready:
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	case err := <-ended:
		stop()
		t.Fatal(err)
	}
}
