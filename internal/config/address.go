package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
)

// An address is a host and port to listen at.
type Address string

// UnmarshalText takes HOST:PORT.
func (a *Address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return fmt.Errorf("%q is no address of the form HOST:PORT", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has a port that is not a number from 0 to 65535", text)
	}
	*a = Address(text)
	return nil
}

// isLoopback reports whether only this machine can reach the address.
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

// withPortOf is the address as it was set, with the port that was really bound.
func (a Address) WithPortOf(bound net.Addr) string {
	host, _, _ := net.SplitHostPort(string(a)) // an address has been checked
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return string(a)
	}
	return net.JoinHostPort(host, port)
}

// fromHere is an address at which this machine reaches what listens there.
func (a Address) DialAddress() string {
	host, port, _ := net.SplitHostPort(string(a)) // an address has been checked
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// endpoint is the URL under which clients reach a server bound to an address:
// the public one, or else made from the address. It stands in tokens, so it is
// the same at every start.
func (s *Settings) Endpoint(bound string) (string, error) {
	if s.PublicURL != "" {
		return string(s.PublicURL), nil
	}
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	if port == "0" {
		return "", errors.New("listen names no port, and public_url is not set")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		if host, err = ownAddress(); err != nil {
			return "", err
		}
	}
	if len(s.Domains) > 0 {
		if port == "443" {
			return "https://" + s.Domains[0], nil
		}
		return "https://" + net.JoinHostPort(s.Domains[0], port), nil
	}
	scheme := "http"
	if s.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

// ownAddress is the first address of this machine that others could reach, or
// the loopback address where there is none. IPv4 comes first.
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

// mediaAddresses are where media are received: where media_listen says, or else on
// loopback if that is where listen is, or on the address that listen names, or on all.
func (s *Settings) MediaAddresses(ctx context.Context) ([]netip.Addr, error) {
	if len(s.MediaListen) > 0 {
		return s.MediaListen, nil
	}
	host, _, _ := net.SplitHostPort(string(s.Listen)) // an address has been checked
	if host == "" {
		host = "::"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		at, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, fmt.Errorf("listen for media at %s: %w", host, err)
		}
		return at, nil
	}
	if host == "::" {
		return []netip.Addr{ip, netip.IPv4Unspecified()}, nil
	}
	return []netip.Addr{ip.Unmap()}, nil
}

const LoopbackRemedy = "set media_listen to 0.0.0.0, or to the address that they reach"

// promisedInVain is the setting by which other machines than this one are to come, where
// media are received on loopback alone, as when listen is there behind a proxy for HTTP;
// empty if there is none.
func (s *Settings) LoopbackConflict(receive []netip.Addr) string {
	if slices.ContainsFunc(receive, func(a netip.Addr) bool { return !a.IsLoopback() }) {
		return ""
	}
	for _, ip := range s.PublicIP {
		if !ip.IsLoopback() {
			return "public_ip " + ip.String()
		}
	}
	if u, err := url.Parse(string(s.PublicURL)); err == nil && u.Hostname() != "" && !Address(net.JoinHostPort(u.Hostname(), "0")).IsLoopback() {
		return "public_url " + string(s.PublicURL)
	}
	return ""
}

// portOf is the port of a URL of HTTPS; empty for another.
func HTTPSPort(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return cmp.Or(u.Port(), "443")
}
