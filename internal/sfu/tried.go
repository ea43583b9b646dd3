package sfu

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Bounds on what is remembered of a peer's candidates.
const (
	maxTried       = 8
	maxTriedLength = 64 // bytes of one
)

// tried is where a peer said it is, in words for an operator. Nothing is ever sent there: the
// peer finds us. It is kept until the transport is connected, and logged if that fails.
type tried struct {
	said []string
	more int // that had no room
}

// add takes the value of a candidate attribute (RFC 8839 §5.1). What is no address in it is
// not believed: it goes into a log.
func (t *tried) add(attribute string) {
	f := strings.Fields(attribute)
	if len(f) < 8 || f[6] != "typ" {
		return
	}
	protocol, address, port, kind := strings.ToLower(f[2]), f[4], f[5], f[7]
	for i := 8; i+1 < len(f); i += 2 {
		if f[i] == "tcptype" {
			kind += " " + f[i+1]
		}
	}
	said := fmt.Sprintf("%s %s %s", protocol, kind, address)
	if port != "9" { // an active TCP candidate has none (RFC 6544 §4.5)
		if strings.Contains(address, ":") {
			address = "[" + address + "]"
		}
		said = fmt.Sprintf("%s %s %s:%s", protocol, kind, address, port)
	}
	if len(said) > maxTriedLength || strings.ContainsFunc(said, strange) {
		said = "unreadable"
	}
	switch {
	case slices.Contains(t.said, said):
	case len(t.said) == maxTried:
		t.more++
	default:
		t.said = append(t.said, strings.Clone(said))
	}
}

// strange tells characters that stand in no candidate that an operator could use.
func strange(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" .:-_[]", r))
}

func (t *tried) merge(other tried) {
	for _, s := range other.said {
		if !slices.Contains(t.said, s) && len(t.said) < maxTried {
			t.said = append(t.said, s)
		}
	}
	t.more += other.more
}

func (t *tried) String() string {
	switch {
	case len(t.said) == 0:
		return "none"
	case t.more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(t.said, ", "), t.more)
	}
	return strings.Join(t.said, ", ")
}

// addresses are the IP addresses among them; mDNS names are none.
func (t *tried) addresses() (all []netip.Addr) {
	for _, s := range t.said {
		last := s[strings.LastIndexByte(s, ' ')+1:]
		if at, err := netip.ParseAddrPort(last); err == nil {
			all = append(all, at.Addr())
		} else if a, err := netip.ParseAddr(last); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// offeredText is what we offered, for the log.
func offeredText(all []Candidate) string {
	var b strings.Builder
	for i, c := range all {
		if i == maxTried {
			fmt.Fprintf(&b, " and %d more", len(all)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", c.Protocol, c.Addr)
	}
	return b.String()
}

// whyUnreached guesses why no check came, from where both sides are.
func whyUnreached(ours []Candidate, theirs []netip.Addr) string {
	every := func(holds func(netip.Addr) bool) bool {
		return !slices.ContainsFunc(ours, func(c Candidate) bool { return !holds(c.Addr.Addr()) })
	}
	elsewhere := func(a netip.Addr) bool { return !a.IsLoopback() }
	private := func(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() }
	v4 := func(a netip.Addr) bool { return a.Unmap().Is4() }
	v6 := func(a netip.Addr) bool { return !v4(a) }
	switch {
	case len(theirs) > 0 && every(netip.Addr.IsLoopback) && slices.ContainsFunc(theirs, elsewhere):
		return "only loopback is offered, and the client may be on another machine; set listen or media_listen to an address that it can reach"
	case len(theirs) > 0 && every(v4) && !slices.ContainsFunc(theirs, v4):
		return "the client has IPv6 alone and only IPv4 is offered; listen on IPv6 too, or set public_ip"
	case len(theirs) > 0 && every(v6) && !slices.ContainsFunc(theirs, v6):
		return "the client has IPv4 alone and only IPv6 is offered; listen on IPv4 too, or set public_ip"
	case every(private):
		return "only private addresses are offered; set public_ip to the address that clients see, and have the media port handed on by UDP and TCP"
	}
	return "the client reaches none of the offered addresses; open the media port by UDP and TCP, or set public_ip to the address that clients see"
}
