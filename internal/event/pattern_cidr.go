package event

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// parseCIDR reads an address block. event-ruler compares addresses as hexadecimal
// text from the left: a block of IPv4 also holds the IPv6 addresses that begin with the
// same digits, and a block of IPv6 the IPv4 addresses whose eight digits decide it.
func parseCIDR(at, s string) (matcher, error) {
	host, size, _ := strings.Cut(strings.TrimRight(s, "/"), "/")
	bits, err := strconv.Atoi(size)
	a, ok := parseAddress(host)
	switch {
	case !ok || err != nil || bits < 0:
		return nil, fmt.Errorf("%s must be an address block such as 10.0.0.0/24", at)
	case bits >= a.BitLen():
		return nil, fmt.Errorf("%s must have fewer than %d bits", at, a.BitLen())
	}
	first := netip.PrefixFrom(a, bits).Masked().Addr()
	low, high := first.AsSlice(), first.AsSlice()
	for i := bits; i < a.BitLen(); i++ {
		high[i/8] |= 0x80 >> (i % 8)
	}
	return func(x value) bool {
		if x.kind != text {
			return false
		}
		a, ok := parseAddress(x.text)
		if !ok {
			return false
		}
		b := a.AsSlice()
		n := min(len(b), len(low))
		toLow, toHigh := strings.Compare(string(b[:n]), string(low[:n])), strings.Compare(string(b[:n]), string(high[:n]))
		if len(b) < len(low) {
			return toLow > 0 && toHigh < 0
		}
		return toLow >= 0 && toHigh <= 0
	}, nil
}

var (
	ipv4 = regexp.MustCompile(`^0*(\d+)\.0*(\d+)\.0*(\d+)\.0*(\d+)$`)
	zero = regexp.MustCompile(`(^|:)0+([0-9a-fA-F])`)
)

// parseAddress reads an address as Java does: with leading zeros, and IPv4 addresses
// within IPv6 as IPv4. It has no zone and no IPv4 notation within IPv6.
func parseAddress(s string) (netip.Addr, bool) {
	if strings.Contains(s, ":") {
		if strings.ContainsAny(s, ".%") {
			return netip.Addr{}, false
		}
		s = zero.ReplaceAllString(s, "$1$2")
	} else {
		s = ipv4.ReplaceAllString(s, "$1.$2.$3.$4")
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}
