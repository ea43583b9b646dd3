//go:build !linux

package inbound

import "net/netip"

// Owner can't be known here.
func Owner(string, netip.AddrPort) (pid int, name string) { return 0, "" }
