package sfu

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v4"
	"github.com/pion/dtls/v4/pkg/crypto/selfsign"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v3"
)

// embeddingViewer is a viewer that embeds its DTLS in its checks. It sends nothing by itself.
type embeddingViewer struct {
	t           *testing.T
	bench       *testBench
	subscriber  *Subscriber
	transport   *Transport
	closed      chan Closed
	answer      string
	certificate tls.Certificate // whose fingerprint is in the offer
	socket      *net.UDPConn
	to          *net.UDPAddr
	conn        *dtls.Conn // reads what arrived
	arrived     *dtlsPacketConn
	responses   chan embeddedDTLS
	media       chan []byte
	wrote       chan struct{} // after each of its datagrams

	mu       sync.Mutex // guards what follows
	pending  [][]byte   // datagrams that were not sent yet
	received []uint32   // CRCs
	plain    int        // datagrams that arrived outside of responses
}

// newEmbeddingViewer has an answered offer for a publisher that has sent a keyframe.
func newEmbeddingViewer(t *testing.T, options ...dtls.ClientOption) *embeddingViewer {
	t.Helper()
	g := newTestBench(t, 0, Config{ConnectTimeout: time.Minute, LostAfter: 2 * time.Minute}, singleOffer, watchOffer)
	keyframe := g.video(1, 78, idr)
	g.onShard(func(s *shard) { g.publisher.transport.receive(s, keyframe) })
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	v := &embeddingViewer{
		t: t, bench: g, certificate: certificate, socket: udp(t), to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(g.engine.Port())},
		closed: make(chan Closed, 1), responses: make(chan embeddedDTLS, 1000), media: make(chan []byte, 10000), wrote: make(chan struct{}, 1000),
	}
	offer := strings.NewReplacer("AA:BB", certificateFingerprint(certificate.Certificate[0]), "a=setup:actpass", "a=ice-options:trickle sped googspedv1\r\na=setup:actpass").Replace(crlf(watchOffer))
	v.subscriber, v.answer, err = g.router.NewViewer("viewer").Subscribe(g.publisher, offer, SubscribeConfig{DTLSClient: true, Notify: func(e Event) {
		if over, is := e.(Closed); is {
			v.closed <- over
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	v.transport = v.subscriber.transport
	v.arrived = newDTLSPacketConn(func(b []byte) {
		v.mu.Lock()
		v.pending = append(v.pending, slices.Clone(b))
		v.mu.Unlock()
		v.wrote <- struct{}{}
	})
	go v.read()
	v.connect(append([]dtls.ClientOption{dtls.WithCertificates(certificate)}, options...)...)
	return v
}

// connect starts a handshake. It does not send.
func (v *embeddingViewer) connect(options ...dtls.ClientOption) {
	v.t.Helper()
	var err error
	v.conn, err = dtls.Client(v.arrived, v.to, append([]dtls.ClientOption{
		dtls.WithInsecureSkipVerify(true), dtls.WithFlightInterval(time.Hour), // the checks repeat
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM),
	}, options...)...)
	if err != nil {
		v.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = v.conn.HandshakeContext(ctx) }()
	v.t.Cleanup(func() { cancel(); <-ended; v.conn.Close() })
}

// read sorts what arrives.
func (v *embeddingViewer) read() {
	b := make([]byte, 2000)
	for {
		n, err := v.socket.Read(b)
		if err != nil {
			return
		}
		switch data := slices.Clone(b[:n]); {
		case data[0] >= 20 && data[0] < 64:
			v.mu.Lock()
			v.plain++
			v.mu.Unlock()
			v.deliver(data)
		case data[0] >= 128:
			v.media <- data
		default:
			e := readResponse(data)
			if len(e.data) > 0 {
				v.deliver(e.data)
			}
			v.responses <- e
		}
	}
}

func (v *embeddingViewer) deliver(b []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if crc := crc32.ChecksumIEEE(b); !slices.Contains(v.received, crc) {
		v.received = append(v.received, crc)
		v.arrived.deliver(b, nil)
	}
}

// readResponse reads the DTLS of a success response.
func readResponse(b []byte) (e embeddedDTLS) {
	m := &stun.Message{Raw: b}
	if m.Decode() != nil || m.Type != stun.BindingSuccess {
		return e
	}
	for _, a := range m.Attributes {
		if a.Type == attrDTLS || a.Type == attrDTLSAck {
			e.read(uint16(a.Type), a.Value)
		}
	}
	return e
}

// check makes a check with a datagram, which may be empty.
func (v *embeddingViewer) check(data []byte, more ...stun.Setter) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := embeddedDTLS{used: true, hasData: true, data: data}
	for _, crc := range v.received[max(0, len(v.received)-maxDTLSAcks):] {
		e.acks = binary.BigEndian.AppendUint32(e.acks, crc)
	}
	session := v.transport.ice.Load().local
	return newCheck(v.t, session.Ufrag+":x", session.Pwd, append(embed(e), more...)...)
}

func embed(e embeddedDTLS) []stun.Setter {
	return []stun.Setter{stun.RawAttribute{Type: attrDTLS, Value: e.data}, stun.RawAttribute{Type: attrDTLSAck, Value: e.acks}}
}

func (v *embeddingViewer) send(b []byte) {
	v.t.Helper()
	if _, err := v.socket.WriteTo(b, v.to); err != nil {
		v.t.Fatal(err)
	}
}

// exchange sends a check and returns what the response carries.
func (v *embeddingViewer) exchange(b []byte) embeddedDTLS {
	v.t.Helper()
	v.send(b)
	return await(v.t, v.responses, "response")
}

func await[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second):
		t.Fatalf("no %s came", what)
		panic("unreachable")
	}
}

// flight waits for n datagrams of the viewer's DTLS, and returns them. They were not sent.
func (v *embeddingViewer) flight(n int) [][]byte {
	v.t.Helper()
	for range n {
		await(v.t, v.wrote, "datagram of the viewer")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	flight := v.pending
	v.pending = nil
	return flight
}

// finish sends a flight, and what else the viewer writes, until it is connected.
func (v *embeddingViewer) finish(flight [][]byte) {
	v.t.Helper()
	for end := time.Now().Add(30 * time.Second); !v.connected(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			v.t.Fatal("it is not connected")
		}
		for _, b := range append(flight, v.flight(0)...) {
			v.exchange(v.check(b))
		}
		flight = nil
	}
}

// decrypter returns a context for what the server sends. It waits for the viewer's keys, which
// it may have a moment after it wrote its last flight.
func (v *embeddingViewer) decrypter() *srtp.Context {
	v.t.Helper()
	var c srtp.Config
	for end := time.Now().Add(30 * time.Second); !v.extractKeys(&c); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			v.t.Fatal("the viewer has no keys")
		}
	}
	context, err := srtp.CreateContext(c.Keys.RemoteMasterKey, c.Keys.RemoteMasterSalt, c.Profile)
	if err != nil {
		v.t.Fatal(err)
	}
	return context
}

func (v *embeddingViewer) extractKeys(c *srtp.Config) bool {
	state, ok := v.conn.ConnectionState()
	profile, selected := v.conn.SelectedSRTPProtectionProfile()
	c.Profile = srtp.ProtectionProfile(profile)
	return ok && selected && c.ExtractSessionKeysFromDTLS(&state, true) == nil
}

// awaitVideo waits for a packet of video and decrypts it.
func (v *embeddingViewer) awaitVideo(c *srtp.Context) (p rtp.Packet) {
	v.t.Helper()
	for {
		b := await(v.t, v.media, "media")
		if b[1] >= 192 && b[1] <= 223 {
			continue // RTCP
		}
		plain, err := c.DecryptRTP(nil, b, nil)
		if err := errors.Join(err, p.Unmarshal(plain)); err != nil {
			v.t.Fatalf("the viewer cannot read the server's media: %v", err)
		}
		return p
	}
}

func (v *embeddingViewer) connected() bool { return v.subscriber.Stats().Transport.Connected }

func (v *embeddingViewer) awaitConnected() {
	v.t.Helper()
	for end := time.Now().Add(30 * time.Second); !v.connected(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			v.t.Fatal("it is not connected")
		}
	}
}

// awaitSent waits until the server has sent so many bytes, and delays no others. It returns how
// many it has sent.
func (v *embeddingViewer) awaitSent(want uint64) (sent uint64) {
	v.t.Helper()
	paced := true
	for end := time.Now().Add(30 * time.Second); sent < want || paced; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			v.t.Fatalf("%d bytes were sent, want %d", sent, want)
		}
		v.transport.call(func(*shard) { sent, paced = v.transport.bytesOut, v.subscriber.onPacingList })
	}
	return sent
}

// earlyMedia waits until the server has decided whether media waits for the certificate. It
// has sent its flight. It reports whether media flows.
func (v *embeddingViewer) earlyMedia() (flows bool) {
	for range 3 { // the second one is taken when the first one was handled
		select {
		case v.transport.flightSent <- struct{}{}:
		case <-time.After(30 * time.Second):
			v.t.Fatal("nobody exports early keys")
		}
		for end := time.Now().Add(30 * time.Second); len(v.transport.flightSent) > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				v.t.Fatal("nobody exports early keys")
			}
		}
	}
	v.transport.call(func(*shard) { flows = v.transport.mediaReady })
	return flows
}
