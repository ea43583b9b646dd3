package sfu

import (
	"fmt"
	"strings"
)

// maxCandidates bounds what a peer may trickle to one transport. An ICE-lite agent never
// probes a candidate, so they are counted and otherwise ignored.
const maxCandidates = 64

// A fragment is what a PATCH brings: an application/trickle-ice-sdpfrag (RFC 8840 §4.4).
type fragment struct {
	ice        credentials
	candidates int
	tried      tried
	mids       []string
}

// parseFragment reads a fragment. Errors are *OfferError.
func parseFragment(text string) (fragment, error) {
	var f fragment
	if len(text) > maxOfferBytes {
		return f, faulty(FaultTooLarge, "the fragment has %d bytes, at most %d are read", len(text), maxOfferBytes)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "a=ice-ufrag":
			if f.ice.ufrag == "" {
				f.ice.ufrag = value
			}
		case "a=ice-pwd":
			if f.ice.pwd == "" {
				f.ice.pwd = value
			}
		case "a=candidate":
			f.candidates++
			f.tried.add(value)
		case "a=mid":
			if err := checkToken("mid", value); err != nil {
				return f, err
			}
			if len(f.mids) < maxSections {
				f.mids = append(f.mids, value)
			}
		default:
			if line != "" && (len(line) < 2 || line[1] != '=') {
				return f, faulty(FaultMalformed, "the fragment has a line that is not SDP")
			}
		}
	}
	if f.candidates > maxCandidates {
		return f, faulty(FaultTooLarge, "the fragment has %d candidates, at most %d are taken", f.candidates, maxCandidates)
	}
	if f.ice == (credentials{}) {
		return f, nil
	}
	if !validICE(f.ice.ufrag, 4) || f.ice.pwd != "" && !validICE(f.ice.pwd, minPasswordChars) {
		return f, faulty(FaultMalformed, "ice-ufrag or ice-pwd is not as RFC 8839 wants it")
	}
	return f, nil
}

// writeFragment is the answer to an ICE restart (RFC 9725 §4.3.3).
func writeFragment(mids []string, ice credentials, candidates []Candidate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "a=ice-lite\r\na=group:BUNDLE %s\r\n", strings.Join(mids, " "))
	for i, mid := range mids {
		if i > 0 {
			break // one bundled section speaks for all
		}
		fmt.Fprintf(&b, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", mid, ice.ufrag, ice.pwd)
		for _, c := range candidates {
			fmt.Fprintf(&b, "a=%s\r\n", c)
		}
		b.WriteString("a=end-of-candidates\r\n")
	}
	return b.String()
}
