//go:build !linux

package inbound

import "net/netip"

// owner can't be known here.
func owner(string, netip.AddrPort) (pid int, name string) { return 0, "" }
