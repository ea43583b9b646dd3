package sfu

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v4"
)

// dtlsQueueSize is the number of datagrams that may wait for the handshake.
const dtlsQueueSize = 32

// maxDTLSDatagram is the size of the longest datagram that is read: peers send no more than
// fits into the packets of a network.
const maxDTLSDatagram = 2048

// dtlsPacketConn is the net.PacketConn for DTLS. Reads return what the shard delivers.
type dtlsPacketConn struct {
	send   func([]byte)
	from   atomic.Pointer[route] // of the datagram that was read last, nil if unknown
	proved atomic.Pointer[route] // of the datagram that completed the handshake
	reads  atomic.Uint64         // how many datagrams were read
	plain  atomic.Bool           // one of them was not in a check

	mu          sync.Mutex // guards what follows
	changed     sync.Cond
	queue       []dtlsDatagram
	deliveredAt time.Time // when the latest datagram came
	closed      bool
	held        bool // reads wait although datagrams do
	deadline    time.Time
	expiry      *time.Timer // wakes a read at the deadline; nil if there was none
}

// dtlsDatagram is a received datagram and the checked route on which it arrived, nil if it is
// unknown.
type dtlsDatagram struct {
	data    []byte
	via     *route
	inCheck bool // it arrived in a check of the current ICE session
}

func newDTLSPacketConn(send func([]byte)) *dtlsPacketConn {
	c := &dtlsPacketConn{send: send}
	c.changed.L = &c.mu
	return c
}

// deliver reports false when the queue is full.
func (c *dtlsPacketConn) deliver(b []byte, via *route) bool {
	return c.enqueue(dtlsDatagram{append([]byte(nil), b...), via, false})
}

// deliverChecked delivers a datagram from a valid check.
func (c *dtlsPacketConn) deliverChecked(b []byte, via *route) bool {
	return c.enqueue(dtlsDatagram{append([]byte(nil), b...), via, true})
}

func (c *dtlsPacketConn) enqueue(d dtlsDatagram) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) >= dtlsQueueSize {
		return false
	}
	c.queue = append(c.queue, d)
	c.deliveredAt = time.Now()
	c.changed.Broadcast()
	return true
}

// waiting returns how many datagrams were not read yet.
func (c *dtlsPacketConn) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

// silentFor reports whether no datagram came in the last d.
func (c *dtlsPacketConn) silentFor(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.deliveredAt) >= d
}

// hold keeps datagrams from reads, or lets them go.
func (c *dtlsPacketConn) hold(held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = held
	c.changed.Broadcast()
}

func (c *dtlsPacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, nil, net.ErrClosed
		case !c.deadline.IsZero() && time.Until(c.deadline) <= 0:
			return 0, nil, os.ErrDeadlineExceeded
		case len(c.queue) > 0 && !c.held:
			d := c.queue[0]
			if c.queue = c.queue[1:]; len(c.queue) == 0 {
				c.queue = nil
			}
			c.from.Store(d.via)
			c.reads.Add(1)
			if !d.inCheck {
				c.plain.Store(true)
			}
			return copy(p, d.data), c.RemoteAddr(), nil
		}
		c.changed.Wait()
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
	if c.expiry != nil {
		c.expiry.Stop()
		c.expiry = nil
	}
	c.deadline = d
	if !d.IsZero() {
		c.expiry = time.AfterFunc(time.Until(d), c.wakeReader)
	}
	c.changed.Broadcast()
	return nil
}

func (c *dtlsPacketConn) wakeReader() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.Broadcast()
}

// reopen undoes Close, for the next connection.
func (c *dtlsPacketConn) reopen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = false
}

// Close is called by the DTLS library. It makes reads fail.
func (c *dtlsPacketConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.changed.Broadcast()
	return nil
}

func (c *dtlsPacketConn) SetDeadline(d time.Time) error    { return c.SetReadDeadline(d) }
func (c *dtlsPacketConn) SetWriteDeadline(time.Time) error { return nil }
func (c *dtlsPacketConn) LocalAddr() net.Addr              { return &net.UDPAddr{} }

// RemoteAddr is constant: to DTLS the peer never moves, whatever ICE does.
func (c *dtlsPacketConn) RemoteAddr() net.Addr { return &net.UDPAddr{} }
