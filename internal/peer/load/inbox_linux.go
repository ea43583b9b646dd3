package load

import (
	"encoding/binary"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// inbox reads what the kernel joined: with UDP_GRO the packets that a server sent
// as one burst come as one read.
type inbox struct {
	socket *net.UDPConn
	buffer []byte
	oob    []byte
	all    [][]byte
}

func newInbox(socket *net.UDPConn) *inbox {
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) // old kernels: one datagram a time
		})
	}
	return &inbox{socket: socket, buffer: make([]byte, 1<<16), oob: make([]byte, 64)}
}

// next returns the datagrams of one read, good until the next.
func (in *inbox) next() ([][]byte, error) {
	n, oobn, _, _, err := in.socket.ReadMsgUDPAddrPort(in.buffer, in.oob)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	size := segment(in.oob[:oobn], n)
	in.all = in.all[:0]
	for b := in.buffer[:n]; len(b) > 0; {
		k := min(size, len(b))
		in.all, b = append(in.all, b[:k]), b[k:]
	}
	return in.all, nil
}

// segment is the size of the joined datagrams, of which the last may be shorter.
func segment(oob []byte, n int) int {
	for len(oob) >= unix.CmsgLen(0) {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 2 {
			if size := int(binary.NativeEndian.Uint16(data)); size > 0 {
				return size
			}
		}
		oob = rest
	}
	return max(n, 1)
}
