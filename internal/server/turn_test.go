package server

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rostrum/internal/inbound"
)

// TestListener_TellsTURNFromHTTP: by the protocol that the client names, or else by what it
// says first.
func TestListener_TellsTURNFromHTTP(t *testing.T) {
	relay := func(conn net.Conn) {
		go func() {
			defer conn.Close()
			b := make([]byte, 4)
			if _, err := io.ReadFull(conn, b); err == nil {
				_, _ = conn.Write([]byte("TURN"))
			}
		}()
	}
	web := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			t.Errorf("%s: the request is not known to have come by TLS", r.Proto)
		}
		_, _ = io.WriteString(w, r.Proto)
	})
	at, end := startListener(t, ownCertificate(t, t.TempDir(), "rostrum.example"), web, relay)
	const get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for says, c := range map[string]struct{ protocol, first, want string }{
		"TURN by name":          {protocolTURN, "\x00\x03\x00\x00", "TURN"},
		"TURN without a name":   {"", "\x00\x03\x00\x00", "TURN"},
		"HTTP/1.1 by name":      {protocolHTTP1, get, "HTTP/1.1"},
		"HTTP/1.1 without one":  {"", get, "HTTP/1.1"},
		"nonsense gets refused": {"", "\xff\xff\r\n\r\n", "400 Bad Request"},
	} {
		config := &tls.Config{InsecureSkipVerify: true}
		if c.protocol != "" {
			config.NextProtos = []string{c.protocol}
		}
		conn, err := tls.Dial("tcp", at, config)
		if err != nil {
			t.Fatalf("%s: %v", says, err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write([]byte(c.first))
		said, _ := io.ReadAll(bufio.NewReader(conn))
		if !strings.Contains(string(said), c.want) {
			t.Errorf("%s: %q, want %s", says, said, c.want)
		}
		conn.Close()
	}
	for _, request := range []string{get, "POST /ListStages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "DELETE / HTTP/1.1\r\nHost: x\r\n\r\n"} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(conn, request)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("plain HTTP on the port of HTTPS: %v", err)
		} else if said, err := io.ReadAll(answer.Body); answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(said), "speaks HTTPS") || err != nil {
			t.Errorf("plain HTTP on the port of HTTPS is answered with %s %q, %v", answer.Status, said, err)
		}
		conn.Close()
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	answer, err := client.Get("https://" + at)
	if err != nil || answer.ProtoMajor != 2 {
		t.Errorf("HTTP/2: %v, %v", answer, err)
	}
	if err == nil {
		answer.Body.Close()
	}
	client.CloseIdleConnections()
	idle, err := net.Dial("tcp", at) // a handshake that never comes holds nothing up
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if err := end(); err != nil {
		t.Errorf("expected a clean end, saw %v", err)
	}
}

func TestTURNAddress_HasANameOfTheCertificate(t *testing.T) {
	cert := ownCertificate(t, t.TempDir(), "rostrum.example")
	own, err := inbound.Listen(t.Context(), "127.0.0.1:0", inbound.ListenerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	_, port, _ := net.SplitHostPort(own.Addr().String())
	for says, c := range map[string]struct {
		endpoint string
		own      *inbound.Listener
		want     string
	}{
		"the main address":              {"https://rostrum.example", nil, "rostrum.example:443"},
		"the main address's own port":   {"https://rostrum.example:7080", nil, "rostrum.example:7080"},
		"an address in the certificate": {"https://127.0.0.1:7080", nil, "127.0.0.1:7080"},
		"a name of the certificate":     {"https://192.0.2.1:7080", nil, "rostrum.example:7080"},
		"an address of its own":         {"https://rostrum.example", own, "rostrum.example:" + port},
		"behind a proxy of plain HTTP":  {"http://rostrum.example", nil, ""},
	} {
		if got := turnAddress(c.endpoint, cert, c.own); got != c.want {
			t.Errorf("%s: %q, want %q", says, got, c.want)
		}
	}
	if got := turnAddress("https://rostrum.example", nil, nil); got != "" {
		t.Errorf("without a certificate: %q, want nothing", got)
	}
}
