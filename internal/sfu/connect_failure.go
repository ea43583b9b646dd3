package sfu

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rostrum/internal/sdp"
)

// maxLoggedCandidates bounds the local candidates in one log line.
const maxLoggedCandidates = 8

// offeredText is what we offered, for the log.
func offeredText(all []sdp.Candidate) string {
	var b strings.Builder
	for i, c := range all {
		if i == maxLoggedCandidates {
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
func whyUnreached(ours []sdp.Candidate, theirs []netip.Addr) string {
	every := func(holds func(netip.Addr) bool) bool {
		return !slices.ContainsFunc(ours, func(c sdp.Candidate) bool { return !holds(c.Addr.Addr()) })
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
