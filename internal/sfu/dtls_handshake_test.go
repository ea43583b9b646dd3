package sfu

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v4"
	"github.com/pion/dtls/v4/pkg/crypto/elliptic"
	"github.com/pion/dtls/v4/pkg/crypto/selfsign"
	"github.com/pion/dtls/v4/pkg/protocol"
	"github.com/pion/dtls/v4/pkg/protocol/handshake"

	"rostrum/internal/sdp"
)

// dtlsRole is the role of a test's peer.
type dtlsRole struct {
	name   string
	server bool // a viewer whose offer leaves the role to the answer
}

var dtlsRoles = []dtlsRole{{"DTLS client", false}, {"DTLS server", true}}

// newCheckedPeer has an answered offer and sent no check yet. A DTLS server is a viewer, a
// DTLS client a publisher.
func newCheckedPeer(t *testing.T, role dtlsRole) *dtlsClient {
	t.Helper()
	c := newCheckedClient(t, time.Minute)
	c.conn = udp(t)
	if !role.server {
		return c
	}
	offer := strings.ReplaceAll(crlf(watchOffer), "AA:BB", certificateFingerprint(c.certificate.Certificate[0]))
	subscriber, answer, err := c.publisher.router.NewViewer("viewer").Subscribe(c.publisher, offer, SubscribeConfig{DTLSClient: true})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer, "a=setup:active") {
		t.Fatalf("the server is not the DTLS client:\n%s", answer)
	}
	c.transport = subscriber.transport
	return c
}

// shake completes the handshake over a path, and waits until media may flow.
func (c *dtlsClient) shake(t *testing.T, role dtlsRole, over net.PacketConn, options ...dtls.Option) *dtls.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	options = append([]dtls.Option{
		dtls.WithCertificates(c.certificate), dtls.WithInsecureSkipVerify(true), dtls.WithFlightInterval(flightInterval),
		// As browsers do, with the one last that costs the most.
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM),
	}, options...)
	conn := newPeerConn(t, over, c.to, role, options...)
	t.Cleanup(func() { conn.Close() })
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	c.awaitConnected(t)
	return conn
}

func newPeerConn(t *testing.T, over net.PacketConn, to net.Addr, role dtlsRole, options ...dtls.Option) *dtls.Conn {
	t.Helper()
	var conn *dtls.Conn
	var err error
	if role.server {
		all := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true)}
		for _, o := range options {
			all = append(all, o)
		}
		conn, err = dtls.Server(over, to, all...)
	} else {
		var all []dtls.ClientOption
		for _, o := range options {
			all = append(all, o)
		}
		conn, err = dtls.Client(over, to, all...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// pathFaults are what a path does to datagrams.
type pathFaults struct {
	lose   map[int]bool // by number of the datagram, over both directions
	double bool
	swap   bool // those that are sent within 5 ms leave in reverse order
}

// A testPath is the peer's end of a path with faults.
type testPath struct {
	net.PacketConn
	pathFaults
	again []byte // the datagram that the next read returns once more
	from  net.Addr

	mu          sync.Mutex // guards what follows
	count       int
	retryHellos int
	held        [][]byte
	heldTo      net.Addr
}

// pass counts a datagram and reports whether it arrives.
func (p *testPath) pass(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if bytes.Contains(b, handshake.HelloRetryRequestRandom()) {
		p.retryHellos++
	}
	return !p.lose[p.count-1]
}

func (p *testPath) WriteTo(b []byte, to net.Addr) (int, error) {
	if !p.pass(b) {
		return len(b), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	send := [][]byte{b}
	if p.double {
		send = append(send, b)
	}
	if p.swap {
		p.held, p.heldTo = append(p.held, slices.Clone(b)), to
		if len(p.held) == 1 {
			time.AfterFunc(5*time.Millisecond, p.release)
		}
		return len(b), nil
	}
	for _, d := range send {
		if _, err := p.PacketConn.WriteTo(d, to); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// release sends what was held, the last first.
func (p *testPath) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range slices.Backward(p.held) {
		_, _ = p.PacketConn.WriteTo(d, p.heldTo)
	}
	p.held = nil
}

// ReadFrom is called by one goroutine at a time.
func (p *testPath) ReadFrom(b []byte) (int, net.Addr, error) {
	if p.again != nil {
		n := copy(b, p.again)
		p.again = nil
		return n, p.from, nil
	}
	for {
		n, from, err := p.PacketConn.ReadFrom(b)
		if err != nil || !p.pass(b[:n]) {
			if err != nil {
				return n, from, err
			}
			continue
		}
		if p.double {
			p.again, p.from = slices.Clone(b[:n]), from
		}
		return n, from, nil
	}
}

// Clients share keys for X25519, alone or beside X25519MLKEM768, and list more groups. None
// is asked for another, which would cost a round trip.
func TestTransport_NoClientHelloIsRetried(t *testing.T) {
	for name, options := range map[string][]dtls.Option{
		"as the library does by default": nil,
		"with X25519MLKEM768 first":      {dtls.WithEllipticCurves(elliptic.X25519MLKEM768, elliptic.X25519, elliptic.P256)},
		"with X25519 alone":              {dtls.WithEllipticCurves(elliptic.X25519)},
	} {
		for _, role := range dtlsRoles {
			t.Run(role.name+" "+name, func(t *testing.T) {
				t.Parallel()
				c := newCheckedPeer(t, role)
				c.check(t, c.conn)
				path := &testPath{PacketConn: c.conn}
				conn := c.shake(t, role, path, options...)
				if state, _ := conn.ConnectionState(); state.NegotiatedVersion() != protocol.Version1_3 {
					t.Errorf("the version is %v", state.NegotiatedVersion())
				}
				if path.retryHellos > 0 {
					t.Errorf("%d HelloRetryRequests", path.retryHellos)
				}
				if got := c.profile(); got != profileNames[profiles[0]] {
					t.Errorf("the SRTP profile is %s", got)
				}
			})
		}
	}
}

func TestTransport_CompletesHandshakesOverBadPaths(t *testing.T) {
	paths := map[string]pathFaults{"doubles": {double: true}, "reorders": {swap: true}, "loses the first five": {lose: map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true}}}
	for i := range 5 {
		paths["loses number "+string(rune('0'+i))] = pathFaults{lose: map[int]bool{i: true}}
	}
	for name := range paths {
		for _, role := range dtlsRoles {
			for _, version := range []protocol.Version{protocol.Version1_2, protocol.Version1_3} {
				t.Run(name+", "+role.name+" with "+map[bool]string{true: "1.2", false: "1.3"}[version == protocol.Version1_2], func(t *testing.T) {
					t.Parallel()
					c := newCheckedPeer(t, role)
					c.check(t, c.conn)
					path := &testPath{PacketConn: c.conn, pathFaults: paths[name]}
					conn := c.shake(t, role, path, dtls.WithMaxVersion(version))
					if state, _ := conn.ConnectionState(); state.NegotiatedVersion() != version {
						t.Errorf("the version is %v", state.NegotiatedVersion())
					}
				})
			}
		}
	}
}

// A viewer that is the DTLS server sends no DTLS first. On the route that it checked first it
// may not receive, and an attacker may have replayed that check.
func TestTransport_SendsItsClientHelloOnEveryCheckedRoute(t *testing.T) {
	role := dtlsRoles[1]
	c := newCheckedPeer(t, role)
	silent, unchecked := udp(t), udp(t)
	c.check(t, silent)
	await := func(what string, from *net.UDPConn) {
		t.Helper()
		b := make([]byte, 2000)
		_ = from.SetReadDeadline(time.Now().Add(20 * time.Second))
		for {
			n, err := from.Read(b)
			if err != nil {
				t.Fatalf("no ClientHello came %s: %v", what, err)
			}
			if n > 13 && b[0] == 22 && b[13] == byte(handshake.TypeClientHello) {
				_ = from.SetReadDeadline(time.Time{})
				return
			}
		}
	}
	await("on the first checked route", silent)
	c.check(t, c.conn)
	await("on the second one", c.conn)
	if _, err := unchecked.WriteTo(clientHello(t), c.to); err != nil {
		t.Fatal(err)
	}
	c.check(t, c.conn)
	c.shake(t, role, c.conn)
	if got := c.mediaRoute(); got != c.conn.LocalAddr().String() {
		t.Errorf("media is sent to %s, but DTLS completed at %s", got, c.conn.LocalAddr())
	}
	c.check(t, silent) // what was sent before is there
	if c.transport.hello.Load() != nil {
		t.Error("the ClientHello is kept after the handshake")
	}
	_ = unchecked.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, err := unchecked.Read(make([]byte, 2000)); err == nil {
		t.Errorf("%d bytes came to an address without check", n)
	}
}

// Data channels are not offered. Records of application data are dropped, whatever their size.
func TestTransport_OutlivesApplicationData(t *testing.T) {
	for _, role := range dtlsRoles {
		t.Run(role.name, func(t *testing.T) {
			t.Parallel()
			c := newCheckedPeer(t, role)
			c.check(t, c.conn)
			conn := c.shake(t, role, c.conn)
			for _, size := range []int{1, 257, 1000} {
				if _, err := conn.Write(make([]byte, size)); err != nil {
					t.Fatal(err)
				}
			}
			for range 20 {
				if err := conn.UpdateKeys(t.Context(), dtls.KeyUpdateOptions{RequestPeerUpdate: true}); err != nil { // is acknowledged after what came before
					t.Fatal(err)
				}
			}
			if c.transport.ended.Load() {
				t.Error("the transport has ended")
			}
		})
	}
}

// A peer may send anything in place of what the handshake expects. The library's goroutines
// must not panic: nothing recovers them. Of each three bytes of changes, the first selects a
// datagram, the second a byte, and the third how it changes; 0 cuts the datagram there.
func FuzzTransport_ChangedHandshakes(f *testing.F) {
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		f.Fatal(err)
	}
	for _, changes := range [][]byte{nil, {0, 0, 1}, {0, 13, 3}, {0, 60, 0}, {1, 0, 255}, {1, 25, 7}, {1, 90, 0}, {2, 3, 1, 3, 14, 200}, {4, 11, 8}} {
		for role := range 4 {
			f.Add(byte(role), changes)
		}
	}
	f.Fuzz(func(t *testing.T, role byte, changes []byte) {
		server := &Transport{core: &core{certificate: certificate}}
		server.peerFingerprints = []sdp.Fingerprint{{Hash: "sha-256", Value: certificateFingerprint(certificate.Certificate[0])}}
		server.active = role&1 > 0
		version := protocol.Version1_3
		if role&2 > 0 {
			version = protocol.Version1_2
		}
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer cancel()
		var count atomic.Int32
		var peer *dtlsPacketConn
		server.dtlsConn = newDTLSPacketConn(func(b []byte) { peer.deliver(b, nil) })
		peer = newDTLSPacketConn(func(b []byte) {
			n := byte(count.Add(1) - 1)
			b = slices.Clone(b)
			for change := range slices.Chunk(changes, 3) {
				if len(change) < 3 || change[0] != n || int(change[1]) >= len(b) {
					continue
				}
				if b[change[1]] ^= change[2]; change[2] == 0 {
					b = b[:change[1]]
				}
			}
			if len(b) > 0 {
				server.dtlsConn.deliver(b, nil)
			}
		})
		ours, err := server.newDTLSConn()
		if err != nil {
			t.Fatal(err)
		}
		theirs := newPeerConn(t, peer, peer.RemoteAddr(), dtlsRole{server: server.active}, dtls.WithCertificates(certificate), dtls.WithInsecureSkipVerify(true), dtls.WithMaxVersion(version), dtls.WithSRTPProtectionProfiles(profiles...))
		var both sync.WaitGroup
		for _, c := range []*dtls.Conn{ours, theirs} {
			both.Go(func() { _ = c.HandshakeContext(ctx); c.Close() })
		}
		both.Wait()
	})
}
