//go:build !linux

package sfu

import "net/netip"

// openSockets opens one portable socket for one shard.
func openSockets(listen []netip.Addr, port uint16, _ int, _ bool) ([]socket, uint16, error) {
	return openPortable(listen, port)
}
