package sfu

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"rostrum/internal/inbound"
)

// ICE-TCP, passive side (RFC 6544), on the number of the media port. Each datagram is preceded
// by its length (RFC 4571). TURN clients connect to the same port, with or without TLS; the
// first bytes tell them apart.
const (
	// Connections without a valid check: in all, and from one network (an IPv4 address, an IPv6 /64). With a small MaxTCP the
	// limits are half of it and an eighth.
	maxTCPUnidentified          = 512
	maxTCPUnidentifiedOfNetwork = 64
)

// listenerName names the listeners of the media port in logs and metrics.
const listenerName = "media"

// tcpServer accepts the TCP connections of the media port.
type tcpServer struct {
	core         *core
	turn         *turnServer // set before serve
	listeners    []*inbound.Listener
	unidentified *inbound.Unidentified

	mu     sync.Mutex // guards what follows
	conns  map[*tcpConn]struct{}
	closed bool
}

func openTCP(c *core, listen []netip.Addr, port uint16) (*tcpServer, error) {
	limit := c.cfg.MaxTCP
	d := &tcpServer{core: c, conns: map[*tcpConn]struct{}{}}
	d.unidentified = inbound.NewUnidentified(min(maxTCPUnidentified, max(limit/2, 1)), min(maxTCPUnidentifiedOfNetwork, max(limit/8, 1)))
	for _, a := range listen {
		at := netip.AddrPortFrom(a, port)
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		if err != nil {
			d.close()
			return nil, fmt.Errorf("bind tcp %s: %w", at, inbound.NameOwner(err, "tcp", at))
		}
		d.listeners = append(d.listeners, inbound.NewListener(l, inbound.ListenerConfig{Name: listenerName, Log: c.cfg.Log}))
	}
	return d, nil
}

func (d *tcpServer) serve() {
	for i, l := range d.listeners {
		d.core.wg.Add(1)
		go d.accept(l, i)
	}
}

func (d *tcpServer) accept(l *inbound.Listener, local int) {
	defer d.core.wg.Done()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		d.serveConn(conn, local)
	}
}

func (d *tcpServer) serveConn(conn net.Conn, local int) {
	c := newTCPConn(d, conn, local)
	d.mu.Lock()
	full := d.closed || len(d.conns) >= d.core.cfg.MaxTCP
	if !full {
		d.conns[c] = struct{}{}
		d.core.wg.Add(2)
	}
	d.mu.Unlock()
	if full {
		conn.Close()
		return
	}
	go c.read()
	go c.write()
}

func (d *tcpServer) remove(c *tcpConn) {
	d.mu.Lock()
	delete(d.conns, c)
	d.mu.Unlock()
}

// count returns the number of open connections, and of errors of accept.
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
	conns := d.conns
	d.conns = map[*tcpConn]struct{}{}
	d.mu.Unlock()
	for _, l := range d.listeners {
		l.Close()
	}
	for c := range conns {
		c.close()
	}
}
