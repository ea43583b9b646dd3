package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds of one HTTP listener. Handlers that stream lift the write bound for
// their own response.
const (
	maxConnections = 50_000
	maxHeaderBytes = 32 << 10
	readHeader     = 10 * time.Second
	readRequest    = 30 * time.Second
	writeResponse  = 60 * time.Second
	keepIdle       = 2 * time.Minute

	// drain is how long requests under way may take once the server is told to
	// stop. With what follows it must stay below the five seconds promised.
	drain = 3 * time.Second
)

// A listener is a bound address and the handler that will serve it.
type listener struct {
	net.Listener
	server *http.Server
}

// listen binds an address, so that a port in use is known before anything else
// starts. With a certificate it speaks HTTPS.
func listen(ctx context.Context, at address, cert *certificate, log *slog.Logger) (*listener, error) {
	var config net.ListenConfig
	bound, err := config.Listen(ctx, "tcp", string(at))
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", at, err)
	}
	l := &listener{
		Listener: netutil.LimitListener(bound, maxConnections),
		server: &http.Server{
			ReadHeaderTimeout: readHeader, ReadTimeout: readRequest, WriteTimeout: writeResponse,
			IdleTimeout: keepIdle, MaxHeaderBytes: maxHeaderBytes,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // broken clients, not broken servers
		},
	}
	if cert != nil {
		l.server.TLSConfig = cert.config()
		l.server.TLSConfig.NextProtos = []string{protocolHTTP2, protocolHTTP1}
	}
	return l, nil
}

// run serves until the context ends, then lets requests under way finish. Clients of TURN,
// of whom there are none without TLS, are handed to admit.
func (l *listener) run(ctx context.Context, h http.Handler, admit func(net.Conn)) error {
	l.server.Handler = h
	accepting := l.Listener
	if l.server.TLSConfig != nil {
		accepting = shareListener(l.Listener, l.server.TLSConfig, admit)
		defer accepting.Close()
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		err := l.server.Shutdown(draining)
		if errors.Is(err, context.DeadlineExceeded) {
			err = l.server.Close()
		}
		stopped <- err
	})
	if err := l.server.Serve(accepting); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-stopped
}

// A certificate is the pair of files of a TLS server, read again when they
// change, so that a renewed one is used without a restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex // guards what follows
	loaded *tls.Certificate
	of     time.Time // modification of the file that is loaded
	looked time.Time
}

// lookAgain is how often the files are asked whether they changed.
const lookAgain = 10 * time.Second

// loadCertificate reads the pair, and refuses what no server could use.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *certificate) load() error {
	info, err := os.Stat(c.certFile)
	if err != nil {
		return fmt.Errorf("tls_cert: %w", err)
	}
	c.looked = time.Now()
	if c.loaded != nil && info.ModTime().Equal(c.of) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read tls_cert and tls_key: %w", err)
	}
	c.loaded, c.of = &pair, info.ModTime()
	return nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.current}
}

// name is the host of a URL where the certificate is for it, else the first host
// that it is for; empty when there is none.
func (c *certificate) name(of string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u, err := url.Parse(of); err == nil && c.loaded.Leaf.VerifyHostname(u.Hostname()) == nil {
		return u.Hostname()
	}
	for _, name := range c.loaded.Leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return ""
}

// portOf is the port of a URL of HTTPS; empty for another.
func portOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return cmp.Or(u.Port(), "443")
}

// current is the certificate for a handshake. A renewed one that can't be read
// is logged and the old one goes on serving.
func (c *certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > lookAgain {
		if err := c.load(); err != nil {
			c.log.Error("the renewed certificate can't be used", "error", err)
		}
	}
	return c.loaded, nil
}
