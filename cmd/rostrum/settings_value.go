package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// An address is a host and port to listen at.
type address string

// UnmarshalText takes HOST:PORT.
func (a *address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return fmt.Errorf("%q is no address of the form HOST:PORT", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has a port that is not a number from 0 to 65535", text)
	}
	*a = address(text)
	return nil
}

// isLoopback reports whether only this machine can reach the address.
func (a address) isLoopback() bool {
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

// A port is a port's number.
type port uint16

// UnmarshalText takes a number from 0 to 65535.
func (p *port) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a number from 0 to 65535", text)
	}
	*p = port(n)
	return nil
}

// addresses are IP addresses, separated by commas.
type addresses []netip.Addr

// UnmarshalText takes IP,IP,… of which each could be an address of a machine.
func (a *addresses) UnmarshalText(text []byte) error {
	var all addresses
	for part := range strings.SplitSeq(string(text), ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(part))
		if err != nil || ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" {
			return fmt.Errorf("%q is no IP address that clients could reach", part)
		}
		all = append(all, ip)
	}
	*a = all
	return nil
}

// String is the addresses with commas.
func (a addresses) String() string {
	var all []string
	for _, ip := range a {
		all = append(all, ip.String())
	}
	return strings.Join(all, ",")
}

// listeners are IP addresses to listen at.
type listeners []netip.Addr

// UnmarshalText takes IP,IP,… of which each could be an address of this machine,
// or all of them.
func (l *listeners) UnmarshalText(text []byte) error {
	var all listeners
	for part := range strings.SplitSeq(string(text), ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(part))
		if err != nil || ip.IsMulticast() || ip.Zone() != "" {
			return fmt.Errorf("%q is no IP address to listen at", part)
		}
		all = append(all, ip.Unmap())
	}
	*l = all
	return nil
}

// String is the addresses with commas.
func (l listeners) String() string { return addresses(l).String() }

// networks are IP addresses and networks, separated by commas.
type networks []netip.Prefix

// UnmarshalText takes IP,CIDR,….
func (n *networks) UnmarshalText(text []byte) error {
	var all networks
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		prefix, err := netip.ParsePrefix(part)
		if ip, wrong := netip.ParseAddr(part); wrong == nil && ip.Zone() == "" {
			ip = ip.Unmap()
			prefix, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil || prefix.Addr().Is4In6() {
			return fmt.Errorf("%q is no IP address, nor a network as in 10.0.0.0/8", part)
		}
		all = append(all, prefix.Masked())
	}
	*n = all
	return nil
}

// String is the networks with commas.
func (n networks) String() string {
	var all []string
	for _, prefix := range n {
		all = append(all, prefix.String())
	}
	return strings.Join(all, ",")
}

// domains are names of this server, separated by commas.
type domains []string

// UnmarshalText takes NAME,NAME,… as they stand in the public DNS, and keeps them in
// lower case, what isn't ASCII as the DNS has it.
func (d *domains) UnmarshalText(text []byte) error {
	var all domains
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		name, err := idna.Lookup.ToASCII(strings.TrimSuffix(part, "."))
		_, ip := netip.ParseAddr(name)
		switch {
		case strings.Contains(part, "*"):
			return fmt.Errorf("%q stands for many names, and an authority wants to see each: list them", part)
		case err != nil || ip == nil || !strings.Contains(name, ".") || len(name) > 253:
			return fmt.Errorf("%q is no full name of the public DNS, as in stage.example.com", part)
		case !slices.Contains(all, name):
			all = append(all, name)
		}
	}
	*d = all
	return nil
}

// String is the names with commas.
func (d domains) String() string { return strings.Join(d, ",") }

// A directory is where an authority tells what it does.
type directory string

// UnmarshalText takes https://HOST/PATH.
func (d *directory) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil || parsed.Fragment != "" {
		return fmt.Errorf("%q is no URL of the form https://HOST/PATH", text)
	}
	*d = directory(text)
	return nil
}

// An email is the address of a mailbox.
type email string

// UnmarshalText takes NAME@HOST and nothing around it.
func (e *email) UnmarshalText(text []byte) error {
	if parsed, err := mail.ParseAddress(string(text)); err != nil || parsed.Address != string(text) {
		return fmt.Errorf("%q is no address of the form NAME@HOST", text)
	}
	*e = email(text)
	return nil
}

// A webURL is the root of a site: scheme, host, and a port if need be.
type webURL string

// UnmarshalText takes http://HOST[:PORT] or https://HOST[:PORT].
func (u *webURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" ||
		parsed.Path != "" && parsed.Path != "/" || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil {
		return fmt.Errorf("%q is no URL of the form http://HOST:PORT or https://HOST:PORT", text)
	}
	*u = webURL(parsed.Scheme + "://" + parsed.Host)
	return nil
}

// A secret is shown to nobody: not in logs, not by any verb of fmt.
type secret string

const hidden = "(hidden)"

func (s secret) hides() bool { return s != "" }

// String hides the secret.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret.
func (s secret) GoString() string { return s.String() }

// LogValue hides the secret.
func (s secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret.
func (s secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes 16 characters or more. The error doesn't repeat them.
func (s *secret) UnmarshalText(text []byte) error {
	if len(text) < 16 || len(text) > 128 {
		return errors.New("a secret has 16 to 128 characters")
	}
	*s = secret(text)
	return nil
}

// A databaseURL leads to a PostgreSQL database. It may hold a password, which is
// shown to nobody.
type databaseURL string

// UnmarshalText takes postgres://…. The error doesn't repeat the value.
func (u *databaseURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" || parsed.Host == "" {
		return errors.New("expected a URL of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	*u = databaseURL(text)
	return nil
}

func (u databaseURL) hides() bool { return u.String() != string(u) }

// String is the URL without its password.
func (u databaseURL) String() string {
	parsed, err := url.Parse(string(u))
	if err != nil {
		return hidden
	}
	if query := parsed.Query(); query.Has("password") {
		query.Set("password", "xxxxx")
		parsed.RawQuery = query.Encode()
	}
	if _, ok := parsed.User.Password(); !ok && parsed.RawQuery == "" {
		return string(u)
	}
	return parsed.Redacted()
}

// GoString is the URL without its password.
func (u databaseURL) GoString() string { return u.String() }

// MarshalText is the URL without its password.
func (u databaseURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// LogValue is the URL without its password.
func (u databaseURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// An accessKey is the public name of a key.
type accessKey string

var accessKeyForm = regexp.MustCompile(`^[A-Za-z0-9_]{4,128}$`)

// UnmarshalText takes 4 to 128 letters, digits and underscores.
func (k *accessKey) UnmarshalText(text []byte) error {
	if !accessKeyForm.Match(text) {
		return fmt.Errorf("%q is not 4 to 128 letters, digits and underscores", text)
	}
	*k = accessKey(text)
	return nil
}

// An account is one of the separate worlds, 12 digits.
type account string

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

// UnmarshalText takes 12 digits.
func (a *account) UnmarshalText(text []byte) error {
	if !accountForm.Match(text) {
		return fmt.Errorf("%q is not 12 digits (in YAML, put it in quotes)", text)
	}
	*a = account(text)
	return nil
}

// A region is a region's name, as in us-east-1.
type region string

var regionForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

// UnmarshalText takes a name of the form us-east-1.
func (r *region) UnmarshalText(text []byte) error {
	if !regionForm.Match(text) {
		return fmt.Errorf("%q is no region of the form us-east-1", text)
	}
	*r = region(text)
	return nil
}
