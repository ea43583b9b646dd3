package sfu

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/inbound"
)

// ICE-TCP, passive side (RFC 6544): peers connect to the media port's number, and each
// datagram travels behind its length (RFC 4571). TURN's clients connect there, too, by TLS if
// need be: what comes first tells them apart.
const (
	// Connections without a valid check: in all, and from one address. With a small MaxTCP they
	// are at most half of it and an eighth.
	maxTCPUnidentified          = 512
	maxTCPUnidentifiedOfNetwork = 64
	tcpTimeout                  = 10 * time.Second // for the first valid check
	maxTCPPending               = 512 << 10        // bytes that wait for a slow reader
)

// listenerName is what logs and metrics call the listeners of the media port.
const listenerName = "media"

type tcpServer struct {
	engine       *Engine
	listeners    []*inbound.Listener
	unidentified *inbound.Unidentified

	mu     sync.Mutex // guards what follows
	conns  map[*tcpConn]struct{}
	closed bool
}

func openTCP(e *Engine, listen []netip.Addr, port uint16) (*tcpServer, error) {
	most := e.cfg.MaxTCP
	d := &tcpServer{engine: e, conns: map[*tcpConn]struct{}{}}
	d.unidentified = inbound.NewUnidentified(min(maxTCPUnidentified, max(most/2, 1)), min(maxTCPUnidentifiedOfNetwork, max(most/8, 1)))
	for _, a := range listen {
		at := netip.AddrPortFrom(a, port)
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		if err != nil {
			d.close()
			return nil, fmt.Errorf("bind tcp %s: %w", at, inbound.NameOwner(err, "tcp", at))
		}
		d.listeners = append(d.listeners, inbound.NewListener(l, inbound.ListenerConfig{Name: listenerName, Log: e.cfg.Log}))
	}
	return d, nil
}

func (d *tcpServer) serve() {
	for i, l := range d.listeners {
		d.engine.wg.Add(1)
		go d.accept(l, i)
	}
}

func (d *tcpServer) accept(l *inbound.Listener, local int) {
	defer d.engine.wg.Done()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		d.serveConn(conn, local)
	}
}

func (d *tcpServer) serveConn(conn net.Conn, local int) {
	p := &tcpConn{server: d, conn: conn, stream: conn, wake: make(chan struct{}, 1), closed: make(chan struct{})}
	p.route = route{local: local, tcp: p}
	d.mu.Lock()
	full := d.closed || len(d.conns) >= d.engine.cfg.MaxTCP
	if !full {
		d.conns[p] = struct{}{}
		d.engine.wg.Add(2)
	}
	d.mu.Unlock()
	if full {
		conn.Close()
		return
	}
	go p.read()
	go p.write()
}

// count is of the open connections, and of the errors of accepting.
func (d *tcpServer) count() (open int, errors uint64) {
	d.mu.Lock()
	open = len(d.conns)
	d.mu.Unlock()
	for _, l := range d.listeners {
		errors += l.Stats().Errors
	}
	return open, errors
}

func (d *tcpServer) close() {
	d.mu.Lock()
	d.closed = true
	peers := d.conns
	d.conns = map[*tcpConn]struct{}{}
	d.mu.Unlock()
	for _, l := range d.listeners {
		l.Close()
	}
	for p := range peers {
		p.close()
	}
}

// A tcpPeer is one accepted connection.
type tcpConn struct {
	server    *tcpServer
	conn      net.Conn
	route     route
	transport atomic.Pointer[Transport] // set by the first valid check
	stream    io.ReadWriter             // conn, or TLS over it; not changed once something is sent
	waiting   *inbound.Waiting          // until it is identified; set by read
	wake      chan struct{}             // something is pending
	closed    chan struct{}
	once      sync.Once

	mu         sync.Mutex // guards what follows
	pending    []byte     // framed, not yet written
	freeBuffer []byte
}

func (p *tcpConn) close() {
	p.once.Do(func() {
		close(p.closed)
		p.conn.Close()
	})
}

// adopt marks the connection as t's; called on t's shard after a valid check.
func (p *tcpConn) bindTransport(t *Transport) {
	if p.transport.CompareAndSwap(nil, t) {
		p.identified()
	}
}

// identified lifts the bounds of connections that have shown no credentials.
func (p *tcpConn) identified() {
	p.waiting.Done()
	_ = p.conn.SetReadDeadline(time.Time{})
}

// read serves what the connection turns out to be.
func (p *tcpConn) read() {
	defer p.server.engine.wg.Done()
	defer p.unregister()
	defer p.server.engine.cfg.Panics.Recover("media")
	conn, client, err := p.server.engine.cfg.Proxies.Identify(p.conn)
	if err != nil {
		p.server.engine.cfg.Log.Warn("media by TCP", "error", err)
		return
	}
	p.route.addr = client.Addr
	p.waiting = p.server.unidentified.Add(client.Addr.Addr(), p.close)
	defer p.waiting.Done()
	_ = conn.SetReadDeadline(time.Now().Add(tcpTimeout))
	in := bufio.NewReaderSize(conn, 32<<10)
	if config := p.server.engine.cfg.TLS; config != nil && startsWithTLS(in) {
		p.stream = tls.Server(bufferedConn{conn, in}, config)
		if in = bufio.NewReaderSize(p.stream, 32<<10); startsWithSTUN(in) { // only TURN comes by TLS
			p.readTURN(in)
		}
	} else if startsWithSTUN(in) {
		p.readTURN(in)
	} else {
		p.readFrames(in)
	}
}

// readFrames takes what has come and has the transport's shard work through it before more is
// read, so a flood slows its own connection and needs no queue.
func (p *tcpConn) readFrames(in *bufio.Reader) {
	var frames []byte
	done := make(chan struct{}, 1) // the shard never waits for us
	for {
		var err error
		if frames, err = readFrames(in, frames[:0]); err != nil {
			return
		}
		t := p.transport.Load()
		if t == nil {
			c, ok := parseCheck(frames[2 : 2+binary.BigEndian.Uint16(frames)])
			if !ok {
				return
			}
			if t = p.server.engine.byUfrag(c.ufrag); t == nil {
				return
			}
		}
		t.runOnShard(func(s *shard) {
			for rest := frames; len(rest) > 0; {
				n := int(binary.BigEndian.Uint16(rest))
				s.receiveFor(t, rest[2:2+n], &p.route)
				rest = rest[2+n:]
			}
			done <- struct{}{}
		})
		<-done
		select {
		case <-p.closed:
			return
		default:
		}
	}
}

func (p *tcpConn) unregister() {
	p.close()
	p.server.mu.Lock()
	delete(p.server.conns, p)
	p.server.mu.Unlock()
}

// readFrames waits for one frame and takes all others that are whole in the buffer.
func readFrames(in *bufio.Reader, out []byte) ([]byte, error) {
	for first := true; ; first = false {
		if !first && in.Buffered() < 2 {
			return out, nil
		}
		head, err := in.Peek(2)
		if err != nil {
			return nil, err
		}
		n := int(binary.BigEndian.Uint16(head))
		if n == 0 || n > maxDatagram {
			return nil, fmt.Errorf("a frame of %d bytes", n)
		}
		if !first && in.Buffered() < 2+n {
			return out, nil
		}
		at := len(out)
		out = append(out, make([]byte, 2+n)...)
		if _, err := io.ReadFull(in, out[at:]); err != nil {
			return nil, err
		}
	}
}

// send queues datagrams for the writer; what a slow reader doesn't take is refused.
func (p *tcpConn) send(data []byte, segment int) (refused int) {
	p.mu.Lock()
	for len(data) > 0 {
		n := min(segment, len(data))
		if len(p.pending)+n+2 > maxTCPPending {
			refused++
		} else {
			p.pending = binary.BigEndian.AppendUint16(p.pending, uint16(n))
			p.pending = append(p.pending, data[:n]...)
		}
		data = data[n:]
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return refused
}

// put queues one message that needs no frame; false when the reader is too slow for it.
func (p *tcpConn) queueMessage(message []byte) bool {
	p.mu.Lock()
	fits := len(p.pending)+len(message) <= maxTCPPending
	if fits {
		p.pending = append(p.pending, message...)
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return fits
}

func (p *tcpConn) write() {
	defer p.server.engine.wg.Done()
	defer p.close()
	defer p.server.engine.cfg.Panics.Recover("media")
	for {
		select {
		case <-p.wake:
		case <-p.closed:
			return
		}
		p.mu.Lock()
		out := p.pending
		p.pending, p.freeBuffer = p.freeBuffer[:0], nil
		p.mu.Unlock()
		_ = p.conn.SetWriteDeadline(time.Now().Add(tcpTimeout))
		if _, err := p.stream.Write(out); err != nil {
			return
		}
		p.mu.Lock()
		p.freeBuffer = out[:0]
		p.mu.Unlock()
	}
}
