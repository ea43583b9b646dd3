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

	"rostrum/internal/media"
)

// A Port is the number of a port.
type Port uint16

// UnmarshalText reads a number from 0 to 65535.
func (p *Port) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a number from 0 to 65535", text)
	}
	*p = Port(n)
	return nil
}

// Addresses are IP addresses of a machine, separated by commas.
type Addresses []netip.Addr

// UnmarshalText reads IP,IP,….
func (a *Addresses) UnmarshalText(text []byte) error {
	var all Addresses
	for part := range strings.SplitSeq(string(text), ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(part))
		if err != nil || ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" {
			return fmt.Errorf("%q is not an IP address that clients could reach", part)
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

// ListenAddresses are IP addresses of this machine, or 0.0.0.0 or :: for all.
type ListenAddresses []netip.Addr

// UnmarshalText reads IP,IP,….
func (l *ListenAddresses) UnmarshalText(text []byte) error {
	var all ListenAddresses
	for part := range strings.SplitSeq(string(text), ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(part))
		if err != nil || ip.IsMulticast() || ip.Zone() != "" {
			return fmt.Errorf("%q is not an IP address to listen at", part)
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

// UnmarshalText reads IP,CIDR,….
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
			return fmt.Errorf("%q is neither an IP address nor a network such as 10.0.0.0/8", part)
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

// VideoCodecs are codecs beside H.264, separated by commas.
type VideoCodecs []media.Codec

// UnmarshalText reads them.
func (c *VideoCodecs) UnmarshalText(text []byte) error {
	var all VideoCodecs
	for name := range strings.SplitSeq(string(text), ",") {
		switch codec, _ := media.CodecNamed(strings.TrimSpace(name)); codec {
		case media.VP9, media.AV1:
			all = append(all, codec)
		case media.H264: // always
		default:
			if isHEVC(name) {
				return fmt.Errorf("%q cannot be sent to stages: browsers decode it by WebRTC only with some hardware, and nothing transcodes it; have encoders send H264, or VP9 or AV1 if all viewers can decode them", name)
			}
			return fmt.Errorf("%q is not one of H264, VP9, AV1", name)
		}
	}
	*c = all
	return nil
}

// isHEVC reports whether a name is one that HEVC goes by.
func isHEVC(name string) bool {
	return slices.Contains([]string{"HEVC", "H265", "H.265", "HVC1", "HEV1"}, strings.ToUpper(strings.TrimSpace(name)))
}

// String is the text form.
func (c VideoCodecs) String() string {
	var names []string
	for _, codec := range c {
		names = append(names, codec.String())
	}
	return strings.Join(names, ",")
}

// Origins are origins of web pages, separated by commas; * is all.
type Origins []string

// UnmarshalText reads SCHEME://HOST[:PORT],… or *, and keeps them as browsers write them.
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
			return fmt.Errorf("%q is not an origin such as https://app.example.com", part)
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

// Any reports whether all origins are included.
func (o Origins) Any() bool { return slices.Contains(o, "*") }

// Domains are DNS names of this server, separated by commas.
type Domains []string

// UnmarshalText reads NAME,NAME,… and converts them to lower case and to ASCII as in the DNS.
func (d *Domains) UnmarshalText(text []byte) error {
	var all Domains
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		name, err := idna.Lookup.ToASCII(strings.TrimSuffix(part, "."))
		_, ip := netip.ParseAddr(name)
		switch {
		case strings.Contains(part, "*"):
			return fmt.Errorf("%q is a wildcard, which the ACME authority does not sign here: list the names", part)
		case err != nil || ip == nil || !strings.Contains(name, ".") || len(name) > 253:
			return fmt.Errorf("%q is not a full name of the public DNS such as stage.example.com", part)
		case !slices.Contains(all, name):
			all = append(all, name)
		}
	}
	*d = all
	return nil
}

// String is the names with commas.
func (d Domains) String() string { return strings.Join(d, ",") }

// A Directory is the URL of an ACME directory.
type Directory string

// UnmarshalText reads https://HOST/PATH.
func (d *Directory) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil || parsed.Fragment != "" {
		return fmt.Errorf("%q is not a URL of the form https://HOST/PATH", text)
	}
	*d = Directory(text)
	return nil
}

// An Email is the address of a mailbox.
type Email string

// UnmarshalText reads NAME@HOST without a display name.
func (e *Email) UnmarshalText(text []byte) error {
	if parsed, err := mail.ParseAddress(string(text)); err != nil || parsed.Address != string(text) {
		return fmt.Errorf("%q is not an address of the form NAME@HOST", text)
	}
	*e = Email(text)
	return nil
}

// A URL is the root of a site: scheme, host and possibly a port.
type URL string

// UnmarshalText reads http://HOST[:PORT] or https://HOST[:PORT].
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" ||
		parsed.Path != "" && parsed.Path != "/" || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil {
		return fmt.Errorf("%q is not a URL of the form http://HOST:PORT or https://HOST:PORT", text)
	}
	*u = URL(parsed.Scheme + "://" + parsed.Host)
	return nil
}

// A Secret hides itself from logs, JSON and every verb of fmt.
type Secret string

// Hidden is shown instead of a secret.
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

// UnmarshalText reads 16 to 128 characters. The error does not repeat them.
func (s *Secret) UnmarshalText(text []byte) error {
	if len(text) < 16 || len(text) > 128 {
		return errors.New("a secret has 16 to 128 characters")
	}
	*s = Secret(text)
	return nil
}

// A DatabaseURL is the URL of a PostgreSQL database. It hides its password.
type DatabaseURL string

// UnmarshalText reads postgres://…. The error does not repeat the value.
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

// An AccessKey is the id of an access key.
type AccessKey string

var accessKeyForm = regexp.MustCompile(`^[A-Za-z0-9_]{4,128}$`)

// UnmarshalText reads 4 to 128 letters, digits and underscores.
func (k *AccessKey) UnmarshalText(text []byte) error {
	if !accessKeyForm.Match(text) {
		return fmt.Errorf("%q is not 4 to 128 letters, digits and underscores", text)
	}
	*k = AccessKey(text)
	return nil
}

// An Account is the number of an account.
type Account string

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

// UnmarshalText reads 12 digits.
func (a *Account) UnmarshalText(text []byte) error {
	if !accountForm.Match(text) {
		return fmt.Errorf("%q is not 12 digits (in YAML, put it in quotes)", text)
	}
	*a = Account(text)
	return nil
}

// A Region is the name of a region.
type Region string

var regionForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

// UnmarshalText reads a name of the form us-east-1.
func (r *Region) UnmarshalText(text []byte) error {
	if !regionForm.Match(text) {
		return fmt.Errorf("%q is not a region of the form us-east-1", text)
	}
	*r = Region(text)
	return nil
}
