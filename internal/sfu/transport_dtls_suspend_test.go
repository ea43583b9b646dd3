package sfu

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v4"
	"github.com/pion/dtls/v4/pkg/protocol"
	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
)

// recordConn counts the DTLS 1.2 records of the server that repeat a number under the key.
type recordConn struct {
	net.PacketConn
	mu       sync.Mutex
	numbers  map[uint64]bool
	repeated int
}

func (c *recordConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	for rest := b[:n]; len(rest) > 13 && rest[0] >= 20 && rest[0] < 32; {
		if number := binary.BigEndian.Uint64(rest[3:]); number>>48 == 1 {
			if c.numbers[number] {
				c.repeated++
			}
			c.numbers[number] = true
		}
		rest = rest[min(len(rest), 13+int(binary.BigEndian.Uint16(rest[11:]))):]
	}
	return n, from, err
}

// suspendedPeer is connected by DTLS, and its transport has suspended the connection.
type suspendedPeer struct {
	*dtlsClient
	conn *dtls.Conn
	tap  *recordConn
}

func newSuspendedPeer(t *testing.T, version protocol.Version, client bool) *suspendedPeer {
	t.Helper()
	return newSuspendedPeerOver(t, version, client, func(c net.PacketConn) net.PacketConn { return c })
}

// newSuspendedPeerOver has a path between the peer and its socket.
func newSuspendedPeerOver(t *testing.T, version protocol.Version, client bool, path func(net.PacketConn) net.PacketConn) *suspendedPeer {
	t.Helper()
	setup := "passive"
	if client {
		setup = "active"
	}
	c := newClient(t, Config{suspendDTLSAfter: 50 * time.Millisecond, ConnectTimeout: time.Minute, LostAfter: 2 * time.Minute}, setup)
	from := udp(t)
	p := &suspendedPeer{c, nil, &recordConn{PacketConn: path(from), numbers: map[uint64]bool{}}}
	shared := []dtls.Option{
		dtls.WithCertificates(c.certificate), dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(profiles...),
		dtls.WithFlightInterval(flightInterval), dtls.WithMinVersion(version), dtls.WithMaxVersion(version),
	}
	var err error
	if client {
		options := []dtls.ClientOption{}
		for _, o := range shared {
			options = append(options, o)
		}
		p.conn, err = dtls.Client(p.tap, c.to, options...)
	} else {
		options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true)}
		for _, o := range shared {
			options = append(options, o)
		}
		p.conn, err = dtls.Server(p.tap, c.to, options...)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	c.check(t, from, useCandidate)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	c.awaitConnected(t)
	p.sendRTCP(t, from, client)
	p.awaitSuspended(t)
	return p
}

// sendRTCP sends an authentic packet.
func (p *suspendedPeer) sendRTCP(t *testing.T, from net.PacketConn, client bool) {
	t.Helper()
	profile, _ := p.conn.SelectedSRTPProtectionProfile()
	state, ok := p.conn.ConnectionState()
	if !ok {
		t.Fatal("no state")
	}
	cfg := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := cfg.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		t.Fatal(err)
	}
	encrypter, err := srtp.CreateContext(cfg.Keys.LocalMasterKey, cfg.Keys.LocalMasterSalt, cfg.Profile)
	if err != nil {
		t.Fatal(err)
	}
	report, err := (&rtcp.ReceiverReport{SSRC: 1}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if report, err = encrypter.EncryptRTCP(nil, report, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := from.WriteTo(report, p.to); err != nil {
		t.Fatal(err)
	}
}

func (p *suspendedPeer) awaitSuspended(t *testing.T) {
	t.Helper()
	v := p.publisher.transport
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		v.dtlsMu.Lock()
		suspended := v.dtlsSuspended != nil
		v.dtlsMu.Unlock()
		switch {
		case suspended:
			return
		case time.Now().After(end):
			t.Fatal("the connection was not suspended")
		}
	}
}

// wake has the connection resumed by a datagram that the peer did not send.
func (p *suspendedPeer) wake(t *testing.T, datagram []byte) {
	t.Helper()
	v := p.publisher.transport
	v.call(func(s *shard) {
		v.receive(s, datagram)
		v.dtlsMu.Lock()
		defer v.dtlsMu.Unlock()
		if v.dtlsSuspended != nil {
			t.Error("the datagram did not resume the connection")
		}
	})
}

// forged is a record of application data that nobody with the keys sent.
var forged = append([]byte{23, 0xfe, 0xfd, 0, 1}, make([]byte, 60)...)

// Anybody who knows the peer's address can send records without encryption.
func TestTransport_KeepsASuspendedDTLSConnectionWhateverResumesIt(t *testing.T) {
	record := func(kind byte, body ...byte) []byte {
		return append([]byte{kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, byte(len(body))}, body...)
	}
	datagrams := map[string][]byte{
		"a fatal alert":          record(21, 2, 40),
		"a close_notify":         record(21, 1, 0),
		"application data":       record(23, 0),
		"a damaged ACK":          record(26, 0),
		"a damaged handshake":    record(22, 0),
		"a forged record":        forged,
		"half a record":          record(21, 2, 40)[:14],
		"an unknown type":        record(30, 1),
		"a change of the cipher": record(20, 1),
	}
	for name, version := range map[string]protocol.Version{"1.2": protocol.Version1_2, "1.3": protocol.Version1_3} {
		for role, client := range map[string]bool{"client": true, "server": false} {
			t.Run("DTLS "+name+" with a "+role, func(t *testing.T) {
				t.Parallel()
				p := newSuspendedPeer(t, version, client)
				for what, datagram := range datagrams {
					for range 3 {
						p.wake(t, datagram)
						p.awaitSuspended(t)
					}
					if t.Failed() || p.publisher.transport.ended.Load() {
						t.Fatalf("%s ended it", what)
					}
				}
				_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
				if _, err := p.conn.Read(make([]byte, 100)); err == nil || errors.Is(err, io.EOF) { // but at the deadline
					t.Errorf("the peer reads %v", err)
				}
			})
		}
	}
}

// A suspended connection still ends when the peer closes it, and tells the peer when it is
// closed here.
func TestTransport_ServesASuspendedDTLSConnection(t *testing.T) {
	for name, version := range map[string]protocol.Version{"1.2": protocol.Version1_2, "1.3": protocol.Version1_3} {
		for role, client := range map[string]bool{"client": true, "server": false} {
			t.Run("DTLS "+name+", closed by the "+role, func(t *testing.T) {
				t.Parallel()
				p := newSuspendedPeer(t, version, client)
				p.conn.Close()
				select {
				case closed := <-p.closed:
					if closed.Cause != CausePeerClosed {
						t.Errorf("it was closed because %s", closed.Cause)
					}
				case <-time.After(time.Minute):
					t.Error("nobody heard that the peer closed")
				}
			})
			t.Run("DTLS "+name+", the "+role+" is told of the end", func(t *testing.T) {
				t.Parallel()
				p := newSuspendedPeer(t, version, client)
				for range 3 {
					p.wake(t, forged)
					p.awaitSuspended(t)
				}
				p.publisher.Close("")
				_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
				if _, err := p.conn.Read(make([]byte, 100)); err != io.EOF {
					t.Errorf("the peer reads %v", err)
				}
				p.tap.mu.Lock()
				defer p.tap.mu.Unlock()
				if p.tap.repeated > 0 {
					t.Errorf("%d records repeat a nonce", p.tap.repeated)
				}
			})
		}
	}
}

// finishedConn keeps the last datagram of the handshake that the peer sent, and what came then.
type finishedConn struct {
	net.PacketConn
	mu       sync.Mutex
	finished []byte
	ack      []byte
}

func (c *finishedConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	if b[0]&encryptedEpoch == encryptedRecord|2 {
		c.finished = slices.Clone(b)
	}
	c.mu.Unlock()
	return c.PacketConn.WriteTo(b, to)
}

func (c *finishedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished != nil && n > 0 && b[0]&encryptedMask == encryptedRecord {
		c.ack = slices.Clone(b[:n])
	}
	return n, from, err
}

func (c *finishedConn) awaitACK(t *testing.T) []byte {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		ack := c.ack
		c.ack = nil
		c.mu.Unlock()
		if ack != nil {
			return ack
		}
		if time.Now().After(end) {
			t.Fatal("the Finished is not acknowledged")
		}
	}
}

// The client repeats its Finished if the acknowledgement was lost.
func TestTransport_AcknowledgesARepeatedFinishedWhileSuspended(t *testing.T) {
	var tap *finishedConn
	p := newSuspendedPeerOver(t, protocol.Version1_3, true, func(c net.PacketConn) net.PacketConn {
		tap = &finishedConn{PacketConn: c}
		return tap
	})
	first := tap.awaitACK(t)
	tap.mu.Lock()
	finished := tap.finished
	tap.mu.Unlock()
	if _, err := tap.PacketConn.WriteTo(finished, p.to); err != nil {
		t.Fatal(err)
	}
	if again := tap.awaitACK(t); !bytes.Equal(again, first) {
		t.Errorf("the acknowledgement is %x, was %x", again, first)
	}
	p.awaitSuspended(t)
}

// What comes in the instant of the suspension may be the end.
func TestTransport_SuspendsNoDTLSConnectionThatJustReceived(t *testing.T) {
	c := newClient(t, Config{suspendDTLSAfter: time.Hour}, "active")
	v := c.transport
	v.dtlsConn.deliver(forged, nil)
	if v.holdIfSilent(time.Hour) {
		t.Error("it is suspended")
	}
	b := make([]byte, 100)
	if n, _, err := v.dtlsConn.ReadFrom(b); err != nil || n != len(forged) {
		t.Errorf("then %d bytes are read: %v", n, err)
	}
	if !v.holdIfSilent(0) {
		t.Error("it is not suspended after a silence")
	}
	v.dtlsConn.deliver(forged, nil)
	_ = v.dtlsConn.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, _, err := v.dtlsConn.ReadFrom(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("what comes during the suspension is read by the connection before: %v", err)
	}
}
