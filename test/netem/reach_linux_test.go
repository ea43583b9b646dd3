package netem

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const httpsPort = 443

// newSecureWorld is a testbed whose server speaks HTTPS, and TURN beside it, with a certificate
// that everybody in the testbed trusts.
func newSecureTestbed(t *testing.T) *testbed {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.ParseIP(serverIP)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert := write("cert.pem", "CERTIFICATE", certificate)
	t.Setenv("SSL_CERT_FILE", cert) // of this process and those that it starts
	w := newEmptyTestbed(t, 2*time.Minute, "--listen", serverIP+":443", "--tls-cert", cert, "--tls-key", write("key.pem", "PRIVATE KEY", private))
	w.publishes()
	return w
}

// TestNetwork_WhereOnlyHTTPSPassesMediaComeByTURN: neither UDP nor the media port is let
// through, only the port that HTTPS and TURN over TLS have in common. Once there, the call
// survives a change of network that leaves it nothing else.
func TestNetwork_WhereOnlyHTTPSPassesMediaComeByTURN(t *testing.T) {
	w := newSecureTestbed(t)
	w.path.set(conditions{only: httpsPort, delay: 10 * time.Millisecond})
	all := w.watches().runs(3 * time.Second)
	last := all[len(all)-1]
	t.Logf("connected after %v, first picture after %v, longest freeze %v", last.Connected.Round(time.Millisecond), last.Picture.Round(time.Millisecond), freeze(all).Round(time.Millisecond))
	if last.Connected > 2*time.Second {
		t.Errorf("connected after %v, want 2 s", last.Connected)
	}
	if f := freeze(all); f > time.Second {
		t.Errorf("a freeze of %v, want at most 1 s", f)
	}
	w.path.set(conditions{})
	d := w.watches()
	d.runs(2 * time.Second)
	began := time.Now()
	w.path.set(conditions{only: httpsPort, delay: 10 * time.Millisecond})
	const settled = time.Second // what was under way has come
	back, _ := d.await(began.Add(settled), 20*time.Second, "the picture", func(s, before sight) bool { return s.Frames > before.Frames })
	back += settled
	t.Logf("after a change to such a network the picture was back in %v", back.Round(time.Millisecond))
	if back > 9*time.Second {
		t.Errorf("the picture was back after %v, want 9 s", back)
	}
}
