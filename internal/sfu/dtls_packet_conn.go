package sfu

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v4"

	"rostrum/internal/sdp"
)

// dtlsQueueSize is the number of datagrams that may wait for the handshake.
const dtlsQueueSize = 32

// dtlsState is the DTLS state of a transport. All but keyed and peerFingerprints is constant.
type dtlsState struct {
	peerFingerprints []sdp.Fingerprint // until the handshake is complete
	active           bool              // the server is the DTLS client
	aeadOnly         bool              // SRTP with AEAD_AES_128_GCM alone is offered
	dtlsConn         *dtlsPacketConn
	keyed            atomic.Bool            // the handshake is complete
	hello            atomic.Pointer[[]byte] // the server's ClientHello, until the peer answers it
}

// dtlsPacketConn is the net.PacketConn for DTLS. Reads return what the shard delivers.
type dtlsPacketConn struct {
	send   func([]byte)
	in     chan dtlsDatagram
	from   atomic.Pointer[route] // of the datagram that was read last, nil if unknown
	proved atomic.Pointer[route] // of the datagram that completed the handshake
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex // guards what follows
	deadline time.Time
	changed  chan struct{} // closed when the deadline changes
}

// dtlsDatagram is a received datagram and the checked route on which it arrived, nil if it is
// unknown.
type dtlsDatagram struct {
	data []byte
	via  *route
}

func newDTLSPacketConn(send func([]byte)) *dtlsPacketConn {
	return &dtlsPacketConn{send: send, in: make(chan dtlsDatagram, dtlsQueueSize), closed: make(chan struct{}), changed: make(chan struct{})}
}

// deliver reports false when the queue is full.
func (c *dtlsPacketConn) deliver(b []byte, via *route) bool {
	select {
	case c.in <- dtlsDatagram{append([]byte(nil), b...), via}:
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
		case d := <-c.in:
			c.from.Store(d.via)
			return copy(p, d.data), c.RemoteAddr(), nil
		case <-c.closed:
			return 0, nil, net.ErrClosed
		case <-expired:
			return 0, nil, os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}

// recordProof is called by the DTLS library once the handshake has shown that the peer is the
// one of the offer. The library reads on only when it has handled what it read before.
func (c *dtlsPacketConn) recordProof(*dtls.State) error {
	c.proved.Store(c.from.Load())
	return nil
}

func (c *dtlsPacketConn) WriteTo(p []byte, _ net.Addr) (int, error) {
	c.send(p)
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

// stop makes reads fail.
func (c *dtlsPacketConn) stop() { c.once.Do(func() { close(c.closed) }) }

// Close is called by the DTLS library.
func (c *dtlsPacketConn) Close() error {
	c.stop()
	return nil
}

func (c *dtlsPacketConn) SetDeadline(d time.Time) error    { return c.SetReadDeadline(d) }
func (c *dtlsPacketConn) SetWriteDeadline(time.Time) error { return nil }
func (c *dtlsPacketConn) LocalAddr() net.Addr              { return &net.UDPAddr{} }

// RemoteAddr is constant: to DTLS the peer never moves, whatever ICE does.
func (c *dtlsPacketConn) RemoteAddr() net.Addr { return &net.UDPAddr{} }
