package sfu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"rostrum/internal/inbound"
)

const (
	readBatch    = 16
	groBuffer    = 1 << 16
	controlSize  = 64
	maxGSOFaults = 64
)

type mmsghdr struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// linuxSocket reads with recvmmsg and UDP_GRO and sends with UDP_SEGMENT (GSO), because what
// the kernel does once per call is the largest part of the cost of a packet.
type linuxSocket struct {
	epoll, event int
	fds          []int
	ready        []int // indices of fds that have data
	events       []unix.EpollEvent
	gsoFaults    atomic.Int32

	receiveBatch

	mu     sync.Mutex // guards closed, which wake checks
	closed bool
}

// receiveBatch are the arguments of recvmmsg, reused for each call.
type receiveBatch struct {
	headers [readBatch]mmsghdr
	vectors [readBatch]unix.Iovec
	names   [readBatch]unix.RawSockaddrInet6
	control [readBatch][controlSize]byte
	buffers [readBatch][]byte
}

// openSockets binds one socket per shard to each address and port; port 0 takes a free one.
func openSockets(listen []netip.Addr, port uint16, shards int, portable bool) ([]socket, uint16, error) {
	if portable {
		return openPortable(listen, port)
	}
	// A first socket without SO_REUSEPORT finds out whether another server has the port.
	for _, a := range listen {
		fd, bound, err := bindUDP(netip.AddrPortFrom(a, port), false)
		if err != nil {
			return nil, 0, err
		}
		unix.Close(fd)
		port = bound
	}
	var all []socket
	for range shards {
		s, err := newLinuxSocket(listen, port)
		if err != nil {
			for _, o := range all {
				o.close()
			}
			return nil, 0, err
		}
		all = append(all, s)
	}
	return all, port, nil
}

func newLinuxSocket(listen []netip.Addr, port uint16) (*linuxSocket, error) {
	s := &linuxSocket{epoll: -1, event: -1, events: make([]unix.EpollEvent, len(listen)+1)}
	addProcessors(1)
	var err error
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		s.close()
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if s.event, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		s.close()
		return nil, os.NewSyscallError("eventfd", err)
	}
	for _, a := range listen {
		fd, _, err := bindUDP(netip.AddrPortFrom(a, port), true)
		if err != nil {
			s.close()
			return nil, err
		}
		s.fds = append(s.fds, fd)
	}
	for i, fd := range append([]int{s.event}, s.fds...) {
		// Fd holds the index, -1 for the event: epoll returns it unchanged.
		if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i - 1)}); err != nil {
			s.close()
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	for i := range s.headers {
		s.buffers[i] = make([]byte, groBuffer)
		s.vectors[i].Base = &s.buffers[i][0]
		s.vectors[i].SetLen(groBuffer)
		h := &s.headers[i].header
		h.Iov, h.Name, h.Control = &s.vectors[i], (*byte)(unsafe.Pointer(&s.names[i])), &s.control[i][0]
		h.SetIovlen(1)
	}
	return s, nil
}

func bindUDP(a netip.AddrPort, reuse bool) (fd int, port uint16, err error) {
	family := unix.AF_INET
	if a.Addr().Is6() {
		family = unix.AF_INET6
	}
	if fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, 0, os.NewSyscallError("socket", err)
	}
	if reuse {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		for _, o := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
			if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[0], socketBuffer) != nil {
				_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[1], socketBuffer) // without privilege: up to the system's limit
			}
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) // old kernels: one datagram at a time
	}
	if family == unix.AF_INET6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = unix.Bind(fd, sockaddr(a))
	}
	if err != nil {
		unix.Close(fd)
		return -1, 0, fmt.Errorf("bind udp %s: %w", a, inbound.NameOwner(err, "udp", a))
	}
	bound, err := unix.Getsockname(fd)
	switch b := bound.(type) {
	case *unix.SockaddrInet4:
		port = uint16(b.Port)
	case *unix.SockaddrInet6:
		port = uint16(b.Port)
	}
	return fd, port, err
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func (s *linuxSocket) wait(d time.Duration) {
	s.ready = s.ready[:0]
	for _, e := range s.events[:s.poll(d)] {
		if e.Fd >= 0 {
			s.ready = append(s.ready, int(e.Fd))
			continue
		}
		var count [8]byte
		_, _ = unix.Read(s.event, count[:])
	}
}

// maxKept is how long a thread may wait and keep its processor of Go's scheduler. Threads that
// have work wait less; others need none.
const maxKept = 2 * tickInterval

// poll waits for events, and returns how many there are: none, too, after a signal, by which Go
// stops a thread that keeps its processor, and after which the caller calls again.
func (s *linuxSocket) poll(d time.Duration) int {
	ms := int((d + time.Millisecond - 1) / time.Millisecond)
	if d > maxKept {
		n, err := unix.EpollWait(s.epoll, s.events, ms)
		if err != nil {
			return 0
		}
		return n
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(s.epoll), uintptr(unsafe.Pointer(&s.events[0])), uintptr(len(s.events)), uintptr(ms), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

func (s *linuxSocket) read(handle func([]byte, netip.AddrPort, int)) {
	for _, i := range s.ready {
		// At most 16 batches, so that a flood on the socket does not delay the timers.
		for range 16 {
			if s.readBatch(s.fds[i], i, handle) < readBatch {
				break
			}
		}
	}
}

func (s *linuxSocket) readBatch(fd, local int, handle func([]byte, netip.AddrPort, int)) int {
	for i := range s.headers {
		h := &s.headers[i].header
		h.Namelen, h.Flags = unix.SizeofSockaddrInet6, 0
		h.SetControllen(controlSize)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&s.headers[0])), readBatch, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	for i := range int(n) {
		h := &s.headers[i]
		data, from := s.buffers[i][:h.length], addrOf(&s.names[i])
		segment := groSegment(s.control[i][:h.header.Controllen])
		if segment <= 0 {
			segment = len(data)
		}
		for len(data) > segment {
			handle(data[:segment], from, local)
			data = data[segment:]
		}
		handle(data, from, local)
	}
	return int(n)
}

func addrOf(name *unix.RawSockaddrInet6) netip.AddrPort {
	port := *(*[2]byte)(unsafe.Pointer(&name.Port)) // network byte order in both families
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), binary.BigEndian.Uint16(port[:]))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), binary.BigEndian.Uint16(port[:]))
}

// groSegment returns the datagram size of a batch that the kernel joined, 0 for a single
// datagram.
func groSegment(control []byte) int {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		n := int(h.Len)
		if n < unix.SizeofCmsghdr || n > len(control) {
			return 0
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && n >= unix.CmsgLen(2) {
			return int(*(*uint16)(unsafe.Pointer(&control[unix.CmsgLen(0)])))
		}
		control = control[min(unix.CmsgSpace(n-unix.CmsgLen(0)), len(control)):]
	}
	return 0
}

func (s *linuxSocket) prepare(to *route) {
	a := to.addr
	if a.Addr().Is4() {
		name := (*unix.RawSockaddrInet4)(unsafe.Pointer(&to.sockaddr[0]))
		name.Family, name.Addr = unix.AF_INET, a.Addr().As4()
		to.sockaddrLen = unix.SizeofSockaddrInet4
	} else {
		name := (*unix.RawSockaddrInet6)(unsafe.Pointer(&to.sockaddr[0]))
		name.Family, name.Addr = unix.AF_INET6, a.Addr().As16()
		to.sockaddrLen = unix.SizeofSockaddrInet6
	}
	binary.BigEndian.PutUint16(to.sockaddr[2:], a.Port())
}

func (s *linuxSocket) send(to *route, data []byte, segment int) (refused int) {
	if len(data) > segment {
		errno := syscallGSO(s.fds[to.local], to, data, segment, s.gsoFaults.Load() < maxGSOFaults)
		switch {
		case errno == 0:
			return 0
		case errno == unix.EAGAIN || errno == unix.ENOBUFS:
			return (len(data) + segment - 1) / segment
		case errno == unix.EIO:
			s.gsoFaults.Store(maxGSOFaults) // the device does not support GSO
		case errno != errNoGSO:
			s.gsoFaults.Add(1)
		}
	}
	for len(data) > 0 {
		n := min(segment, len(data))
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fds[to.local]), uintptr(unsafe.Pointer(&data[0])), uintptr(n),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to.sockaddr[0])), uintptr(to.sockaddrLen))
		if errno != 0 {
			refused++
		}
		data = data[n:]
	}
	return refused
}

const errNoGSO = unix.Errno(0xffff) // GSO was not tried

// syscallGSO sends a batch with one sendmsg. It uses RawSyscall, because the call never waits
// and the scheduler need not know of it.
func syscallGSO(fd int, to *route, data []byte, segment int, try bool) unix.Errno {
	if !try {
		return errNoGSO
	}
	var control [24]byte
	h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&control[unix.CmsgLen(0)])) = uint16(segment)
	vector := unix.Iovec{Base: &data[0]}
	vector.SetLen(len(data))
	m := unix.Msghdr{Name: &to.sockaddr[0], Namelen: to.sockaddrLen, Iov: &vector, Control: &control[0]}
	m.SetIovlen(1)
	m.SetControllen(unix.CmsgSpace(2))
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return errno
}

func (s *linuxSocket) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	one := [8]byte{1}
	if _, err := unix.Write(s.event, one[:]); err != nil && !errors.Is(err, unix.EAGAIN) {
		panic("eventfd: " + err.Error()) // another part of the process has closed the descriptor
	}
}

func (s *linuxSocket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	addProcessors(-1)
	for _, fd := range append([]int{s.epoll, s.event}, s.fds...) {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
