package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// A port is a port's number.
type Port uint16

// UnmarshalText takes a number from 0 to 65535.
func (p *Port) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a number from 0 to 65535", text)
	}
	*p = Port(n)
	return nil
}

// addresses are IP addresses, separated by commas.
type Addresses []netip.Addr

// UnmarshalText takes IP,IP,… of which each could be an address of a machine.
func (a *Addresses) UnmarshalText(text []byte) error {
	var all Addresses
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
func (a Addresses) String() string {
	var all []string
	for _, ip := range a {
		all = append(all, ip.String())
	}
	return strings.Join(all, ",")
}

// listeners are IP addresses to listen at.
type ListenAddresses []netip.Addr

// UnmarshalText takes IP,IP,… of which each could be an address of this machine,
// or all of them.
func (l *ListenAddresses) UnmarshalText(text []byte) error {
	var all ListenAddresses
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
func (l ListenAddresses) String() string { return Addresses(l).String() }

// Networks are IP addresses and networks, separated by commas.
type Networks []netip.Prefix

// UnmarshalText takes IP,CIDR,….
func (n *Networks) UnmarshalText(text []byte) error {
	var all Networks
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
func (n Networks) String() string {
	var all []string
	for _, prefix := range n {
		all = append(all, prefix.String())
	}
	return strings.Join(all, ",")
}

// Origins are those of web pages, separated by commas; * is all.
type Origins []string

// UnmarshalText takes SCHEME://HOST[:PORT],… or *, and keeps them as browsers write them.
func (o *Origins) UnmarshalText(text []byte) error {
	var all Origins
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSuffix(strings.TrimSpace(part), "/")
		page, err := url.Parse(strings.ToLower(part))
		switch {
		case part == "*":
			all = append(all, part)
			continue
		case err != nil || page.Scheme == "" || page.Host == "" || page.Path != "" || page.RawQuery != "" || page.Fragment != "" || page.User != nil:
			return fmt.Errorf("%q is no origin of a page, as in https://app.example.com", part)
		case page.Scheme == "https" && page.Port() == "443", page.Scheme == "http" && page.Port() == "80":
			page.Host = strings.TrimSuffix(page.Host, ":"+page.Port())
		}
		all = append(all, page.Scheme+"://"+page.Host)
	}
	*o = all
	return nil
}

// String is the origins with commas.
func (o Origins) String() string { return strings.Join(o, ",") }

// Any reports whether every page is meant.
func (o Origins) Any() bool { return slices.Contains(o, "*") }

// domains are names of this server, separated by commas.
type Domains []string

// UnmarshalText takes NAME,NAME,… as they stand in the public DNS, and keeps them in
// lower case, what isn't ASCII as the DNS has it.
func (d *Domains) UnmarshalText(text []byte) error {
	var all Domains
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
func (d Domains) String() string { return strings.Join(d, ",") }

// A directory is where an authority tells what it does.
type Directory string

// UnmarshalText takes https://HOST/PATH.
func (d *Directory) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil || parsed.Fragment != "" {
		return fmt.Errorf("%q is no URL of the form https://HOST/PATH", text)
	}
	*d = Directory(text)
	return nil
}

// An email is the address of a mailbox.
type Email string

// UnmarshalText takes NAME@HOST and nothing around it.
func (e *Email) UnmarshalText(text []byte) error {
	if parsed, err := mail.ParseAddress(string(text)); err != nil || parsed.Address != string(text) {
		return fmt.Errorf("%q is no address of the form NAME@HOST", text)
	}
	*e = Email(text)
	return nil
}

// A webURL is the root of a site: scheme, host, and a port if need be.
type URL string

// UnmarshalText takes http://HOST[:PORT] or https://HOST[:PORT].
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" ||
		parsed.Path != "" && parsed.Path != "/" || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil {
		return fmt.Errorf("%q is no URL of the form http://HOST:PORT or https://HOST:PORT", text)
	}
	*u = URL(parsed.Scheme + "://" + parsed.Host)
	return nil
}

// A secret is shown to nobody: not in logs, not by any verb of fmt.
type Secret string

const Hidden = "(hidden)"

func (s Secret) hides() bool { return s != "" }

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Hidden
}

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes 16 characters or more. The error doesn't repeat them.
func (s *Secret) UnmarshalText(text []byte) error {
	if len(text) < 16 || len(text) > 128 {
		return errors.New("a secret has 16 to 128 characters")
	}
	*s = Secret(text)
	return nil
}

// A databaseURL leads to a PostgreSQL database. It may hold a password, which is
// shown to nobody.
type DatabaseURL string

// UnmarshalText takes postgres://…. The error doesn't repeat the value.
func (u *DatabaseURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" || parsed.Host == "" {
		return errors.New("expected a URL of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	*u = DatabaseURL(text)
	return nil
}

func (u DatabaseURL) hides() bool { return u.String() != string(u) }

// String is the URL without its password.
func (u DatabaseURL) String() string {
	parsed, err := url.Parse(string(u))
	if err != nil {
		return Hidden
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
func (u DatabaseURL) GoString() string { return u.String() }

// MarshalText is the URL without its password.
func (u DatabaseURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// LogValue is the URL without its password.
func (u DatabaseURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// An accessKey is the public name of a key.
type AccessKey string

var accessKeyForm = regexp.MustCompile(`^[A-Za-z0-9_]{4,128}$`)

// UnmarshalText takes 4 to 128 letters, digits and underscores.
func (k *AccessKey) UnmarshalText(text []byte) error {
	if !accessKeyForm.Match(text) {
		return fmt.Errorf("%q is not 4 to 128 letters, digits and underscores", text)
	}
	*k = AccessKey(text)
	return nil
}

// An account is one of the separate worlds, 12 digits.
type Account string

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

// UnmarshalText takes 12 digits.
func (a *Account) UnmarshalText(text []byte) error {
	if !accountForm.Match(text) {
		return fmt.Errorf("%q is not 12 digits (in YAML, put it in quotes)", text)
	}
	*a = Account(text)
	return nil
}

// A region is a region's name, as in us-east-1.
type Region string

var regionForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

// UnmarshalText takes a name of the form us-east-1.
func (r *Region) UnmarshalText(text []byte) error {
	if !regionForm.Match(text) {
		return fmt.Errorf("%q is no region of the form us-east-1", text)
	}
	*r = Region(text)
	return nil
}
