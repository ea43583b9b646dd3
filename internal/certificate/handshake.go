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

// TLS is the configuration of a server with the keeper's certificates, which answers the
// authority as well. Who uses it may add protocols of its own.
func (k *Keeper) TLS() *tls.Config {
	asked := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acme.ALPNProto}, GetCertificate: k.answer}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: k.current,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto {
				return asked, nil
			}
			return nil, nil
		},
	}
}

// current is the certificate of the name that a client asks for, or of the first.
func (k *Keeper) current(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if h := k.named[strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))]; h != nil {
		return h.current.Load(), nil
	}
	return k.hosts[0].current.Load(), nil
}

// answer is what the authority is shown while it asks about a name (RFC 8737 §3). The
// node that it reached may be another than the one that ordered.
func (k *Keeper) answer(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	h := k.named[strings.ToLower(hello.ServerName)]
	if h == nil {
		return nil, fmt.Errorf("nothing is asked about %q", hello.ServerName)
	}
	select {
	case <-k.opened:
	default:
		return nil, errors.New("the shelf is not open yet")
	}
	ctx, cancel := context.WithTimeout(hello.Context(), 5*time.Second)
	defer cancel()
	r, err := read(ctx, k.shelf, h.name)
	if err != nil {
		return nil, err
	}
	if r.Question == nil {
		return nil, fmt.Errorf("nothing is asked about %q", hello.ServerName)
	}
	return r.Question.open()
}

// standIn is a certificate that nobody but the server itself has signed.
func standIn(name string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "Rostrum, until an authority signs"},
		DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign a stand-in for %s: %w", name, err)
	}
	p, err := seal([][]byte{der}, key)
	if err != nil {
		return nil, err
	}
	return p.open()
}
