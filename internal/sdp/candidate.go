package sdp

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Candidate is an address at which clients reach the server.
type Candidate struct {
	Protocol string // "udp" or "tcp" (ICE-TCP passive, RFC 6544)
	Addr     netip.AddrPort
	Priority uint32
}

// String is the candidate attribute without "a=" (RFC 8839 §5.1).
func (c Candidate) String() string {
	foundation, tail := 1, ""
	if c.Protocol == "tcp" {
		foundation, tail = 2, " tcptype passive"
	}
	return fmt.Sprintf("candidate:%d%d 1 %s %d %s %d typ host%s",
		foundation, c.Priority>>8&0xffff, c.Protocol, c.Priority, c.Addr.Addr(), c.Addr.Port(), tail)
}

// HostCandidates lists the host candidates of a port: UDP before TCP, and of each protocol
// the addresses in their order (RFC 8445 §5.1.2, RFC 6544 §4.2).
func HostCandidates(addrs []netip.Addr, port uint16, tcp bool) []Candidate {
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
