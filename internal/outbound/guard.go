// Package outbound says where users may have the server connect to: webhooks and
// pushes go to addresses that users chose.
package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// private are the addresses that are not of the public Internet, beside those
// that netip knows by name (IANA special-purpose address registries).
var private = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT, some clouds' metadata
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
	netip.MustParsePrefix("64:ff9b::/96"),    // NAT64: an IPv4 address inside
	netip.MustParsePrefix("64:ff9b:1::/48"),  // local NAT64
	netip.MustParsePrefix("100::/64"),        // discarded
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4: an IPv4 address inside
	netip.MustParsePrefix("fec0::/10"),       // site-local, once
}

// unicast6 is where IPv6 addresses of the public Internet are.
var unicast6 = netip.MustParsePrefix("2000::/3")

// public reports whether an address is of the public Internet, where a request
// of ours reaches nothing that others can't.
func public(a netip.Addr) bool {
	if a.Zone() != "" || a.Is4In6() {
		return false // nobody means well with ::ffff:127.0.0.1
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false // loopback, link-local with the clouds' metadata, multicast, RFC 1918, ULA
	}
	if a.Is6() && !unicast6.Contains(a) {
		return false // IPv4-compatible, unassigned
	}
	for _, p := range private {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// ErrPrivate is all that is told about an address that is refused: the error is
// shown to who chose the URL, and must not help to look around.
var ErrPrivate = errors.New("its address is not of the public Internet, which is not allowed here")

// Guard is the Control of a net.Dialer: it refuses what is private unless that is
// allowed. It looks at the address that a connection is about to be made to, not
// at the name, which may mean something else the next time it is asked for.
func Guard(allowPrivate bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("address %q: %w", address, err)
		}
		if !allowPrivate && !public(a.Addr()) {
			return ErrPrivate
		}
		return nil
	}
}
