package sfu

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v4"
	"github.com/pion/dtls/v4/pkg/crypto/elliptic"
	"github.com/pion/dtls/v4/pkg/crypto/selfsign"
	"github.com/pion/dtls/v4/pkg/protocol"
	"github.com/pion/stun/v3"

	"rostrum/internal/media"
)

// Offer and answer are the first round trip, the check with the ClientHello and the server's
// flight the second. Media follows the flight: the viewer sends nothing else before.
func TestTransport_SendsMediaTwoRoundTripsAfterTheOfferWithDTLSInChecks(t *testing.T) {
	v := newEmbeddingViewer(t)
	for _, want := range []string{"a=ice-options:sped googspedv1\r\n", "a=setup:passive\r\n"} {
		if !strings.Contains(v.answer, want) {
			t.Fatalf("the answer lacks %q:\n%s", want, v.answer)
		}
	}
	hello := v.flight(1)[0]
	response := v.exchange(v.check(hello))
	if !response.hasData || !bytes.Equal(response.acks, binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(hello))) {
		t.Errorf("the response to the ClientHello carries %+v, want its CRC and an empty datagram attribute", response)
	}
	finished := v.flight(1)[0]
	if p := v.awaitVideo(v.decrypter()); p.SequenceNumber == 0 && len(p.Payload) == 0 {
		t.Errorf("the first packet is %+v", p)
	}
	if v.connected() {
		t.Error("it is connected before its certificate is verified")
	}
	response = v.exchange(v.check(finished))
	v.awaitConnected()
	if got := v.subscriber.Stats().Transport.Profile; got != profileNames[dtls.SRTP_AEAD_AES_128_GCM] {
		t.Errorf("the SRTP profile is %s", got)
	}
	if response = v.exchange(v.check(nil)); !response.used || response.hasData {
		t.Errorf("after the handshake the response carries %+v, want acknowledgements alone", response)
	}
	session := v.transport.ice.Load().local
	if response = v.exchange(newCheck(t, session.Ufrag+":x", session.Pwd)); response.used {
		t.Errorf("the response to a plain check carries %+v", response)
	}
}

// The response to a later check carries the flight, until it is acknowledged.
func TestTransport_RepeatsItsFlightInResponses(t *testing.T) {
	v := newEmbeddingViewer(t)
	v.exchange(v.check(v.flight(1)[0]))
	finished := v.flight(1)[0] // so the server's flight has arrived
	session := v.transport.ice.Load().local
	unacknowledged := newCheck(t, session.Ufrag+":x", session.Pwd, embed(embeddedDTLS{})...)
	if response := v.exchange(unacknowledged); len(response.data) < 500 {
		t.Errorf("the response carries %d bytes of DTLS, want the server's flight", len(response.data))
	}
	for range 20 { // the flight may have been repeated meanwhile
		if response := v.exchange(v.check(nil)); len(response.data) == 0 {
			v.exchange(v.check(finished))
			v.awaitConnected()
			return
		}
	}
	t.Error("acknowledged datagrams are repeated")
}

func TestTransport_CompletesHandshakesInChecks(t *testing.T) {
	for name, c := range map[string]struct {
		options []dtls.ClientOption
		pieces  int // of the ClientHello
		swap    bool
		early   bool
	}{
		"a ClientHello of two pieces": {[]dtls.ClientOption{dtls.WithEllipticCurves(elliptic.X25519MLKEM768, elliptic.X25519)}, 2, false, true},
		"two pieces out of order":     {[]dtls.ClientOption{dtls.WithEllipticCurves(elliptic.X25519MLKEM768, elliptic.X25519)}, 2, true, true},
		"DTLS 1.2":                    {[]dtls.ClientOption{dtls.WithMaxVersion(protocol.Version1_2)}, 1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newEmbeddingViewer(t, c.options...)
			hello := v.flight(c.pieces)
			if c.swap {
				slices.Reverse(hello)
			}
			for _, b := range hello {
				v.exchange(v.check(b))
			}
			next := v.flight(1)
			if flows := v.earlyMedia(); flows != c.early {
				t.Errorf("media flows before the certificate: %v, want %v", flows, c.early)
			}
			v.finish(next)
			v.awaitVideo(v.decrypter())
		})
	}
}

// A ClientHello outside of a check may be that of anybody on the path.
func TestHostile_NoMediaBeforeTheCertificateWithoutAnAuthenticClientHello(t *testing.T) {
	v := newEmbeddingViewer(t)
	v.exchange(v.check(nil)) // the address is verified
	v.send(v.flight(1)[0])
	finished := v.flight(1)[0]
	if v.earlyMedia() {
		t.Error("media is sent")
	}
	v.exchange(v.check(finished))
	v.awaitConnected()
	v.awaitVideo(v.decrypter())
}

// A piece of an attacker's may not be mixed with those of the peer.
func TestHostile_NoMediaBeforeTheCertificateAfterAForeignDatagram(t *testing.T) {
	v := newEmbeddingViewer(t)
	v.exchange(v.check(nil))
	v.send(append([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1}, 0))
	for end := time.Now().Add(30 * time.Second); v.transport.dtlsConn.reads.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the foreign datagram is not read")
		}
	}
	v.exchange(v.check(v.flight(1)[0]))
	finished := v.flight(1)[0]
	if v.earlyMedia() {
		t.Error("media is sent")
	}
	v.exchange(v.check(finished))
	v.awaitConnected()
}

func TestHostile_RejectsAnotherCertificateAfterEarlyMedia(t *testing.T) {
	other, err := selfsign.GenerateSelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	v := newEmbeddingViewer(t, dtls.WithCertificates(other))
	v.exchange(v.check(v.flight(1)[0]))
	v.send(v.check(v.flight(1)[0]))
	if over := await(t, v.closed, "end"); over.Cause != CauseHandshakeFailed {
		t.Errorf("it ended with %s", over.Cause)
	}
	if v.connected() {
		t.Error("it was connected")
	}
}

// Replayed checks attract no more than the stored keyframe group and a round trip of media.
func TestHostile_LimitsMediaBeforeTheCertificate(t *testing.T) {
	v := newEmbeddingViewer(t)
	v.exchange(v.check(v.flight(1)[0]))
	finished := v.flight(1)[0]
	v.awaitVideo(v.decrypter())
	const size, count = 1100, 2 * maxUnprovedBytes / 1100
	body := string(append([]byte{0x41}, make([]byte, size)...))
	for n := range count / 10 {
		var packets [][]byte
		for i := range 10 {
			packets = append(packets, v.bench.video(uint16(2+n*10+i), 78, body))
		}
		v.bench.onShard(func(s *shard) {
			for _, b := range packets {
				v.bench.publisher.transport.receive(s, b)
			}
		})
	}
	if n := v.awaitSent(maxUnprovedBytes / 2); n > maxUnprovedBytes+20*size {
		t.Errorf("%d bytes were sent before the certificate, want about %d", n, maxUnprovedBytes)
	}
	v.exchange(v.check(finished))
	v.awaitConnected()
	before := v.awaitSent(0)
	last := v.bench.video(uint16(2+count), 78, idr)
	v.bench.onShard(func(s *shard) { v.bench.publisher.transport.receive(s, last) })
	v.awaitSent(before + 1)
}

// The stored group may be more than is sent before the certificate.
func TestTransport_SendsTheRestOfTheStoredGroupAfterTheCertificate(t *testing.T) {
	v := newEmbeddingViewer(t)
	v.subscriber.subscription(media.Video).hasRTX = false // so that no probe makes it go on
	const size, count = 1100, 600
	body := string(append([]byte{0x41}, make([]byte, size)...))
	var packets [][]byte
	for n := range count {
		packets = append(packets, v.bench.video(uint16(2+n), 78, body))
	}
	v.bench.onShard(func(s *shard) {
		for _, b := range packets {
			v.bench.publisher.transport.receive(s, b)
		}
	})
	v.exchange(v.check(v.flight(1)[0]))
	finished := v.flight(1)[0]
	v.awaitSent(maxUnprovedBytes)
	v.exchange(v.check(finished))
	v.awaitConnected()
	v.awaitSent(count * size)
}

// Whoever is on the path can send the peer's check first, and often. It is delivered once, and
// the peer gets its media.
func TestHostile_ReplayedChecksWithDTLS(t *testing.T) {
	v := newEmbeddingViewer(t)
	attacker := udp(t)
	first := v.check(v.flight(1)[0])
	data := 0
	buffer := make([]byte, 2000)
	var finished []byte
	for range 3 * maxEmbedResponses {
		if _, err := attacker.WriteTo(first, v.to); err != nil {
			t.Fatal(err)
		}
		if finished == nil {
			finished = v.clientFinished(attacker, buffer)
			continue
		}
		for {
			_ = attacker.SetReadDeadline(time.Now().Add(30 * time.Second))
			n, err := attacker.Read(buffer)
			if err != nil {
				t.Fatal(err)
			}
			if buffer[0] == 1 {
				if e := readResponse(buffer[:n]); len(e.data) > 0 {
					data++
				}
				break
			}
		}
	}
	if data == 0 || data > maxEmbedResponses {
		t.Errorf("%d responses to replayed checks have a datagram, want at most %d", data, maxEmbedResponses)
	}
	if n := v.transport.dtlsConn.reads.Load(); n != 1 {
		t.Errorf("%d datagrams were read, want 1", n)
	}
	v.exchange(first)
	v.send(finished)
	v.awaitConnected()
	if got := v.transport.route.Load().addr.String(); got != v.socket.LocalAddr().String() {
		t.Errorf("media is sent to %s", got)
	}
}

// clientFinished passes the server's flight from the attacker to the viewer, as a path does
// where he only reads, and returns the viewer's answer.
func (v *embeddingViewer) clientFinished(attacker *net.UDPConn, buffer []byte) []byte {
	v.t.Helper()
	for {
		_ = attacker.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := attacker.Read(buffer)
		if err != nil {
			v.t.Fatal(err)
		}
		if buffer[0] >= 20 && buffer[0] < 64 {
			v.deliver(slices.Clone(buffer[:n]))
			return v.flight(1)[0]
		}
	}
}

func TestHostile_IgnoresForgedDTLSInChecks(t *testing.T) {
	v := newEmbeddingViewer(t)
	hello := v.flight(1)[0]
	session := v.transport.ice.Load().local
	build := func(setters ...stun.Setter) []byte {
		m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(session.Ufrag + ":x")}, setters...)...)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	integrity, carried := stun.NewShortTermIntegrity(session.Pwd), embed(embeddedDTLS{data: hello})
	refused := v.bench.drops(StunRefused)
	v.send(build(append(carried, stun.NewShortTermIntegrity("another"), stun.Fingerprint)...))
	for name, c := range map[string]struct {
		check []byte
		used  bool
	}{
		"after the integrity":  {build(append([]stun.Setter{integrity}, append(carried, stun.Fingerprint)...)...), false},
		"media":                {build(stun.RawAttribute{Type: attrDTLS, Value: append([]byte{0x80}, hello...)}, integrity, stun.Fingerprint), true},
		"too short":            {build(stun.RawAttribute{Type: attrDTLS, Value: hello[:12]}, integrity, stun.Fingerprint), true},
		"too many CRCs":        {build(stun.RawAttribute{Type: attrDTLSAck, Value: make([]byte, 20)}, integrity, stun.Fingerprint), true},
		"a part of a CRC":      {build(stun.RawAttribute{Type: attrDTLSAck, Value: make([]byte, 3)}, integrity, stun.Fingerprint), true},
		"a second one follows": {build(stun.RawAttribute{Type: attrDTLS}, carried[0], integrity, stun.Fingerprint), true},
	} {
		if response := v.exchange(c.check); response.used != c.used || len(response.acks) > 0 || len(response.data) > 0 {
			t.Errorf("%s: the response carries %+v", name, response)
		}
	}
	if n := v.transport.dtlsConn.reads.Load(); n > 0 || v.transport.dtlsConn.waiting() > 0 {
		t.Errorf("%d datagrams were delivered", n)
	}
	if n := v.bench.drops(StunRefused) - refused; n != 1 {
		t.Errorf("%d checks were refused, want the one without integrity", n)
	}
	tooLong := build(stun.RawAttribute{Type: attrDTLS, Value: append(bytes.Clone(hello), make([]byte, maxSTUN)...)}, integrity, stun.Fingerprint)
	if _, ok := parseCheck(tooLong); ok {
		t.Errorf("a check of %d bytes is read", len(tooLong))
	}
}

func TestEmbedState_IsBounded(t *testing.T) {
	var s embedState
	s.inUse.Store(true)
	for i := range 100 {
		b := append([]byte{22}, make([]byte, 20+i)...)
		if !s.receive(&embeddedDTLS{used: true, hasData: true, data: b}) || s.receive(&embeddedDTLS{used: true, hasData: true, data: b}) {
			t.Fatal("a datagram is not delivered once")
		}
		s.addFlight(b, 7)
		s.addFlight(make([]byte, maxEmbedded+1), 7)
	}
	if len(s.received) != maxDTLSAcks || len(s.flight) != maxFlight {
		t.Errorf("%d CRCs and %d datagrams are kept", len(s.received), len(s.flight))
	}
	if s.addFlight([]byte{22}, 8); len(s.flight) != 1 {
		t.Errorf("a new flight has %d datagrams", len(s.flight))
	}
	if s.end(); s.flight != nil {
		t.Error("the flight is kept after the end")
	}
}

func FuzzEmbeddedDTLS(f *testing.F) {
	f.Add([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, []byte{1, 2, 3, 4}, true)
	f.Add([]byte{}, []byte{}, false)
	f.Fuzz(func(t *testing.T, data, acks []byte, complete bool) {
		var s embedState
		s.inUse.Store(true)
		s.addFlight(data, 1)
		if len(data) > 1<<15 || len(acks) > 1<<15 {
			return
		}
		var e embeddedDTLS
		e.read(attrDTLS, data)
		e.read(attrDTLSAck, acks)
		deliver := s.receive(&e)
		if deliver && (len(data) < 13 || data[0] < 20 || data[0] >= 64) {
			t.Errorf("%x is delivered", data)
		}
		if b := s.respond(&e, complete); len(b.append(nil)) > 4+maxEmbedded+4+4+4*maxDTLSAcks {
			t.Errorf("the response has %d bytes", len(b.append(nil)))
		}
	})
}
