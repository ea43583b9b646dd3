package sfu

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// expandUnspecified replaces each unspecified address by the addresses of its family that the
// machine's interfaces have. A socket bound to one address sends from it, which ICE needs.
func expandUnspecified(addrs []netip.Addr) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, a := range addrs {
		found := []netip.Addr{a.Unmap()}
		if a.IsUnspecified() {
			var err error
			if found, err = interfaceAddrs(a.Is4() || a.Is4In6()); err != nil {
				return nil, err
			}
		}
		for _, f := range found {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no address to listen on")
	}
	return all, nil
}

// interfaceAddrs lists the machine's addresses of one family, loopback last.
func interfaceAddrs(v4 bool) ([]netip.Addr, error) {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list interface addresses: %w", err)
	}
	var all []netip.Addr
	for _, n := range nets {
		prefix, err := netip.ParsePrefix(n.String())
		if err != nil {
			continue
		}
		a := prefix.Addr().Unmap()
		if a.Is4() == v4 && !a.IsLinkLocalUnicast() && !a.IsMulticast() {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b netip.Addr) int {
		switch {
		case a.IsLoopback() == b.IsLoopback():
			return 0
		case a.IsLoopback():
			return 1
		}
		return -1
	})
	return all, nil
}
