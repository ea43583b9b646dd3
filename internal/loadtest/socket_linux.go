package loadtest

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A socket is a connected UDP socket outside of Go's poller: one loop reads all sockets of a
// Pool, which is much cheaper than to wake a goroutine for each.
type socket struct {
	fd     int
	remote *net.UDPAddr
}

// dialSocket connects. With join the kernel returns the datagrams of a burst in one read
// (UDP_GRO), like a network card.
func dialSocket(to netip.AddrPort, join bool) (*socket, error) {
	family := unix.AF_INET6
	var name unix.Sockaddr = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	if to.Addr().Unmap().Is4() {
		family, name = unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer) // without privileges up to the system's limit
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) // otherwise the time of reading
	if join {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) // old kernels return single datagrams
	}
	if err := unix.Connect(fd, name); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	return &socket{fd, net.UDPAddrFromAddrPort(to)}, nil
}

func (s *socket) Write(b []byte) (int, error) { return unix.Write(s.fd, b) }

func (s *socket) close() error { return unix.Close(s.fd) }

// overflowed is how many packets the socket dropped (sock_diag(7), SK_MEMINFO_DROPS).
func (s *socket) overflowed() uint64 {
	const soMeminfo, drops = 55, 8
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, soMeminfo,
		uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0 // unknown
	}
	return uint64(info[drops])
}

// A poller waits for many sockets.
type poller struct {
	epoll  int
	events [1024]unix.EpollEvent
	full   bool // the last wait returned as many as it can
	ready  []*Receiver
	buffer []byte
	oob    []byte
	parts  [][]byte

	mu        sync.Mutex // guards what follows
	receivers []*Receiver
	free      []int32
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &poller{epoll: fd, buffer: make([]byte, 1<<16), oob: make([]byte, 128)}, nil
}

func (p *poller) close() { unix.Close(p.epoll) }

// watch adds r to wait.
func (p *poller) watch(r *Receiver) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		p.free, p.receivers = append(p.free, int32(len(p.receivers))), append(p.receivers, nil)
	}
	r.slot = p.free[len(p.free)-1]
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, r.socket.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: r.slot}); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	p.free = p.free[:len(p.free)-1]
	p.receivers[r.slot] = r
	return nil
}

// forget removes r, before its socket is closed.
func (p *poller) forget(r *Receiver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(r.slot) < len(p.receivers) && p.receivers[r.slot] == r {
		p.receivers[r.slot] = nil
		p.free = append(p.free, r.slot)
	}
}

// gather is how long the loop sleeps before it reads. Packets have kernel timestamps, so
// that does not change latencies; but a server on this machine does not spend CPU time on
// waking this process for each packet, as it would not for remote viewers.
const gather = 400 * time.Microsecond

// wait returns the receivers with datagrams, within about d.
func (p *poller) wait(d time.Duration) []*Receiver {
	if pause := unix.NsecToTimespec(int64(gather)); !p.full {
		_ = unix.Nanosleep(&pause, nil) // a signal may end it early
	}
	n, err := unix.EpollWait(p.epoll, p.events[:], 0)
	if n == 0 && err == nil && d > 0 {
		n, err = unix.EpollWait(p.epoll, p.events[:], int((d+time.Millisecond-1)/time.Millisecond))
	}
	p.full = n == len(p.events)
	if err != nil {
		return nil // EINTR: the caller repeats
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = p.ready[:0]
	for _, e := range p.events[:n] {
		if r := p.receivers[e.Fd]; r != nil {
			p.ready = append(p.ready, r)
		}
	}
	return p.ready
}

// receive returns the datagrams of one read, valid until the next, and their arrival time.
func (p *poller) receive(s *socket) (all [][]byte, at time.Time, err error) {
	n, oobn, _, _, err := unix.Recvmsg(s.fd, p.buffer, p.oob, unix.MSG_DONTWAIT)
	if err != nil {
		return nil, at, fmt.Errorf("read: %w", err)
	}
	size, at := ancillary(p.oob[:oobn], n)
	p.parts = p.parts[:0]
	for b := p.buffer[:n]; len(b) > 0; {
		k := min(size, len(b))
		p.parts, b = append(p.parts, b[:k]), b[k:]
	}
	return p.parts, at, nil
}

// ancillary reads the control messages: the size of joined datagrams, of which the last may
// be shorter, and the arrival time.
func ancillary(oob []byte, n int) (size int, at time.Time) {
	size = max(n, 1)
	for len(oob) >= unix.CmsgLen(0) {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		switch {
		case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 2:
			if k := int(binary.NativeEndian.Uint16(data)); k > 0 {
				size = k
			}
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16:
			at = time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:])))
		}
		oob = rest
	}
	if at.IsZero() {
		at = time.Now()
	}
	return size, at
}
