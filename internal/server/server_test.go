package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/console"
	"rostrum/internal/inbound"
	"rostrum/test/authority"
)

func TestListener_UsesARenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	cert := ownCertificate(t, dir, "rostrum.example")
	at, end := startListener(t, cert, http.NotFoundHandler(), nil)
	serial := func() string {
		conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	old := serial()
	authority.SelfSigned(t, dir, "rostrum.example", time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour))
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "cert.pem"), later, later); err != nil {
		t.Fatal(err)
	}
	cert.mu.Lock()
	cert.checked = time.Time{} // as if the interval had passed
	cert.mu.Unlock()
	if renewed := serial(); renewed == old {
		t.Errorf("expected the renewed certificate, saw %s again", old)
	}
	if err := end(); err != nil {
		t.Errorf("expected a clean end, saw %v", err)
	}
}

func TestRunGroup_EndsWhenTheFirstPartDoes(t *testing.T) {
	ended := 0
	waits := func(ctx context.Context) error { <-ctx.Done(); ended++; return nil }
	if err := RunGroup(t.Context(), waits, func(context.Context) error { return io.ErrUnexpectedEOF }); err != io.ErrUnexpectedEOF || ended != 1 {
		t.Errorf("expected the first error when all have ended, saw %v with %d ended", err, ended)
	}
	if err := RunGroup(t.Context(), waits, func(context.Context) error { return nil }); err != nil || ended != 2 {
		t.Errorf("expected no error when all have ended, saw %v with %d ended", err, ended)
	}
}

func TestLogger_HidesSecrets(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var log strings.Builder
		ring := new(console.LogRing)
		l := newLogger(&config.Settings{LogLevel: "debug", LogFormat: format}, &log, ring)
		l.Info("m", "authorization", "sesame", "stream_key", "sesame", "participantToken", "sesame", "s", config.Secret("sesame"),
			"settings", config.Settings{SecretKey: "sesame", Database: "postgres://u:sesame@h/d"}, "operation", "seen")
		if strings.Contains(log.String(), "sesame") || !strings.Contains(log.String(), "seen") {
			t.Errorf("expected secrets hidden and the rest shown, saw %s", log.String())
		}
		lines, last := ring.After(0)
		if last != 1 || strings.Contains(string(lines[0].Line), "sesame") || !strings.Contains(string(lines[0].Line), "seen") {
			t.Errorf("the console shows %s", lines[0].Line)
		}
	}
}

// ownCertificate is one that is good today, as a server reads it from a folder.
func ownCertificate(t *testing.T, dir, name string) *fileCertificate {
	t.Helper()
	authority.SelfSigned(t, dir, name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	cert, err := loadCertificate(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// startListener runs a listener until end, which tells how it ended, or the end of the test.
func startListener(t *testing.T, cert certificates, web http.Handler, relay func(net.Conn)) (at string, end func() error) {
	t.Helper()
	l, err := listen(t.Context(), "listen", "127.0.0.1:0", cert, inbound.ListenerConfig{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.run(ctx, web, relay) }()
	end = sync.OnceValue(func() error { stop(); return <-done })
	t.Cleanup(func() { _ = end() })
	return l.Addr().String(), end
}

func TestWithRemedy_NamesTheSettingOfAPortThatIsNotAllowed(t *testing.T) {
	err := withRemedy(fmt.Errorf("listen tcp :443: %w", fs.ErrPermission), "listen")
	if !strings.Contains(err.Error(), "CAP_NET_BIND_SERVICE") || !strings.Contains(err.Error(), "set listen to") {
		t.Errorf("expected the capability and the setting, got %v", err)
	}
}
