package sfu

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v4"
	"github.com/pion/dtls/v4/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v4/pkg/crypto/selfsign"
	"github.com/pion/dtls/v4/pkg/protocol"
	"github.com/pion/dtls/v4/pkg/protocol/handshake"
)

// dtlsClient has sent a valid check for an answered offer. The handshake is next.
type dtlsClient struct {
	conn        *net.UDPConn
	to          *net.UDPAddr
	certificate tls.Certificate // whose fingerprint is in the offer
	engine      *Engine
	publisher   *Publisher
	transport   *Transport // of the publisher, or of a viewer
	closed      chan Closed
}

func newDTLSClient(t *testing.T) *dtlsClient {
	t.Helper()
	c := newCheckedClient(t, 2*time.Second)
	c.conn = udp(t)
	c.check(t, c.conn, useCandidate)
	return c
}

// newCheckedClient has an answered offer, and sent no check yet.
func newCheckedClient(t *testing.T, timeout time.Duration) *dtlsClient {
	t.Helper()
	// The client sends few checks, so that it must not be taken for lost on a busy machine.
	return newClient(t, Config{ConnectTimeout: timeout, LostAfter: 2 * time.Minute}, "actpass")
}

// newClient has an answered offer with a DTLS role.
func newClient(t *testing.T, cfg Config, setup string) *dtlsClient {
	t.Helper()
	e := newEngine(t, cfg)
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	c := &dtlsClient{engine: e, certificate: certificate, closed: make(chan Closed, 1), to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(e.Port())}}
	offer := strings.NewReplacer("AA:BB", certificateFingerprint(certificate.Certificate[0]), "setup:actpass", "setup:"+setup).Replace(crlf(singleOffer))
	c.publisher, _, err = e.NewRouter(RouterConfig{}).Publish(offer, PublishConfig{Participant: "caller", Notify: func(ev Event) {
		if over, is := ev.(Closed); is {
			c.closed <- over
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.transport = c.publisher.transport
	return c
}

func (c *dtlsClient) handshake(ctx context.Context, options ...dtls.ClientOption) (*dtls.Conn, error) {
	conn, err := dtls.Client(c.conn, c.to, append([]dtls.ClientOption{
		dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(profiles...), dtls.WithFlightInterval(flightInterval),
	}, options...)...)
	if err != nil {
		return nil, err
	}
	return conn, conn.HandshakeContext(ctx)
}

func TestHostile_RejectsWeakHandshakes(t *testing.T) {
	other, err := selfsign.GenerateSelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	hello := func(change func(*handshake.MessageClientHello)) dtls.ClientOption {
		return dtls.WithClientHelloMessageHook(func(m handshake.MessageClientHello) handshake.Message {
			change(&m)
			return &m
		})
	}
	suites := func(ids ...uint16) dtls.ClientOption {
		return hello(func(m *handshake.MessageClientHello) { m.CipherSuiteIDs = ids })
	}
	preshared := func() ([]dtls.PSK, error) { return []dtls.PSK{{Identity: []byte("x"), Key: []byte("x")}}, nil }
	only12 := dtls.WithMaxVersion(protocol.Version1_2)
	for name, c := range map[string]struct {
		options   []dtls.ClientOption
		announced bool // with the certificate of the offer
		accepted  bool
	}{
		"valid":                         {nil, true, true},
		"valid, DTLS 1.2":               {[]dtls.ClientOption{only12}, true, true},
		"no certificate":                {nil, false, false},
		"no certificate, DTLS 1.2":      {[]dtls.ClientOption{only12}, false, false},
		"another certificate":           {[]dtls.ClientOption{dtls.WithCertificates(other)}, false, false},
		"another certificate, DTLS 1.2": {[]dtls.ClientOption{dtls.WithCertificates(other), only12}, false, false},
		"PSK, DTLS 1.3":                 {[]dtls.ClientOption{dtls.WithPSK(preshared, nil), dtls.WithCipherSuites(ciphersuite.TLS_AES_128_GCM_SHA256)}, false, false},
		"PSK":                           {[]dtls.ClientOption{dtls.WithPSK(preshared, nil), dtls.WithCipherSuites(ciphersuite.TLS_PSK_WITH_AES_128_GCM_SHA256)}, false, false},
		"ECDHE-PSK":                     {[]dtls.ClientOption{dtls.WithPSK(preshared, nil), dtls.WithCipherSuites(ciphersuite.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256)}, false, false},
		"anonymous suites":              {[]dtls.ClientOption{suites(0x0018, 0x001b, 0xc018, 0xc019)}, true, false},
		"NULL suites":                   {[]dtls.ClientOption{suites(0x0001, 0x0002, 0xc006, 0xc010)}, true, false},
		"RSA suites":                    {[]dtls.ClientOption{dtls.WithCipherSuites(ciphersuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)}, true, false},
		"DTLS 1.0":                      {[]dtls.ClientOption{hello(func(m *handshake.MessageClientHello) { m.Version = protocol.Version1_0 })}, true, false},
		"no extended master secret":     {[]dtls.ClientOption{only12, dtls.WithExtendedMasterSecret(dtls.DisableExtendedMasterSecret)}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := newDTLSClient(t)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			ended := make(chan Closed, 1)
			if !c.accepted {
				go func() { // the client may wait for long
					ended <- <-from.closed
					cancel()
				}()
			}
			options := c.options
			if c.announced {
				options = append(options, dtls.WithCertificates(from.certificate))
			}
			conn, err := from.handshake(ctx, options...)
			if conn == nil {
				t.Fatalf("make the client: %v", err)
			}
			defer conn.Close()
			if c.accepted {
				for end := time.Now().Add(5 * time.Second); err == nil && !from.publisher.Stats().Transport.Connected; time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatal("it is not connected")
					}
				}
				if err != nil {
					t.Errorf("rejected: %v", err)
				}
				return
			}
			select {
			case over := <-ended:
				if over.Cause != CauseHandshakeFailed && over.Cause != CauseNeverConnected {
					t.Errorf("it ended with %s", over.Cause)
				}
			case <-time.After(10 * time.Second):
				t.Error("it was not ended")
			}
			if from.publisher.Stats().Transport.Connected {
				t.Error("media may flow")
			}
		})
	}
}

// A client with a valid check sends empty and overlapping fragments, and messages of 64 k
// pieces. Checks of others are answered meanwhile.
func TestHostile_InvalidDTLSFragmentsDoNotDelayOthers(t *testing.T) {
	fragment := func(sequence uint16, total, at, length, have int) []byte {
		b := []byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0}
		b = binary.BigEndian.AppendUint16(b, sequence)
		b = binary.BigEndian.AppendUint16(b, uint16(12+have))
		b = append(b, 1, byte(total>>16), byte(total>>8), byte(total), 0, 0, byte(at>>16), byte(at>>8), byte(at), byte(length>>16), byte(length>>8), byte(length))
		return append(b, make([]byte, have)...)
	}
	from := newDTLSClient(t)
	bystander, _, err := from.publisher.router.Publish(crlf(singleOffer), PublishConfig{Participant: "bystander"})
	if err != nil {
		t.Fatal(err)
	}
	session := bystander.transport.ice.Load()
	conn := udp(t)
	slowest := time.Duration(0)
	for i := range 40_000 {
		var b []byte
		switch i % 4 {
		case 0:
			b = fragment(uint16(i), 0, 0, 0, 0)
		case 1:
			b = fragment(uint16(i), 1<<20, i%65536, 1, 1) // one of very many pieces
		case 2:
			b = fragment(uint16(i), 1000, i%900, 100, 100) // overlapping
		case 3:
			b = fragment(uint16(i), 10, 5, 1<<20, 20) // beyond its end
		}
		_, _ = from.conn.WriteToUDP(b, from.to)
		if i%2000 != 0 {
			continue
		}
		began := time.Now()
		answered := false
		for range 5 { // the kernel's queue may lose one
			if _, err := conn.WriteToUDP(newCheck(t, session.local.Ufrag+":x", session.local.Pwd), from.to); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := conn.Read(make([]byte, 1500)); err == nil {
				answered = true
				break
			}
		}
		if !answered {
			t.Fatalf("after %d fragments no check is answered", i)
		}
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("the slowest response took %v", slowest)
}

// nonceConn records the explicit nonces of the application data that is sent.
type nonceConn struct {
	net.PacketConn
	mu       sync.Mutex
	nonces   map[uint64]struct{}
	repeated int
}

func (c *nonceConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	for rest := b; len(rest) >= 21 && rest[0] == 23; rest = rest[13+int(binary.BigEndian.Uint16(rest[11:])):] {
		nonce := binary.BigEndian.Uint64(rest[13:])
		if _, used := c.nonces[nonce]; used {
			c.repeated++
		}
		c.nonces[nonce] = struct{}{}
	}
	c.mu.Unlock()
	return c.PacketConn.WriteTo(b, to)
}

// The DTLS library must count nonces. A version with random nonces repeated one after about
// 2^32 records. DTLS 1.3 has no nonces of its own in the records.
func TestHostile_DTLSUsesNoNonceTwice(t *testing.T) {
	records := 1<<16 + 1<<12 // beyond what 16 bits count
	if testing.Short() {
		records = 1 << 12
	}
	from := newDTLSClient(t)
	tap := &nonceConn{PacketConn: from.conn, nonces: make(map[uint64]struct{}, records)}
	conn, err := dtls.Client(tap, from.to, dtls.WithMaxVersion(protocol.Version1_2), dtls.WithCertificates(from.certificate), dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(profiles...))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range records {
		if _, err := conn.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	tap.mu.Lock()
	defer tap.mu.Unlock()
	if len(tap.nonces) < records || tap.repeated > 0 {
		t.Errorf("%d records had %d nonces, %d of them twice", records, len(tap.nonces), tap.repeated)
	}
	lowest, highest := ^uint64(0), uint64(0)
	for n := range tap.nonces {
		lowest, highest = min(lowest, n), max(highest, n)
	}
	if span := highest - lowest; span >= uint64(2*records) {
		t.Errorf("the nonces of %d records span %d: they are random, not counted", records, span)
	}
}
