package sdp

import (
	"fmt"
	"strings"
)

// MaxCandidates is the number of candidates that one fragment may contain. An ICE-lite agent
// sends no checks of its own, so candidates are only counted and kept for the log.
const MaxCandidates = 64

// Fragment is the body of a WHIP or WHEP PATCH request: an application/trickle-ice-sdpfrag
// (RFC 8840 §4.4).
type Fragment struct {
	ICE        Credentials
	Candidates int
	Remote     RemoteCandidates
	MIDs       []string
}

// ParseFragment reads a fragment. Errors are *Error.
func ParseFragment(text string) (Fragment, error) {
	var f Fragment
	if len(text) > maxOfferBytes {
		return f, Errorf(FaultTooLarge, "the fragment has %d bytes, at most %d are read", len(text), maxOfferBytes)
	}
	for line := range strings.Lines(strings.TrimPrefix(text, byteOrderMark)) {
		if err := f.readLine(strings.TrimRight(line, " \t\r\n")); err != nil {
			return f, err
		}
	}
	if f.Candidates > MaxCandidates {
		return f, Errorf(FaultTooLarge, "the fragment has %d candidates, at most %d are taken", f.Candidates, MaxCandidates)
	}
	if f.ICE == (Credentials{}) {
		return f, nil
	}
	if !validICE(f.ICE.Ufrag, minUfragChars) || f.ICE.Pwd != "" && !validICE(f.ICE.Pwd, minPasswordChars) {
		return f, Errorf(FaultMalformed, "ice-ufrag or ice-pwd does not follow RFC 8839")
	}
	return f, nil
}

func (f *Fragment) readLine(line string) error {
	key, value, _ := strings.Cut(line, ":")
	switch key {
	case "a=ice-ufrag":
		if f.ICE.Ufrag == "" {
			f.ICE.Ufrag = value
		}
	case "a=ice-pwd":
		if f.ICE.Pwd == "" {
			f.ICE.Pwd = value
		}
	case "a=candidate":
		f.Candidates++
		f.Remote.add(value)
	case "a=mid":
		if err := CheckToken("mid", value); err != nil {
			return err
		}
		if len(f.MIDs) < maxSections {
			f.MIDs = append(f.MIDs, value)
		}
	default:
		if line != "" && (len(line) < 2 || line[1] != '=') {
			return Errorf(FaultMalformed, "the fragment has a line that is not SDP")
		}
	}
	return nil
}

// FormatFragment writes the answer to an ICE restart (RFC 9725 §4.3.3). Only the first
// section is written: all are bundled on its transport.
func FormatFragment(mids []string, ice Credentials, candidates []Candidate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "a=ice-lite\r\na=group:BUNDLE %s\r\n", strings.Join(mids, " "))
	if len(mids) > 0 {
		fmt.Fprintf(&b, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", mids[0], ice.Ufrag, ice.Pwd)
		for _, c := range candidates {
			fmt.Fprintf(&b, "a=%s\r\n", c)
		}
		b.WriteString("a=end-of-candidates\r\n")
	}
	return b.String()
}
