package sfu

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rostrum/internal/sdp"
)

// maxLoggedCandidates bounds the local candidates in one log line.
const maxLoggedCandidates = 8

// ConnectFailure says how far a transport got that was answered and never became connected.
// The list is closed; each is a metric label.
type ConnectFailure uint8

const (
	NoCheck          ConnectFailure = iota // no connectivity check arrived
	NotNominated                           // checks arrived, but the client selected no path and sent no DTLS
	HandshakeTimeout                       // DTLS did not finish
	HandshakeRefused                       // DTLS failed
	connectFailureCount
)

var connectFailureNames = [connectFailureCount]string{"no_check", "not_nominated", "handshake_timeout", "handshake_refused"}

// String is the metric label.
func (f ConnectFailure) String() string { return connectFailureNames[f] }

// ConnectFailures lists all, in order.
func ConnectFailures() (all []ConnectFailure) {
	for f := range connectFailureCount {
		all = append(all, f)
	}
	return all
}

// connectFailure returns how far the transport got before it ended without a connection.
func (t *Transport) connectFailure(cause Cause) ConnectFailure {
	switch {
	case t.firstRoute.Load() == nil:
		return NoCheck
	case cause == CauseHandshakeFailed:
		return HandshakeRefused
	case t.route.Load() == nil && t.dtlsConn.from.Load() == nil:
		return NotNominated
	}
	return HandshakeTimeout
}

// logEnd logs why the transport ended, unless one of the sides closed it, and counts those
// that never became connected.
func (t *Transport) logEnd(cause Cause, fault error, remote sdp.RemoteCandidates) {
	if cause == CauseClosed || cause == CausePeerClosed || cause == CauseEngineClosed {
		return
	}
	args := []any{"cause", string(cause), "who", t.owner.name(), "after", time.Since(t.createdAt).Round(time.Millisecond), "error", fault}
	if cause == CauseNeverConnected || cause == CauseHandshakeFailed {
		failure := t.connectFailure(cause)
		t.core.connectFailures[failure].Add(1)
		args = append(args, "tried", remote.String(), "offered", formatCandidates(t.core.candidates), "likely", t.diagnose(failure, remote))
	}
	t.core.cfg.Log.Info("media transport ended", args...)
}

// diagnose says in a text for operators why a transport did not connect.
func (t *Transport) diagnose(failure ConnectFailure, remote sdp.RemoteCandidates) string {
	first := t.firstRoute.Load()
	switch failure {
	case NoCheck:
		return "no connectivity check came: " + whyUnreached(t.core.candidates, remote.Addresses())
	case NotNominated:
		return "checks came from " + first.addr.String() + " by " + first.protocol() + ", but the client nominated no path: the responses do not reach it"
	case HandshakeTimeout:
		return "a path works from " + first.addr.String() + " by " + first.protocol() + ", but DTLS did not finish: the network drops larger packets, or the client went away"
	}
	return "DTLS failed: a certificate that the offer did not announce, no common cipher, or a device that changes packets"
}

// formatCandidates formats the local candidates for the log.
func formatCandidates(all []sdp.Candidate) string {
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

// whyUnreached guesses why no check arrived, from the addresses of both sides.
func whyUnreached(local []sdp.Candidate, remote []netip.Addr) string {
	every := func(holds func(netip.Addr) bool) bool {
		return !slices.ContainsFunc(local, func(c sdp.Candidate) bool { return !holds(c.Addr.Addr()) })
	}
	notLoopback := func(a netip.Addr) bool { return !a.IsLoopback() }
	private := func(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() }
	v4 := func(a netip.Addr) bool { return a.Unmap().Is4() }
	v6 := func(a netip.Addr) bool { return !v4(a) }
	switch {
	case len(remote) > 0 && every(netip.Addr.IsLoopback) && slices.ContainsFunc(remote, notLoopback):
		return "only loopback is offered, and the client may be on another machine; set listen or media_listen to an address that it can reach"
	case len(remote) > 0 && every(v4) && !slices.ContainsFunc(remote, v4):
		return "the client has only IPv6 and only IPv4 is offered; listen on IPv6 too, or set public_ip"
	case len(remote) > 0 && every(v6) && !slices.ContainsFunc(remote, v6):
		return "the client has only IPv4 and only IPv6 is offered; listen on IPv4 too, or set public_ip"
	case every(private):
		return "only private addresses are offered; set public_ip to the address that clients see, and forward the media port by UDP and TCP"
	}
	return "the client reaches none of the offered addresses; open the media port for UDP and TCP, or set public_ip to the address that clients see"
}
