package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"rostrum/internal/rtmp"
	"rostrum/test/authority"
)

// A frontier is port 443 of the names of a test: it hands on what comes to the server.
type frontier struct {
	net.Listener
	to chan string // the server's address, once it is known
}

func newFrontier(t *testing.T) *frontier {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f := &frontier{l, make(chan string, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.handOn(conn)
		}
	}()
	return f
}

func (f *frontier) handOn(conn net.Conn) {
	defer conn.Close()
	at := <-f.to
	f.to <- at
	there, err := net.Dial("tcp", at)
	if err != nil {
		return
	}
	defer there.Close()
	go func() { _, _ = io.Copy(there, conn); there.Close() }()
	_, _ = io.Copy(conn, there)
}

// listenAddress is where a server listens, whatever name its endpoint has.
func listenAddress(t *testing.T, s *served) string {
	t.Helper()
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Hostname() != "stage.example" {
		t.Fatalf("the endpoint is %q, %v, expected https://stage.example:…", s.Endpoint, err)
	}
	return net.JoinHostPort("127.0.0.1", u.Port())
}

// TestServe_ObtainsACertificateForItsDomain, shows it wherever it speaks TLS, and keeps it
// over a restart and in a backup, though the authority is away by then.
func TestServe_ObtainsACertificateForItsDomain(t *testing.T) {
	front := newFrontier(t)
	ca := authority.Listen(t, front.Addr().(*net.TCPAddr).Port, 90*24*time.Hour)
	dir := t.TempDir()
	write(t, dir, "authority.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Server.Certificate().Raw})))
	data := filepath.Join(dir, "data")
	operators := "127.0.0.1:" + freePort(t)
	args := []string{"--domain", "stage.example", "--acme-directory", ca.Directory, "--data-dir", data, "--admin-listen", operators,
		"--turns-listen", "127.0.0.1:0", "--rtmps-listen", "127.0.0.1:0", "--rtmp-listen", "127.0.0.1:0", "--media-port", "0"}
	t.Setenv("SSL_CERT_FILE", filepath.Join(dir, "authority.pem"))

	s := serve(t, args...)
	at := listenAddress(t, s)
	stand := shows(t, at, nil)
	if stand.VerifyHostname("stage.example") != nil {
		t.Errorf("before the authority signs, %v is shown, expected a stand-in", stand.Subject)
	}
	if err := ready(at); err != nil {
		t.Errorf("before the authority signs: %v", err)
	}
	front.to <- at
	for end := time.Now().Add(20 * time.Second); shows(t, at, nil).Equal(stand); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("there is no certificate after 20 s")
		}
	}
	leaf := shows(t, at, nil)
	turns, _ := strings.CutPrefix(s.Candidates[len(s.Candidates)-1], "tls stage.example:")
	rtmps, err := url.Parse(s.Encoders[len(s.Encoders)-1])
	if err != nil || rtmps.Scheme != "rtmps" || rtmps.Hostname() != "stage.example" {
		t.Fatalf("encoders are told of %v, %v, expected RTMPS last", s.Encoders, err)
	}
	for where, there := range map[string]*x509.Certificate{
		"TURN at the main address": shows(t, at, []string{"stun.turn"}),
		"TURN at its own":          shows(t, "127.0.0.1:"+turns, nil),
		"RTMPS":                    shows(t, "127.0.0.1:"+rtmps.Port(), nil),
	} {
		if !there.Equal(leaf) {
			t.Errorf("%s shows %v, expected the same as HTTPS", where, there.Subject)
		}
	}
	_, err = rtmp.Dial(t.Context(), "rtmps://127.0.0.1:"+rtmps.Port()+"/app/rt_000000000000_us-east-1_abcdefghijkl_unknown", rtmp.Stream{
		Sets: [][]byte{{0x67, 66, 0, 10}, {0x68, 0xce, 0x3c, 0x80}}, TLS: &tls.Config{RootCAs: ca.Roots, ServerName: "stage.example"}})
	if !errors.Is(err, rtmp.ErrRefused) || !strings.Contains(err.Error(), "unknown stream key") {
		t.Errorf("an encoder that verifies the certificate is answered %v, expected that its key is unknown", err)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Roots}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at)
		}}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("https://stage.example/healthz")
	if err != nil {
		t.Fatalf("ask with the authority's roots: %v", err)
	}
	answer.Body.Close()
	if answer.ProtoMajor != 2 {
		t.Errorf("HTTPS is answered by %s", answer.Proto)
	}
	if _, metrics := fetch(t, "http://"+operators+"/metrics"); !strings.Contains(metrics, `rostrum_certificate_failing{name="stage.example"} 0`) {
		t.Error("the metrics lack the certificate")
	}
	out, _, _ := finish(t, rostrum(t, append([]string{"doctor", "--listen", at}, args...)...))
	if !regexp.MustCompile(`(?m)^ok +certificate of stage.example .*Pebble`).MatchString(out) {
		t.Errorf("doctor prints %s", out)
	}

	ca.Away.Store(true)
	if _, stderr, code := finish(t, rostrum(t, "backup", "--data-dir", data, filepath.Join(dir, "copy"))); code != exitOK {
		t.Fatalf("backup: exit %d, %s", code, stderr)
	}
	if code, _ := s.stop(t, syscall.SIGTERM); code != exitOK {
		t.Errorf("expected exit 0, saw %d", code)
	}
	for _, folder := range []string{data, filepath.Join(dir, "copy")} {
		again := serve(t, append(args, "--data-dir", folder)...)
		if !shows(t, listenAddress(t, again), nil).Equal(leaf) {
			t.Errorf("after a restart on %s: another certificate", filepath.Base(folder))
		}
		again.stop(t, syscall.SIGTERM)
	}
}

// shows is the certificate at an address for the test's name.
func shows(t *testing.T, at string, protocols []string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", at, &tls.Config{ServerName: "stage.example", InsecureSkipVerify: true, NextProtos: protocols})
	if err != nil {
		t.Fatalf("shake hands at %s: %v", at, err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// ready asks a server whose certificate may be of anybody.
func ready(at string) error {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("https://" + at + "/readyz")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}
