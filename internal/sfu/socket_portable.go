package sfu

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"rostrum/internal/inbound"
)

// portableSocket works on all systems: a goroutine for each listen address reads into a queue
// that the shard empties.
type portableSocket struct {
	conns    []*net.UDPConn
	incoming chan datagram
	first    []datagram // received by wait, not yet passed on by read
	woken    chan struct{}
	pool     sync.Pool
	readers  sync.WaitGroup
	done     chan struct{}
	once     sync.Once
}

type datagram struct {
	data  *[maxDatagram]byte
	n     int
	from  netip.AddrPort
	local int
}

// openPortable binds one socket to each address. One shard receives all packets of the port.
func openPortable(listen []netip.Addr, port uint16) ([]socket, uint16, error) {
	s := &portableSocket{
		incoming: make(chan datagram, 1024), woken: make(chan struct{}, 1), done: make(chan struct{}),
		pool: sync.Pool{New: func() any { return new([maxDatagram]byte) }},
	}
	for _, a := range listen {
		at := netip.AddrPortFrom(a, port)
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			s.close()
			return nil, 0, fmt.Errorf("bind udp %s: %w", at, inbound.NameOwner(err, "udp", at))
		}
		_ = c.SetReadBuffer(socketBuffer)
		_ = c.SetWriteBuffer(socketBuffer)
		port = portOf(c.LocalAddr())
		s.conns = append(s.conns, c)
	}
	for i, c := range s.conns {
		s.readers.Add(1)
		go s.listen(c, i)
	}
	return []socket{s}, port, nil
}

func (s *portableSocket) listen(c *net.UDPConn, local int) {
	defer s.readers.Done()
	for {
		data := s.pool.Get().(*[maxDatagram]byte)
		n, from, err := c.ReadFromUDPAddrPort(data[:])
		select {
		case <-s.done:
			return
		default:
		}
		if err != nil {
			continue // an ICMP error for an earlier send; the socket stays open until done
		}
		d := datagram{data, n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), local}
		select {
		case s.incoming <- d:
		case <-s.done:
			return
		}
	}
}

func (s *portableSocket) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case first := <-s.incoming:
		s.first = append(s.first, first)
	case <-s.woken:
	case <-t.C:
	}
}

func (s *portableSocket) read(handle func([]byte, netip.AddrPort, int)) {
	pass := func(d datagram) {
		handle(d.data[:d.n], d.from, d.local)
		s.pool.Put(d.data)
	}
	first := s.first
	s.first = s.first[:0] // before they are handled: a panic must not repeat with the next turn
	for _, d := range first {
		pass(d)
	}
	for range cap(s.incoming) {
		select {
		case d := <-s.incoming:
			pass(d)
		default:
			return
		}
	}
}

func (s *portableSocket) prepare(*route) {}

func (s *portableSocket) send(to *route, data []byte, segment int) (refused int) {
	for len(data) > 0 {
		n := min(segment, len(data))
		if _, err := s.conns[to.local].WriteToUDPAddrPort(data[:n], to.addr); err != nil {
			refused++
		}
		data = data[n:]
	}
	return refused
}

func (s *portableSocket) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

func (s *portableSocket) close() {
	s.once.Do(func() {
		close(s.done)
		for _, c := range s.conns {
			c.Close()
		}
		s.readers.Wait()
	})
}
