package sfu

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Candidate is an address at which peers reach the engine.
type Candidate struct {
	Protocol string // "udp" or "tcp" (ICE-TCP passive, RFC 6544)
	Addr     netip.AddrPort
	Priority uint32
}

// String is the candidate attribute's value with its name, as in an SDP line after "a=" (RFC 8839 §5.1).
func (c Candidate) String() string {
	foundation, tail := 1, ""
	if c.Protocol == "tcp" {
		foundation, tail = 2, " tcptype passive"
	}
	return fmt.Sprintf("candidate:%d%d 1 %s %d %s %d typ host%s",
		foundation, c.Priority>>8&0xffff, c.Protocol, c.Priority, c.Addr.Addr(), c.Addr.Port(), tail)
}

// candidates lists what the engine offers: UDP first, and of each protocol the addresses in
// their order (RFC 8445 §5.1.2, RFC 6544 §4.2).
func candidates(addrs []netip.Addr, port uint16, tcp bool) []Candidate {
	const hostPreference, tcpPassive = 126, 2 << 13
	var all []Candidate
	for i, a := range addrs {
		local := uint32(65535 - min(i, 1000))
		all = append(all, Candidate{"udp", netip.AddrPortFrom(a, port), hostPreference<<24 | local<<8 | 255})
		if tcp {
			local = tcpPassive | uint32(8191-min(i, 1000))
			all = append(all, Candidate{"tcp", netip.AddrPortFrom(a, port), (hostPreference-40)<<24 | local<<8 | 255})
		}
	}
	slices.SortStableFunc(all, func(a, b Candidate) int { return cmp.Compare(b.Priority, a.Priority) })
	return all
}

// expand replaces each unspecified address by the addresses of its family that the
// machine's interfaces have: a socket bound to one address answers from it, which ICE needs.
func expand(addrs []netip.Addr) ([]netip.Addr, error) {
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
