package sfu

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/inbound"
)

const (
	tcpTimeout    = 10 * time.Second // for the first valid check, and for a write
	maxTCPPending = 512 << 10        // bytes that wait for a slow reader
	tcpReadBuffer = 32 << 10
)

// tcpConn is one accepted connection. It is the tunnel of the transport behind it.
type tcpConn struct {
	server    *tcpServer
	conn      net.Conn
	route     route
	transport atomic.Pointer[Transport] // set by the first valid check
	stream    io.ReadWriter             // conn, or TLS over it; does not change once something was sent
	waiting   *inbound.Waiting          // until the client is identified; set by read
	pending   pendingWrites
	closed    chan struct{}
	closeOnce sync.Once
}

// pendingWrites are bytes that wait for the writer.
type pendingWrites struct {
	wake chan struct{}

	mu     sync.Mutex // guards what follows
	bytes  []byte
	unused []byte // buffer for later bytes
}

func newTCPConn(d *tcpServer, conn net.Conn, local int) *tcpConn {
	c := &tcpConn{server: d, conn: conn, stream: conn, closed: make(chan struct{})}
	c.pending.wake = make(chan struct{}, 1)
	c.route = route{local: local, tunnel: c}
	return c
}

func (c *tcpConn) close() {
	c.closeOnce.Do(func() {
		close(c.closed)
		c.conn.Close()
	})
}

func (c *tcpConn) protocol() string { return "tcp" }

func (c *tcpConn) boundTo(t *Transport) bool { return c.transport.Load() == t }

// bind is called on t's shard after a valid check.
func (c *tcpConn) bind(t *Transport) {
	if c.transport.CompareAndSwap(nil, t) {
		c.setIdentified()
	}
}

// setIdentified lifts the limits of connections whose client has shown no credentials.
func (c *tcpConn) setIdentified() {
	c.waiting.Done()
	_ = c.conn.SetReadDeadline(time.Time{})
}

// bufferedConn is a connection of which some bytes were read ahead.
type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (b bufferedConn) Read(p []byte) (int, error) { return b.in.Read(p) }

// read finds out what the client speaks, and serves it.
func (c *tcpConn) read() {
	cfg := &c.server.core.cfg
	defer c.server.core.wg.Done()
	defer c.server.remove(c)
	defer c.close()
	defer cfg.Panics.Recover("media")
	proxies := cfg.Proxies
	if _, decrypted := c.conn.(interface{ ConnectionState() tls.ConnectionState }); decrypted {
		proxies = nil // inside TLS a PROXY header would be the client's own
	}
	conn, client, err := proxies.Identify(c.conn)
	if err != nil {
		cfg.Log.Warn("media by TCP", "error", err)
		return
	}
	c.route.addr = client.Addr
	c.waiting = c.server.unidentified.Add(client.Addr.Addr(), c.close)
	defer c.waiting.Done()
	_ = conn.SetReadDeadline(time.Now().Add(tcpTimeout))
	in := bufio.NewReaderSize(conn, tcpReadBuffer)
	if cfg.TLS != nil && startsWithTLS(in) {
		c.stream = tls.Server(bufferedConn{conn, in}, cfg.TLS)
		if in = bufio.NewReaderSize(c.stream, tcpReadBuffer); startsWithSTUN(in) { // only TURN is served over TLS
			c.serveTURN(in)
		}
	} else if startsWithSTUN(in) {
		c.serveTURN(in)
	} else {
		c.serveICE(in)
	}
}

// serveICE serves an ICE-TCP client. The transport's shard handles the frames that have
// arrived before more are read, so that a flood slows its own connection and needs no queue.
func (c *tcpConn) serveICE(in *bufio.Reader) {
	var frames []byte
	done := make(chan struct{}, 1) // so that the shard never waits
	for {
		var err error
		if frames, err = readFrames(in, frames[:0]); err != nil {
			return
		}
		t := c.transport.Load()
		if t == nil {
			first, _ := nextFrame(frames)
			check, ok := parseCheck(first)
			if !ok {
				return
			}
			if t = c.server.core.index.byUfrag(check.ufrag); t == nil {
				return
			}
		}
		t.runOnShard(func(s *shard) {
			defer func() { done <- struct{}{} }()
			for rest := frames; len(rest) > 0; {
				var frame []byte
				frame, rest = nextFrame(rest)
				s.receiveFor(t, frame, &c.route)
			}
		})
		<-done
		select {
		case <-c.closed:
			return
		default:
		}
	}
}

// serveTURN serves a TURN client (RFC 8656 §3.1). The transport's shard handles a relayed
// payload before more is read.
func (c *tcpConn) serveTURN(in *bufio.Reader) {
	turn := c.server.turn
	defer turn.remove(clientOf(&c.route))
	buffer := make([]byte, maxDatagram+8)
	done, identified := make(chan struct{}, 1), false
	for {
		b, err := readTURNMessage(in, buffer)
		if err != nil {
			return
		}
		var out turnOutcome
		if b[0] < 64 {
			if out = turn.serve(b, &c.route); out.response != nil && !c.queueMessage(out.response) {
				return
			}
			if out.authentic && !identified && turn.find(&c.route) != nil {
				identified = true
				c.setIdentified()
			}
		} else if channel, payload, ok := parseChannelData(b); ok {
			if a := turn.find(&c.route); a != nil {
				out.permission, out.payload = a.byChannel(channel), payload
			}
		}
		if out.permission == nil {
			continue
		}
		if t := out.permission.transportFor(&c.server.core.index, out.payload); t != nil {
			t.runOnShard(func(s *shard) {
				defer func() { done <- struct{}{} }()
				s.receiveFor(t, out.payload, out.permission.route)
			})
			<-done
		}
		select {
		case <-c.closed:
			return
		default:
		}
	}
}

// send queues datagrams for the writer. It refuses what a slow reader does not take.
func (c *tcpConn) send(_ socket, data []byte, segment int) (refused int, why Drop) {
	q := &c.pending
	q.mu.Lock()
	for len(data) > 0 {
		n := min(segment, len(data))
		if len(q.bytes)+n+2 > maxTCPPending {
			refused++
		} else {
			q.bytes = binary.BigEndian.AppendUint16(q.bytes, uint16(n))
			q.bytes = append(q.bytes, data[:n]...)
		}
		data = data[n:]
	}
	q.mu.Unlock()
	q.wakeWriter()
	return refused, SlowReader
}

// queueMessage queues one message that needs no length before it. It reports false when the
// reader is too slow.
func (c *tcpConn) queueMessage(message []byte) bool {
	q := &c.pending
	q.mu.Lock()
	fits := len(q.bytes)+len(message) <= maxTCPPending
	if fits {
		q.bytes = append(q.bytes, message...)
	}
	q.mu.Unlock()
	q.wakeWriter()
	return fits
}

func (q *pendingWrites) wakeWriter() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (c *tcpConn) write() {
	defer c.server.core.wg.Done()
	defer c.close()
	defer c.server.core.cfg.Panics.Recover("media")
	q := &c.pending
	for {
		select {
		case <-q.wake:
		case <-c.closed:
			return
		}
		q.mu.Lock()
		out := q.bytes
		q.bytes, q.unused = q.unused[:0], nil
		q.mu.Unlock()
		_ = c.conn.SetWriteDeadline(time.Now().Add(tcpTimeout))
		if _, err := c.stream.Write(out); err != nil {
			return
		}
		q.mu.Lock()
		q.unused = out[:0]
		q.mu.Unlock()
	}
}
