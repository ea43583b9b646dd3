package certificate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
)

// TLS returns a server's configuration with the managed certificates; it also
// answers challenges. Callers may add protocols.
func (m *Manager) TLS() *tls.Config {
	challenge := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acme.ALPNProto}, GetCertificate: m.challengeCertificate}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: m.certificate,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto {
				return challenge, nil
			}
			return nil, nil
		},
	}
}

// certificate returns the certificate of the requested name, or of the first name.
func (m *Manager) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if h := m.byName[strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))]; h != nil {
		return h.current.Load(), nil
	}
	return m.hosts[0].current.Load(), nil
}

// challengeCertificate answers a challenge for a name (RFC 8737 §3). Another node
// may have placed the order.
func (m *Manager) challengeCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	h := m.byName[strings.ToLower(hello.ServerName)]
	if h == nil {
		return nil, fmt.Errorf("there is no challenge for %q", hello.ServerName)
	}
	select {
	case <-m.opened:
	default:
		return nil, errors.New("the storage is not open yet")
	}
	ctx, cancel := context.WithTimeout(hello.Context(), 5*time.Second)
	defer cancel()
	r, err := read(ctx, m.storage, h.name)
	if err != nil {
		return nil, err
	}
	if r.Challenge == nil {
		return nil, fmt.Errorf("there is no challenge for %q", hello.ServerName)
	}
	return r.Challenge.decode()
}

// selfSigned makes a certificate that the server signs itself.
func selfSigned(name string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "Rostrum, self-signed"},
		DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("self-sign for %s: %w", name, err)
	}
	p, err := encodePair([][]byte{der}, key)
	if err != nil {
		return nil, err
	}
	return p.decode()
}
