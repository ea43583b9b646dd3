package config

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrNoAuthority says that clients need the certificate of an authority that is not known here.
var ErrNoAuthority = errors.New("the authority of tls_cert is none of this system's, and is not in that file")

// CABundle is a file with the authority of the server's certificate, for clients that do not
// know that; empty if they need none. It is tls_cert itself, if that ends in a certificate
// that signed itself.
func (s *Settings) CABundle() (string, error) {
	if s.TLSCert == "" {
		return "", nil
	}
	text, err := os.ReadFile(s.TLSCert)
	if err != nil {
		return "", fmt.Errorf("tls_cert: %w", err)
	}
	var leaf *x509.Certificate
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "", fmt.Errorf("tls_cert: %w", err)
		}
		if leaf == nil {
			leaf = c
		}
		if bytes.Equal(c.RawSubject, c.RawIssuer) {
			roots.AddCert(c)
		}
		others.AddCert(c)
	}
	if leaf == nil {
		return "", errors.New("tls_cert: there is no certificate in the file")
	}
	now := time.Now()
	if _, err := leaf.Verify(x509.VerifyOptions{Intermediates: others, CurrentTime: now}); err == nil {
		return "", nil
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: now}); err != nil {
		return "", fmt.Errorf("%w (%w)", ErrNoAuthority, err)
	}
	return filepath.Abs(s.TLSCert)
}
