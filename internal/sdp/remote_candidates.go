package sdp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Limits on what is kept of a client's candidates.
const (
	maxRemoteCandidates     = 8
	maxRemoteCandidateChars = 64
)

// RemoteCandidates is a short text of the candidates that a client announced, for the log.
// The server sends nothing to them: the client sends the connectivity checks (ICE lite).
type RemoteCandidates struct {
	texts   []string // "udp host 192.0.2.1:5000"
	omitted int      // candidates beyond maxRemoteCandidates
}

// add records the value of a candidate attribute (RFC 8839 §5.1). A candidate with characters
// that no address has is recorded as "unreadable", because the text goes into a log.
func (r *RemoteCandidates) add(attribute string) {
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
	text := fmt.Sprintf("%s %s %s", protocol, kind, address)
	if port != "9" { // the port of an active TCP candidate is a placeholder (RFC 6544 §4.5)
		if strings.Contains(address, ":") {
			address = "[" + address + "]"
		}
		text = fmt.Sprintf("%s %s %s:%s", protocol, kind, address, port)
	}
	if len(text) > maxRemoteCandidateChars || strings.ContainsFunc(text, unexpected) {
		text = "unreadable"
	}
	switch {
	case slices.Contains(r.texts, text):
	case len(r.texts) == maxRemoteCandidates:
		r.omitted++
	default:
		r.texts = append(r.texts, strings.Clone(text))
	}
}

// unexpected reports characters that no readable candidate contains.
func unexpected(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" .:-_[]", r))
}

// Merge adds the candidates of a later fragment.
func (r *RemoteCandidates) Merge(other RemoteCandidates) {
	for _, s := range other.texts {
		if !slices.Contains(r.texts, s) && len(r.texts) < maxRemoteCandidates {
			r.texts = append(r.texts, s)
		}
	}
	r.omitted += other.omitted
}

func (r *RemoteCandidates) String() string {
	switch {
	case len(r.texts) == 0:
		return "none"
	case r.omitted > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(r.texts, ", "), r.omitted)
	}
	return strings.Join(r.texts, ", ")
}

// Addresses lists the IP addresses of the candidates. Candidates with mDNS names have none.
func (r *RemoteCandidates) Addresses() (all []netip.Addr) {
	for _, s := range r.texts {
		last := s[strings.LastIndexByte(s, ' ')+1:]
		if at, err := netip.ParseAddrPort(last); err == nil {
			all = append(all, at.Addr())
		} else if a, err := netip.ParseAddr(last); err == nil {
			all = append(all, a)
		}
	}
	return all
}
