//go:build !linux

package load

import (
	"fmt"
	"net"
)

// inbox reads one datagram a time.
type inbox struct {
	socket *net.UDPConn
	buffer []byte
}

func newInbox(socket *net.UDPConn) *inbox { return &inbox{socket, make([]byte, 1<<11)} }

// next returns the datagrams of one read, good until the next.
func (in *inbox) next() ([][]byte, error) {
	n, err := in.socket.Read(in.buffer)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return [][]byte{in.buffer[:n]}, nil
}
