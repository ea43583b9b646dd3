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

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v5"

	"rostrum/internal/inbound"
)

func newTLSConfig(t *testing.T, name string) (*tls.Config, *x509.CertPool) {
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

func TestTURN_WorksOverTLS(t *testing.T) {
	config, pool := newTLSConfig(t, "stage.example")
	g := newTestBench(t, 1, Config{TLS: config, TURNS: "stage.example:443"}, singleOffer, watchOffer)
	relays := g.engine.TURNServers("ann", time.Minute)
	last := relays[len(relays)-1]
	port := g.engine.Port()
	if len(relays) != 3 || last.URL != "turns:stage.example:443?transport=tcp" {
		t.Fatalf("the relays are %v", relays)
	}
	address := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)}
	conn, err := tls.Dial("tcp", address.String(), &tls.Config{RootCAs: pool, ServerName: "stage.example"})
	if err != nil {
		t.Fatal(err)
	}
	relayed := newTURNAllocation(t, conn, address, last)
	defer relayed.Close()
	session := g.viewers[0].transport.ice.Load()
	if _, err := relayed.WriteTo(newCheck(t, session.local.Ufrag+":x", session.local.Pwd), address); err != nil {
		t.Fatal(err)
	}
	_ = relayed.SetReadDeadline(time.Now().Add(5 * time.Second))
	buffer := make([]byte, 2000)
	n, from, err := relayed.ReadFrom(buffer)
	if err != nil || n < stunHeader || buffer[0] != 1 || buffer[1] != 1 || from.String() != address.String() {
		t.Errorf("a check through TLS: %d bytes %x from %v, %v", n, buffer[:min(n, 20)], from, err)
	}
}

// Such as the listener of the HTTPS port, which has done TLS.
func TestTURN_ServesConnectionsOfOtherListeners(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			g.engine.ServeConn(conn)
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	relay := g.engine.TURNServers("ann", time.Minute)[0]
	relayed := newTURNAllocation(t, conn, l.Addr(), relay)
	_ = relayed.Close()
}

// Where TLS ends at another listener, a PROXY header inside it could only be the client's own.
func TestTURN_ReadsNoProxyHeaderInsideTLS(t *testing.T) {
	config, pool := newTLSConfig(t, "stage.example")
	g := newTestBench(t, 1, Config{Proxies: inbound.Proxies{netip.MustParsePrefix("127.0.0.0/8")}}, singleOffer, watchOffer)
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			g.engine.ServeConn(conn)
		}
	}()
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(header string) error {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "stage.example"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write(append([]byte(header), request.Raw...)); err != nil {
			t.Fatal(err)
		}
		_, err = conn.Read(make([]byte, 100))
		return err
	}
	if err := ask(""); err != nil {
		t.Errorf("without a header: %v, expected an answer", err)
	}
	if ask("PROXY TCP4 198.51.100.7 127.0.0.1 4000 443\r\n") == nil {
		t.Error("a header inside TLS was read as that of a proxy")
	}
}

func TestTURN_AcceptsCredentialsOfEnginesWithTheSameKey(t *testing.T) {
	one, other := newTestBench(t, 1, Config{}, singleOffer, watchOffer).engine, newTestBench(t, 1, Config{}, singleOffer, watchOffer).engine
	if one.TURNServers("ann", time.Hour)[0].Credential == other.turn.password(one.TURNServers("ann", time.Hour)[0].Username) {
		t.Error("two engines without a common key accept each other's credentials")
	}
	one.SetTURNKey([]byte("common"))
	other.SetTURNKey([]byte("common"))
	made := one.TURNServers("ann", time.Hour)[0]
	if err := allocateWith(t, other, made); err != nil {
		t.Errorf("credentials of one engine at the other: %v", err)
	}
}

func allocateWith(t *testing.T, e *Engine, r TURNServer) error {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: e.Candidates()[0].Addr.String(), Username: r.Username, Password: r.Credential, Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	through, err := c.Allocate()
	if err == nil {
		_ = through.Close()
	}
	return err
}

// allocateOver has a client allocate at the TURN server behind conn.
func newTURNAllocation(t *testing.T, conn net.Conn, server net.Addr, r TURNServer) net.PacketConn {
	t.Helper()
	client, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: server.String(), Username: r.Username, Password: r.Credential, Conn: turn.NewSTUNConn(conn),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	return relayed
}
