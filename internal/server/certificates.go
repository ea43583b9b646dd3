package server

import (
	"context"
	"crypto/tls"
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
)

// certificates are what all TLS servers of the house show.
type certificates interface {
	// config is that of one server, which may add its protocols.
	config() *tls.Config
	// name is the host of a URL where there is a certificate for it, else the first host
	// that there is one for; empty when there is none.
	name(of string) string
}

// certificates are those of the settings; nil when none are set.
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

// obtained are certificates that an authority signs for the names of the settings.
type acmeCertificates struct {
	*certificate.Manager
	names config.Domains
}

func (o acmeCertificates) config() *tls.Config { return o.TLS() }

func (o acmeCertificates) name(of string) string {
	if u, err := url.Parse(of); err == nil && slices.Contains(o.names, u.Hostname()) {
		return u.Hostname()
	}
	return o.names[0]
}

// openCertificates takes up what the store has of certificates that an authority signs,
// and tells what has them renewed.
func openACME(ctx context.Context, c certificates, kept *storage) ([]func(context.Context) error, error) {
	o, ok := c.(acmeCertificates)
	if !ok {
		return nil, nil
	}
	if err := o.Open(ctx, kept.store); err != nil {
		return nil, err
	}
	kept.metrics.MustRegister(admin.Certificates(o.States))
	return []func(context.Context) error{o.Run}, nil
}

// A filed certificate is the pair of files of a TLS server, read again when they
// change, so that a renewed one is used without a restart.
type fileCertificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu       sync.Mutex // guards what follows
	loaded   *tls.Certificate
	modified time.Time // modification of the file that is loaded
	checked  time.Time
}

// lookAgain is how often the files are asked whether they changed.
const checkInterval = 10 * time.Second

// loadCertificate reads the pair, and refuses what no server could use.
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

// current is the certificate for a handshake. A renewed one that can't be read
// is logged and the old one goes on serving.
func (c *fileCertificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) > checkInterval {
		if err := c.load(); err != nil {
			c.log.Error("the renewed certificate can't be used", "error", err)
		}
	}
	return c.loaded, nil
}
