package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
)

// An Address is a host and port to listen at.
type Address string

// UnmarshalText reads HOST:PORT.
func (a *Address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return fmt.Errorf("%q is not an address of the form HOST:PORT", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has a port that is not a number from 0 to 65535", text)
	}
	*a = Address(text)
	return nil
}

// IsLoopback reports whether only this machine can reach the address.
func (a Address) IsLoopback() bool {
	host, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// WithPortOf is the address with the port that was bound.
func (a Address) WithPortOf(bound net.Addr) string {
	host, _, _ := net.SplitHostPort(string(a)) // it has been checked
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return string(a)
	}
	return net.JoinHostPort(host, port)
}

// DialAddress is the address at which this machine reaches what listens there.
func (a Address) DialAddress() string {
	host, port, _ := net.SplitHostPort(string(a)) // it has been checked
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// HTTPSPort is the port of an HTTPS URL; empty for other URLs.
func HTTPSPort(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return cmp.Or(u.Port(), "443")
}

// ownAddress is the first address of this machine that others could reach, IPv4 before IPv6,
// or the loopback address if there is none.
func ownAddress() (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("addresses of this machine: %w", err)
	}
	best := "127.0.0.1"
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil || !prefix.Addr().IsGlobalUnicast() {
			continue
		}
		if prefix.Addr().Is4() {
			return prefix.Addr().String(), nil
		}
		best = prefix.Addr().String()
	}
	return best, nil
}
