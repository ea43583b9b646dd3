package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// sign makes a certificate, by itself if there is no authority.
func sign(t *testing.T, name string, isAuthority bool, by *x509.Certificate, with *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: isAuthority, BasicConstraintsValid: true,
	}
	if by == nil {
		by, with = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
	if err == nil {
		c, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

func TestCABundle_HasTheAuthorityThatClientsNeed(t *testing.T) {
	root, rootKey := sign(t, "own authority", true, nil, nil)
	between, betweenKey := sign(t, "between", true, root, rootKey)
	leaf, _ := sign(t, "rostrum.example", false, between, betweenKey)
	alone, _ := sign(t, "rostrum.example", false, nil, nil)
	for name, c := range map[string]struct {
		chain  []*x509.Certificate
		bundle bool
		err    error
	}{
		"without TLS":                      {nil, false, nil},
		"a certificate that signed itself": {[]*x509.Certificate{alone}, true, nil},
		"an own authority":                 {[]*x509.Certificate{leaf, between, root}, true, nil},
		"the authority is not there":       {[]*x509.Certificate{leaf, between}, false, ErrNoAuthority},
		"another authority is":             {[]*x509.Certificate{leaf, between, alone}, false, ErrNoAuthority},
	} {
		var s Settings
		if c.chain != nil {
			s.TLSCert = filepath.Join(t.TempDir(), "cert.pem")
			var text []byte
			for _, certificate := range c.chain {
				text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
			}
			if err := os.WriteFile(s.TLSCert, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		expected := ""
		if c.bundle {
			expected = s.TLSCert
		}
		if got, err := s.CABundle(); got != expected || !errors.Is(err, c.err) {
			t.Errorf("%s: the bundle is %q, %v, expected %q, %v", name, got, err, expected, c.err)
		}
	}
}
