package sfu

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v4"
	"github.com/pion/stun/v3"
)

var useCandidate = stun.RawAttribute{Type: stun.AttrUseCandidate}

// check sends a valid check from a socket, and waits for the response.
func (c *dtlsClient) check(t *testing.T, from *net.UDPConn, attributes ...stun.Setter) {
	t.Helper()
	session := c.transport.ice.Load().local
	b := newCheck(t, session.Ufrag+":x", session.Pwd, attributes...)
	buffer := make([]byte, 2000)
	for range 5 { // the kernel's queue may lose one
		if _, err := from.WriteToUDP(b, c.to); err != nil {
			t.Fatal(err)
		}
		_ = from.SetReadDeadline(time.Now().Add(2 * time.Second))
		for {
			n, err := from.Read(buffer)
			if err != nil {
				break
			}
			if n > stunHeader && string(buffer[4:20]) == string(b[4:20]) {
				_ = from.SetReadDeadline(time.Time{})
				return
			}
		}
	}
	t.Fatal("a valid check got no response")
}

// mediaRoute returns the address to which media is sent, once all that arrived is handled.
func (c *dtlsClient) mediaRoute() string {
	v := c.transport
	v.call(func(*shard) {})
	if r := v.route.Load(); r != nil {
		return r.addr.String()
	}
	return ""
}

func (c *dtlsClient) connect(t *testing.T, from *net.UDPConn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := dtls.Client(from, c.to, dtls.WithCertificates(c.certificate), dtls.WithInsecureSkipVerify(true),
		dtls.WithSRTPProtectionProfiles(profiles...), dtls.WithFlightInterval(flightInterval))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	c.awaitConnected(t)
}

// profile is the SRTP profile once media may flow, and "" until then.
func (c *dtlsClient) profile() string {
	c.transport.mu.Lock()
	defer c.transport.mu.Unlock()
	if !c.transport.connected {
		return ""
	}
	return c.transport.profile
}

func (c *dtlsClient) awaitConnected(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); c.profile() == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no media may flow")
		}
	}
}

// Chromium nominates a route seconds after its checks on paths of 100 ms and more. Media does
// not wait for that. One nomination that comes later still counts, then no more.
func TestTransport_SendsMediaWhereDTLSCompletes(t *testing.T) {
	for name, nominated := range map[string]bool{"never nominated": false, "another route nominated before": true} {
		t.Run(name, func(t *testing.T) {
			c := newCheckedClient(t, time.Minute)
			first, proved, preferred, third := udp(t), udp(t), udp(t), udp(t)
			c.check(t, first)
			c.check(t, proved)
			if nominated {
				c.check(t, first, useCandidate)
			}
			c.connect(t, proved)
			if got := c.mediaRoute(); got != proved.LocalAddr().String() {
				t.Errorf("media is sent to %s, but DTLS completed at %s", got, proved.LocalAddr())
			}
			c.check(t, first)
			if got := c.mediaRoute(); got != proved.LocalAddr().String() {
				t.Errorf("a check without nomination moved media to %s", got)
			}
			c.check(t, preferred, useCandidate)
			if got := c.mediaRoute(); got != preferred.LocalAddr().String() {
				t.Errorf("after its nomination media is sent to %s, want %s", got, preferred.LocalAddr())
			}
			c.check(t, third, useCandidate)
			if got := c.mediaRoute(); got != preferred.LocalAddr().String() {
				t.Errorf("a second nomination moved media to %s", got)
			}
		})
	}
}

func TestTransport_KeepsTheRouteThatWasNominatedBeforeDTLSCompletes(t *testing.T) {
	c := newCheckedClient(t, time.Minute)
	own, third := udp(t), udp(t)
	c.check(t, own, useCandidate)
	c.connect(t, own)
	c.check(t, third, useCandidate)
	if got := c.mediaRoute(); got != own.LocalAddr().String() {
		t.Errorf("a nomination from a third address moved media to %s", got)
	}
}

// An attacker on the path sees the checks and replays them from elsewhere. There, invalid DTLS
// records do not show who the peer is.
func TestHostile_InvalidDTLSRecordsAttractNoMedia(t *testing.T) {
	c := newCheckedClient(t, time.Minute)
	own, attacker := udp(t), udp(t)
	c.check(t, own)
	c.check(t, attacker)
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		record := append([]byte{22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 7, 0, 40}, make([]byte, 40)...) // as an encrypted Finished
		for i := byte(1); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				record[10] = i
				_, _ = attacker.WriteToUDP(record, c.to)
			}
		}
	})
	c.connect(t, own)
	if got := c.mediaRoute(); got != own.LocalAddr().String() {
		t.Errorf("media is sent to %s, but DTLS completed at %s", got, own.LocalAddr())
	}
	close(stop)
	running.Wait()
}

// DTLS is answered where it came from, but only to addresses with valid checks.
func TestHostile_DTLSFlightsGoOnlyToCheckedAddresses(t *testing.T) {
	c := newCheckedClient(t, time.Minute)
	first, second, unchecked := udp(t), udp(t), udp(t)
	c.check(t, first)
	hello := clientHello(t)
	before := c.engine.Stats().Drops[UnknownAddress]
	if _, err := unchecked.WriteToUDP(hello, c.to); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); c.engine.Stats().Drops[UnknownAddress] == before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a ClientHello from an address without check was not dropped")
		}
	}
	c.check(t, second)
	if _, err := second.WriteToUDP(hello, c.to); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 2000)
	_ = second.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := second.Read(buffer); err != nil || n < 13 || buffer[0] != 22 {
		t.Fatalf("the ClientHello got no ServerHello where it came from: %v", err)
	}
	_ = unchecked.SetReadDeadline(time.Now().Add(time.Millisecond)) // what was sent before the ServerHello is there
	if n, err := unchecked.Read(buffer); err == nil {
		t.Errorf("%d bytes came to an address without check", n)
	}
}

// clientHello is the first datagram of a DTLS client.
func clientHello(t *testing.T) []byte {
	t.Helper()
	listener, client := udp(t), udp(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conn, err := dtls.Client(client, listener.LocalAddr(), dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(profiles...))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = conn.HandshakeContext(ctx) }()
	b := make([]byte, 2000)
	n, err := listener.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-ended
	return b[:n]
}

// A replayed nomination moves media once at most, and only until the peer sends again.
func TestHostile_AReplayedNominationIsUndoneByTheNextPacket(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	v, peer, attacker := g.viewers[0].transport, g.viewerConns[0], udp(t)
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(g.engine.Port())}
	session, seal := v.ice.Load().local, newSRTPContext(t)
	exchange := func(from *net.UDPConn, b []byte) {
		t.Helper()
		if _, err := from.WriteToUDP(b, to); err != nil {
			t.Fatal(err)
		}
		_ = from.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := from.Read(make([]byte, 2000)); err != nil {
			t.Fatalf("a valid check got no response: %v", err)
		}
	}
	await := func(want *net.UDPConn, what string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); v.route.Load().addr.String() != want.LocalAddr().String(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s media is sent to %s", what, v.route.Load().addr)
			}
		}
	}
	nomination := newCheck(t, session.Ufrag+":x", session.Pwd, useCandidate)
	exchange(peer, newCheck(t, session.Ufrag+":x", session.Pwd))
	exchange(attacker, nomination)
	await(attacker, "after a nomination")
	report, err := seal.EncryptRTCP(nil, []byte{0x80, 201, 0, 1, 0, 0, 0, 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := peer.WriteToUDP(report, to); err != nil {
		t.Fatal(err)
	}
	await(peer, "after the peer's report")
	exchange(attacker, nomination)
	v.call(func(*shard) {})
	await(peer, "after the same nomination again")
}

// Clients that send DTLS in their checks have checks of more than 1,000 bytes.
func TestCheck_MayHave1500Bytes(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	session := g.viewers[0].transport.ice.Load().local
	large := func(size int) []byte {
		plain := len(newCheck(t, session.Ufrag+":x", session.Pwd))
		return newCheck(t, session.Ufrag+":x", session.Pwd, stun.RawAttribute{Type: 0xc070, Value: make([]byte, size-plain-4)})
	}
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(g.engine.Port())}
	turn := func() *turnTestClient {
		client := newTURNTestClient(t, g.engine, g.engine.TURNServers("ann", time.Minute)[0]).allocate()
		peer := newPeerAttribute(t, client.mask(), to.String())
		if code := client.request(client.message(turnCreatePermission, true, peer)); code != 0 {
			t.Fatalf("a permission: code %d", code)
		}
		return client
	}()
	for name, exchange := range map[string]func([]byte) ([]byte, error){
		"UDP": func(b []byte) ([]byte, error) {
			c := udp(t)
			if _, err := c.WriteToUDP(b, to); err != nil {
				return nil, err
			}
			return readWithin(c, 10*time.Second)
		},
		"TCP": func(b []byte) ([]byte, error) {
			c, err := net.Dial("tcp", to.String())
			if err != nil {
				return nil, err
			}
			defer c.Close()
			if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
				return nil, err
			}
			answer, err := readWithin(c, 10*time.Second)
			return answer[min(2, len(answer)):], err
		},
		"TURN": func(b []byte) ([]byte, error) {
			peer := newPeerAttribute(t, turn.mask(), to.String())
			turn.send(turn.message(turnSend, false, peer, appendAttribute(nil, attrData, b)))
			answer, err := readWithin(turn.conn, 10*time.Second)
			for at := stunHeader; at+4 < len(answer); {
				n := int(binary.BigEndian.Uint16(answer[at+2:]))
				if binary.BigEndian.Uint16(answer[at:]) == attrData {
					return answer[at+4 : at+4+n], err
				}
				at += 4 + (n+3)&^3
			}
			return nil, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1036, 1500} {
				b := large(size)
				if len(b) != size {
					t.Fatalf("the check has %d bytes, want %d", len(b), size)
				}
				answer, err := exchange(b)
				if err != nil || len(answer) < stunHeader || binary.BigEndian.Uint16(answer) != stunBindingSuccess {
					t.Errorf("a check of %d bytes: %x, %v", size, answer, err)
				}
			}
		})
	}
	if _, ok := parseCheck(large(1504)); ok {
		t.Error("a check of 1,504 bytes is read")
	}
}

func readWithin(c net.Conn, limit time.Duration) ([]byte, error) {
	b := make([]byte, 2000)
	_ = c.SetReadDeadline(time.Now().Add(limit))
	n, err := c.Read(b)
	return b[:n], err
}
