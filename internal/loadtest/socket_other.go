//go:build !linux

package loadtest

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A socket is a connected UDP socket.
type socket struct {
	*net.UDPConn
	remote *net.UDPAddr
}

func dialSocket(to netip.AddrPort, _ bool) (*socket, error) {
	remote := net.UDPAddrFromAddrPort(to)
	conn, err := net.DialUDP("udp", nil, remote)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(receiveBuffer) // the system may allow less
	return &socket{conn, remote}, nil
}

func (s *socket) close() error { return s.Close() }

// overflowed is unknown here.
func (s *socket) overflowed() uint64 { return 0 }

// A poller has a goroutine for each socket.
type poller struct{ reading sync.WaitGroup }

func newPoller() (*poller, error) { return &poller{}, nil }

func (p *poller) close() { p.reading.Wait() }

func (p *poller) watch(r *Receiver) error {
	p.reading.Go(func() {
		buffer := make([]byte, 1<<11)
		for {
			n, err := r.socket.Read(buffer)
			now := time.Now()
			r.mu.Lock()
			closed := r.closed
			if err == nil && !closed {
				r.arrived([][]byte{buffer[:n]}, now)
			}
			r.mu.Unlock()
			if closed {
				return
			}
		}
	})
	return nil
}

func (p *poller) forget(*Receiver) {}

// wait only sleeps: the goroutines read.
func (p *poller) wait(d time.Duration) []*Receiver {
	time.Sleep(d)
	return nil
}

// receive is never called, since wait returns nothing.
func (p *poller) receive(*socket) ([][]byte, time.Time, error) {
	return nil, time.Time{}, errors.ErrUnsupported
}
