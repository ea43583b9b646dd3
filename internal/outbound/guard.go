// Package outbound restricts the addresses that the server connects to for its
// users: webhooks and pushes go to addresses that users choose.
package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// private has the prefixes outside the public Internet that netip has no method
// for (IANA special-purpose address registries).
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
	netip.MustParsePrefix("fec0::/10"),       // site-local, deprecated
}

// unicast6 has all public IPv6 addresses.
var unicast6 = netip.MustParsePrefix("2000::/3")

// public reports whether an address is on the public Internet: the server reaches
// nothing there that others can't.
func public(a netip.Addr) bool {
	if a.Zone() != "" || a.Is4In6() {
		return false // only used to bypass filters
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false // loopback, link-local (cloud metadata), multicast, RFC 1918, ULA
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

// ErrPrivate is the error for all refused addresses. Users see it: it must not help
// to explore the network.
var ErrPrivate = errors.New("its address is not on the public Internet, which is not allowed here")

// Guard returns the Control of a net.Dialer: it refuses private addresses unless
// allowed. It checks the address of the connection, not the name, which may
// resolve to another address next time.
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
