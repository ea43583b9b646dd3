package loadtest

import (
	"net"
	"os"
	"sync"
	"time"
)

// records is the net.PacketConn of DTLS. It returns the records that the read loop received,
// and writes to the socket.
type records struct {
	owner  *Receiver
	in     chan []byte
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex // guards what follows
	deadline time.Time
	changed  chan struct{} // closed when the deadline changes
}

// handshakeQueue is enough for a flight of the handshake; DTLS repeats what is dropped.
const handshakeQueue = 16

func newRecords(owner *Receiver) *records {
	return &records{owner: owner, in: make(chan []byte, handshakeQueue), closed: make(chan struct{}), changed: make(chan struct{})}
}

// deliver queues a record without blocking.
func (c *records) deliver(b []byte) {
	select {
	case c.in <- append([]byte(nil), b...):
	default:
	}
}

func (c *records) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		c.mu.Lock()
		deadline, changed := c.deadline, c.changed
		c.mu.Unlock()
		var expired <-chan time.Time
		if !deadline.IsZero() {
			timer := time.NewTimer(time.Until(deadline))
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case b := <-c.in:
			return copy(p, b), c.owner.socket.remote, nil
		case <-c.closed:
			return 0, nil, net.ErrClosed
		case <-expired:
			return 0, nil, os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}

func (c *records) WriteTo(p []byte, _ net.Addr) (int, error) { return c.owner.Write(p) }

func (c *records) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

// Close does not close the socket, which the Receiver owns.
func (c *records) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// LocalAddr is not used.
func (c *records) LocalAddr() net.Addr              { return c.owner.socket.remote }
func (c *records) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *records) SetWriteDeadline(time.Time) error { return nil }
