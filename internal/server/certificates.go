package server

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"rostrum/internal/admin"
	"rostrum/internal/certificate"
	"rostrum/internal/config"
	"rostrum/internal/store"
)

// certificates are those of all TLS listeners.
type certificates interface {
	// config is for one listener, which may add its protocols.
	config() *tls.Config
	// name is the host of a URL if there is a certificate for it, else the first host with a
	// certificate; empty if there is none.
	name(url string) string
}

// newCertificates reads the certificates of the settings; nil if none are set.
func newCertificates(s *config.Settings, log *slog.Logger) (certificates, error) {
	switch {
	case len(s.Domains) > 0:
		k, err := certificate.New(certificate.Config{
			Names: s.Domains, Directory: string(s.ACMEDirectory), Email: string(s.ACMEEmail), Shared: s.Database != "", Log: log,
		})
		return acmeCertificates{k, s.Domains}, err
	case s.TLSCert != "":
		return loadCertificate(s.TLSCert, s.TLSKey, log)
	}
	return nil, nil
}

// acmeCertificates are obtained by ACME for the domains of the settings.
type acmeCertificates struct {
	*certificate.Manager
	names config.Domains
}

func (a acmeCertificates) config() *tls.Config { return a.TLS() }

func (a acmeCertificates) name(of string) string {
	if u, err := url.Parse(of); err == nil && slices.Contains(a.names, u.Hostname()) {
		return u.Hostname()
	}
	return a.names[0]
}

// trusted returns what returns the certificate for a URL and its issuers, in PEM. It is nil
// without certificates.
func trusted(c certificates, of string) func() string {
	if c == nil {
		return nil
	}
	cfg := c.config()
	return func() string {
		found, err := cfg.GetCertificate(&tls.ClientHelloInfo{ServerName: c.name(of)})
		if err != nil {
			return ""
		}
		var all strings.Builder
		for _, der := range found.Certificate {
			_ = pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: der})
		}
		return all.String()
	}
}

// openACME loads ACME certificates from the store, and returns what renews them.
func openACME(ctx context.Context, b *base, c certificates, st *store.Store) ([]func(context.Context) error, error) {
	a, ok := c.(acmeCertificates)
	if !ok {
		return nil, nil
	}
	if err := a.Open(ctx, st); err != nil {
		return nil, err
	}
	b.metrics.MustRegister(admin.Certificates(a.States))
	return []func(context.Context) error{a.Run}, nil
}

// A fileCertificate is a certificate in files, which are read again when they change, so that
// a renewed one is used without a restart.
type fileCertificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu       sync.Mutex // guards what follows
	loaded   *tls.Certificate
	modified time.Time // modification time of the loaded file
	checked  time.Time
}

// checkInterval is the shortest time between checks for changed files.
const checkInterval = 10 * time.Second

// loadCertificate reads the files, and fails if no server can use them.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*fileCertificate, error) {
	c := &fileCertificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *fileCertificate) load() error {
	info, err := os.Stat(c.certFile)
	if err != nil {
		return fmt.Errorf("tls_cert: %w", err)
	}
	c.checked = time.Now()
	if c.loaded != nil && info.ModTime().Equal(c.modified) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read tls_cert and tls_key: %w", err)
	}
	c.loaded, c.modified = &pair, info.ModTime()
	return nil
}

func (c *fileCertificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.current}
}

func (c *fileCertificate) name(of string) string {
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

// current returns the certificate for a handshake. If a renewed one cannot be read, that is
// logged and the old one stays in use.
func (c *fileCertificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) > checkInterval {
		if err := c.load(); err != nil {
			c.log.Error("the renewed certificate cannot be used, the old one stays in use", "error", err)
		}
	}
	return c.loaded, nil
}
