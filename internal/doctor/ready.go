package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"rostrum/internal/config"
)

// readyInterval is the time between two questions whether a server is ready.
const readyInterval = 200 * time.Millisecond

// AwaitReady waits until the server of the settings on this machine is ready. If ctx ends
// before, it returns why the server is not.
func AwaitReady(ctx context.Context, s *config.Settings) error {
	for {
		err := askReady(ctx, s)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(readyInterval):
		}
	}
}

// askReady asks at the address of listen, not at the public URL, whose proxies and certificate
// are not the server.
func askReady(ctx context.Context, s *config.Settings) error {
	host, port, err := net.SplitHostPort(string(s.Listen))
	if err != nil {
		return err
	}
	if at := net.ParseIP(host); host == "" || at != nil && at.IsUnspecified() {
		host = "127.0.0.1" // needs no /etc/hosts
	}
	ask := tls.Config{InsecureSkipVerify: true} // the answer says nothing that must be believed
	scheme := "http://"
	if s.HasTLS() {
		scheme = "https://"
	}
	if len(s.Domains) > 0 {
		ask.ServerName = s.Domains[0]
	}
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{TLSClientConfig: &ask, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return fmt.Errorf("the server is not ready: %s", strings.TrimSpace(string(why)))
	}
	return nil
}
