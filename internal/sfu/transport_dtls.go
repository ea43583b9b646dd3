package sfu

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pion/dtls/v4"
	"github.com/pion/dtls/v4/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v4/pkg/crypto/elliptic"
	"github.com/pion/dtls/v4/pkg/protocol"
	"github.com/pion/srtp/v3"
)

// flightInterval is the retransmission interval. A lost flight must not delay a join by a second.
const flightInterval = 100 * time.Millisecond

// The first byte of an encrypted record of DTLS 1.3 (RFC 9147 §4).
const (
	encryptedRecord = 0x20
	encryptedMask   = 0xe0
	encryptedEpoch  = encryptedMask | 3 // with the last two bits of the epoch; 2 is that of the handshake
	maxACK          = 128               // bytes of a datagram; an ACK has some 70
)

// profiles are in order of preference. AEAD costs a seventh of HMAC-SHA1.
var profiles = []dtls.SRTPProtectionProfile{
	dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
}

// curves begin with the group that every client of DTLS 1.3 sends a key share for. A group that
// the library prefers and the client sent no share for costs a round trip, so X25519MLKEM768
// is not among them.
var curves = []elliptic.Curve{elliptic.X25519, elliptic.P256, elliptic.P384}

var profileNames = map[dtls.SRTPProtectionProfile]string{
	dtls.SRTP_AEAD_AES_128_GCM:       "AEAD_AES_128_GCM",
	dtls.SRTP_AEAD_AES_256_GCM:       "AEAD_AES_256_GCM",
	dtls.SRTP_AES128_CM_HMAC_SHA1_80: "AES_CM_128_HMAC_SHA1_80",
}

// runDTLS runs the DTLS handshake (RFC 5764), passes the keys to the shard, and then serves the
// connection. It runs once, after the peer's first valid check. Neither it nor media
// waits for the nomination: on paths of 100 ms and more, browsers nominate seconds later.
func (t *Transport) runDTLS() {
	defer t.core.wg.Done()
	defer t.recoverDTLS()
	conn, err := t.handshake()
	if err != nil {
		t.end(CauseHandshakeFailed, "", fmt.Errorf("dtls handshake: %w", err))
		return
	}
	t.keyed.Store(true)
	t.embed.end()
	t.peerFingerprints = nil // with them the offer leaves the memory
	if err := t.exportKeys(conn); err != nil {
		t.end(CauseHandshakeFailed, "", err)
		conn.Close()
		return
	}
	t.serveDTLS(conn)
}

// recoverDTLS is deferred: a panic ends only the transport.
func (t *Transport) recoverDTLS() {
	if fault := recover(); fault != nil {
		t.core.cfg.Panics.Record("media", fault)
		t.end(CauseFault, "", errFault)
	}
}

func (t *Transport) handshake() (*dtls.Conn, error) {
	ctx, cancel := context.WithTimeout(t.core.ctx, t.core.cfg.ConnectTimeout)
	defer cancel()
	stop := context.AfterFunc(t.core.ctx, cancel)
	defer stop()
	conn, err := t.newDTLSConn()
	if err != nil {
		return nil, err
	}
	go t.watchHandshake(ctx, cancel, conn)
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// watchHandshake ends the handshake with the transport, and exports early keys.
func (t *Transport) watchHandshake(ctx context.Context, cancel func(), conn *dtls.Conn) {
	defer t.recoverDTLS()
	for {
		select {
		case <-t.done:
			cancel()
			return
		case <-ctx.Done():
			return
		case <-t.flightSent:
			t.exportEarlyKeys(conn)
		}
	}
}

// newDTLSConn makes the DTLS client or server, whichever the offer left to the server. It does
// not send yet.
func (t *Transport) newDTLSConn() (*dtls.Conn, error) {
	profiles := profiles
	if t.aeadOnly {
		profiles = profiles[:1] // Chromium's DTLS server chooses the last of three
	}
	shared := []dtls.Option{
		dtls.WithCertificates(t.core.certificate),
		dtls.WithInsecureSkipVerify(true), // verifyCertificate checks the fingerprint
		dtls.WithVerifyPeerCertificate(t.verifyCertificate),
		dtls.WithVerifyConnection(t.dtlsConn.recordProof),
		dtls.WithSRTPProtectionProfiles(profiles...),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithReceiveBufferSize(maxDTLSDatagram),
		dtls.WithCipherSuites(
			ciphersuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			ciphersuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			ciphersuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
			ciphersuite.TLS_AES_128_GCM_SHA256,
			ciphersuite.TLS_AES_256_GCM_SHA384,
		),
		dtls.WithEllipticCurves(curves...),
	}
	if t.active {
		options := make([]dtls.ClientOption, len(shared))
		for i, o := range shared {
			options[i] = o
		}
		return dtls.Client(t.dtlsConn, t.dtlsConn.RemoteAddr(), options...)
	}
	options := []dtls.ServerOption{
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has verified the address
	}
	for _, o := range shared {
		options = append(options, o)
	}
	return dtls.Server(t.dtlsConn, t.dtlsConn.RemoteAddr(), options...)
}

// verifyCertificate compares the peer's certificate with the fingerprints of its offer (RFC 8122 §5).
func (t *Transport) verifyCertificate(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 {
		return errors.New("the peer sent no certificate")
	}
	for _, f := range t.peerFingerprints {
		var sum []byte
		switch f.Hash {
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
	return errors.New("the certificate does not match the fingerprints of the offer")
}

// exportKeys passes the keys to the shard, or reports to it that the peer has proved to have
// those that it uses.
func (t *Transport) exportKeys(conn *dtls.Conn) error {
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.New("no state after the handshake")
	}
	keys, err := t.deriveKeys(conn, &state)
	if err != nil {
		return err
	}
	t.dtlsMu.Lock()
	defer t.dtlsMu.Unlock()
	if t.keysExported {
		t.runOnShard(t.confirmKeys)
	} else {
		t.keysExported = true
		t.runOnShard(func(s *shard) { t.setKeys(s, keys) })
	}
	return nil
}

// exportEarlyKeys passes the keys to the shard after the server's flight, half a round trip
// before the peer's certificate arrives, if all that was read came in checks. Then the
// ClientHello is the peer's: the checks were made with the password of the answer, and only
// who made the ClientHello has the secret of its key share. Checks that somebody replays do
// not give them the keys.
func (t *Transport) exportEarlyKeys(conn *dtls.Conn) {
	state, ok := conn.ConnectionState()
	if !ok || state.NegotiatedVersion() != protocol.Version1_3 || t.dtlsConn.plain.Load() {
		return
	}
	keys, err := t.deriveKeys(conn, &state)
	if err != nil {
		return // too early: after a HelloRetryRequest
	}
	t.dtlsMu.Lock()
	defer t.dtlsMu.Unlock()
	if !t.keysExported {
		t.keysExported = true
		t.runOnShard(func(s *shard) { t.setEarlyKeys(s, keys) })
	}
}

// srtpKeys are the SRTP contexts of a transport.
type srtpKeys struct {
	encrypter *srtpEncrypter
	decrypter *srtp.Context
	profile   string
}

func (t *Transport) deriveKeys(conn *dtls.Conn, state *dtls.State) (k srtpKeys, err error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return k, errors.New("no common SRTP protection profile")
	}
	c := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := c.ExtractSessionKeysFromDTLS(state, t.active); err != nil {
		return k, fmt.Errorf("export SRTP keys: %w", err)
	}
	k.profile = profileNames[profile]
	if k.encrypter, err = newSRTPEncrypter(c.Keys.LocalMasterKey, c.Keys.LocalMasterSalt, c.Profile); err != nil {
		return k, fmt.Errorf("make the SRTP encrypter: %w", err)
	}
	if k.decrypter, err = srtp.CreateContext(c.Keys.RemoteMasterKey, c.Keys.RemoteMasterSalt, c.Profile, replayProtection...); err != nil {
		return k, fmt.Errorf("make the SRTP decrypter: %w", err)
	}
	return k, nil
}

// replayProtection covers the packets that may be reordered within a second at the highest
// bitrates (RFC 3711 §3.3.2).
var replayProtection = []srtp.ContextOption{srtp.SRTPReplayProtection(1024), srtp.SRTCPReplayProtection(64)}
