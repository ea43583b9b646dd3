package sfu

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/turn/v5"
)

func tlsPair(t *testing.T, name string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func TestTURN_GoesThroughTLS(t *testing.T) {
	config, pool := tlsPair(t, "stage.example")
	g := newRig(t, 1, Config{TLS: config, TLSName: "stage.example"}, singleOffer, watchOffer)
	relays := g.engine.Relays("ann", time.Minute)
	last := relays[len(relays)-1]
	port := g.engine.Port()
	if want := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port); len(relays) != 3 || last.URL != "turns:stage.example:"+want.String()[len("127.0.0.1:"):]+"?transport=tcp" {
		t.Fatalf("the relays are %v", relays)
	}
	address := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)}
	conn, err := tls.Dial("tcp", address.String(), &tls.Config{RootCAs: pool, ServerName: "stage.example"})
	if err != nil {
		t.Fatal(err)
	}
	client, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: address.String(), Username: last.Username, Password: last.Credential, Conn: turn.NewSTUNConn(conn),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer relayed.Close()
	session := g.viewers[0].transport.ice.Load()
	if _, err := relayed.WriteTo(checkBy(t, session.local.ufrag+":x", session.local.pwd), address); err != nil {
		t.Fatal(err)
	}
	_ = relayed.SetReadDeadline(time.Now().Add(5 * time.Second))
	buffer := make([]byte, 2000)
	n, from, err := relayed.ReadFrom(buffer)
	if err != nil || n < stunHeader || buffer[0] != 1 || buffer[1] != 1 || from.String() != address.String() {
		t.Errorf("a check through TLS: %d bytes %x from %v, %v", n, buffer[:min(n, 20)], from, err)
	}
}
