package sfu

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"
)

const (
	flightInterval = 100 * time.Millisecond // one lost flight shouldn't cost a second of join time
	handshakeQueue = 32                     // datagrams that wait for the handshake
)

// profiles in our order: AEAD costs a seventh of what HMAC-SHA1 does.
var profiles = []dtls.SRTPProtectionProfile{
	dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
}

var profileNames = map[dtls.SRTPProtectionProfile]string{
	dtls.SRTP_AEAD_AES_128_GCM:       "AEAD_AES_128_GCM",
	dtls.SRTP_AEAD_AES_256_GCM:       "AEAD_AES_256_GCM",
	dtls.SRTP_AES128_CM_HMAC_SHA1_80: "AES_CM_128_HMAC_SHA1_80",
}

// shake runs the DTLS handshake (RFC 5764), hands the keys to the shard and then listens for
// the peer's goodbye. It runs once, after the peer's first valid check: browsers take some
// 50 ms more to nominate, which media waits for and the handshake needn't.
func (t *Transport) runDTLS() {
	defer t.engine.wg.Done()
	defer t.dtlsConn.shut()
	conn, err := t.handshake()
	if err != nil {
		t.end(CauseHandshakeFailed, "", fmt.Errorf("dtls handshake: %w", err))
		return
	}
	t.engine.wg.Add(1)
	go func() {
		defer t.engine.wg.Done()
		<-t.done
		conn.Close() // tells the peer
	}()
	if err := t.exportKeys(conn); err != nil {
		t.end(CauseHandshakeFailed, "", err)
		return
	}
	buffer := make([]byte, 256)
	for err == nil {
		_, err = conn.Read(buffer) // data channels aren't offered: whatever comes is ignored
		if errors.Is(err, io.ErrShortBuffer) {
			err = nil
		}
	}
	t.end(CausePeerClosed, "", nil)
}

func (t *Transport) handshake() (*dtls.Conn, error) {
	ctx, cancel := context.WithTimeout(t.engine.ctx, t.engine.cfg.ConnectTimeout)
	defer cancel()
	stop := context.AfterFunc(t.engine.ctx, cancel)
	defer stop()
	go func() {
		select {
		case <-t.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	conn, err := t.newDTLSConn()
	if err != nil {
		return nil, err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// associate makes the end of the association that the offer left to us. It doesn't speak yet.
func (t *Transport) newDTLSConn() (*dtls.Conn, error) {
	shared := []dtls.Option{
		dtls.WithCertificates(t.engine.certificate),
		dtls.WithInsecureSkipVerify(true), // the fingerprint is what is verified
		dtls.WithVerifyPeerCertificate(t.verifyCertificate),
		dtls.WithSRTPProtectionProfiles(profiles...),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithCipherSuites(
			dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			dtls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
		),
	}
	if t.active {
		options := make([]dtls.ClientOption, len(shared))
		for i, o := range shared {
			options[i] = o
		}
		return dtls.ClientWithOptions(t.dtlsConn, t.dtlsConn.RemoteAddr(), options...)
	}
	options := []dtls.ServerOption{
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has shown that the address is the peer's
	}
	for _, o := range shared {
		options = append(options, o)
	}
	return dtls.ServerWithOptions(t.dtlsConn, t.dtlsConn.RemoteAddr(), options...)
}

// verifyCertificate holds the peer's certificate against the fingerprints of its offer (RFC 8122 §5).
func (t *Transport) verifyCertificate(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 {
		return errors.New("the peer showed no certificate")
	}
	for _, f := range t.peerFingerprints {
		var sum []byte
		switch f.Hash {
		case "sha-1":
			continue // broken: never enough
		case "sha-256":
			h := sha256.Sum256(raw[0])
			sum = h[:]
		case "sha-384":
			h := sha512.Sum384(raw[0])
			sum = h[:]
		case "sha-512":
			h := sha512.Sum512(raw[0])
			sum = h[:]
		}
		if want, err := hex.DecodeString(strings.ReplaceAll(f.Value, ":", "")); err == nil && len(sum) > 0 && string(want) == string(sum) {
			return nil
		}
	}
	return errors.New("the certificate isn't the one whose fingerprint the offer gave")
}

// keys makes the SRTP contexts and has the shard install them.
func (t *Transport) exportKeys(conn *dtls.Conn) error {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return errors.New("no common SRTP protection profile")
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.New("the handshake left no state")
	}
	c := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := c.ExtractSessionKeysFromDTLS(&state, t.active); err != nil {
		return fmt.Errorf("export SRTP keys: %w", err)
	}
	seal, err := newSRTPEncrypter(c.Keys.LocalMasterKey, c.Keys.LocalMasterSalt, c.Profile)
	if err != nil {
		return fmt.Errorf("make the sealing context: %w", err)
	}
	open, err := srtp.CreateContext(c.Keys.RemoteMasterKey, c.Keys.RemoteMasterSalt, c.Profile, replayProtection...)
	if err != nil {
		return fmt.Errorf("make the opening context: %w", err)
	}
	t.runOnShard(func(s *shard) { t.setKeys(s, seal, open, profileNames[profile]) })
	return nil
}

// replayProtection spans what may overtake within a second at the highest rates (RFC 3711 §3.3.2).
var replayProtection = []srtp.ContextOption{srtp.SRTPReplayProtection(1024), srtp.SRTCPReplayProtection(64)}

// handshakeConn is the net.PacketConn under DTLS: what the shard took for it comes out,
// what goes in is sent to the nominated address, or the one that was checked first.
type dtlsPacketConn struct {
	t      *Transport
	in     chan []byte
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex // guards what follows
	deadline time.Time
	changed  chan struct{} // closed when the deadline changes
}

func newDTLSPacketConn(t *Transport) *dtlsPacketConn {
	return &dtlsPacketConn{t: t, in: make(chan []byte, handshakeQueue), closed: make(chan struct{}), changed: make(chan struct{})}
}

// deliver reports false when the queue is full.
func (c *dtlsPacketConn) deliver(b []byte) bool {
	select {
	case c.in <- append([]byte(nil), b...):
		return true
	default:
		return false
	}
}

func (c *dtlsPacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		c.mu.Lock()
		deadline, changed := c.deadline, c.changed
		c.mu.Unlock()
		var expired <-chan time.Time
		if !deadline.IsZero() {
			left := time.Until(deadline)
			if left <= 0 {
				return 0, nil, os.ErrDeadlineExceeded
			}
			timer := time.NewTimer(left)
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case b := <-c.in:
			return copy(p, b), c.RemoteAddr(), nil
		case <-c.closed:
			return 0, nil, net.ErrClosed
		case <-expired:
			return 0, nil, os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}

func (c *dtlsPacketConn) WriteTo(p []byte, _ net.Addr) (int, error) {
	home, r := c.t.shard.Load(), c.t.route.Load()
	if r == nil {
		r = c.t.firstRoute.Load()
	}
	if home != nil && r != nil {
		r.send(home.socket, p, len(p))
	}
	return len(p), nil
}

func (c *dtlsPacketConn) SetReadDeadline(d time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = d
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func (c *dtlsPacketConn) shut() { c.once.Do(func() { close(c.closed) }) }

// Close is called by DTLS itself.
func (c *dtlsPacketConn) Close() error {
	c.shut()
	return nil
}

func (c *dtlsPacketConn) SetDeadline(d time.Time) error    { return c.SetReadDeadline(d) }
func (c *dtlsPacketConn) SetWriteDeadline(time.Time) error { return nil }
func (c *dtlsPacketConn) LocalAddr() net.Addr              { return &net.UDPAddr{} }

// RemoteAddr is constant: for DTLS the peer never moves, whatever ICE does.
func (c *dtlsPacketConn) RemoteAddr() net.Addr { return &net.UDPAddr{} }
