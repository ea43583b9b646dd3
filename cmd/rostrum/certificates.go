package main

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
		return obtained{k, s.Domains}, err
	case s.TLSCert != "":
		return loadCertificate(s.TLSCert, s.TLSKey, log)
	}
	return nil, nil
}

// obtained are certificates that an authority signs for the names of the settings.
type obtained struct {
	*certificate.Keeper
	names config.Domains
}

func (o obtained) config() *tls.Config { return o.TLS() }

func (o obtained) name(of string) string {
	if u, err := url.Parse(of); err == nil && slices.Contains(o.names, u.Hostname()) {
		return u.Hostname()
	}
	return o.names[0]
}

// openCertificates takes up what the store has of certificates that an authority signs,
// and tells what has them renewed.
func openCertificates(ctx context.Context, c certificates, kept *keeping) ([]func(context.Context) error, error) {
	o, ok := c.(obtained)
	if !ok {
		return nil, nil
	}
	if err := o.Open(ctx, kept.store); err != nil {
		return nil, err
	}
	kept.counted.MustRegister(admin.Certificates(o.States))
	return []func(context.Context) error{o.Run}, nil
}

// A filed certificate is the pair of files of a TLS server, read again when they
// change, so that a renewed one is used without a restart.
type filed struct {
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
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*filed, error) {
	c := &filed{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *filed) load() error {
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

func (c *filed) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.current}
}

func (c *filed) name(of string) string {
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
func (c *filed) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > lookAgain {
		if err := c.load(); err != nil {
			c.log.Error("the renewed certificate can't be used", "error", err)
		}
	}
	return c.loaded, nil
}
