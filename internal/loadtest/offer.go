package loadtest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"rostrum/internal/media"
)

// Payload types of the offer: audio, then the profiles of H.264 that publishers send, each
// with RTX one above.
const opusType = 111

var profiles = []struct {
	pt      uint8
	profile string
}{{102, "42e01f"}, {104, "42001f"}, {106, "4d001f"}, {108, "64001f"}}

const transportWide = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

// kindOf is the kind of a payload type of the offer. ok is false for RTX and unknown types.
func kindOf(pt uint8) (k media.Kind, ok bool) {
	if pt == opusType {
		return media.Audio, true
	}
	for _, p := range profiles {
		if p.pt == pt {
			return media.Video, true
		}
	}
	return 0, false
}

// makeOffer is an offer to receive audio and video. It has no candidates: the server learns
// the address from the checks.
func makeOffer(ufrag, password string, certificate []byte) string {
	var b strings.Builder
	const numbers = "a=extmap:3 " + transportWide + "\r\n"
	print := sha256.Sum256(certificate)
	hex := strings.ReplaceAll(fmt.Sprintf("% X", print[:]), " ", ":")
	transport := fmt.Sprintf("c=IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:active\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=recvonly\r\n", ufrag, password, hex)
	b.WriteString("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n")
	// With PCMU, as browsers offer it: some servers answer with that where there is no Opus.
	fmt.Fprintf(&b, "m=audio 9 UDP/TLS/RTP/SAVPF %d 0\r\n%sa=mid:0\r\n%sa=rtpmap:%d opus/48000/2\r\na=rtcp-fb:%d transport-cc\r\na=rtpmap:0 PCMU/8000\r\n", opusType, transport, numbers, opusType, opusType)
	b.WriteString("m=video 9 UDP/TLS/RTP/SAVPF")
	for _, p := range profiles {
		fmt.Fprintf(&b, " %d %d", p.pt, p.pt+1)
	}
	fmt.Fprintf(&b, "\r\n%sa=mid:1\r\n%s", transport, numbers)
	for _, p := range profiles {
		fmt.Fprintf(&b, "a=rtpmap:%d H264/90000\r\na=fmtp:%d level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=%s\r\n", p.pt, p.pt, p.profile)
		fmt.Fprintf(&b, "a=rtcp-fb:%d goog-remb\r\na=rtcp-fb:%d transport-cc\r\na=rtcp-fb:%d ccm fir\r\n", p.pt, p.pt, p.pt)
		fmt.Fprintf(&b, "a=rtcp-fb:%d nack\r\na=rtcp-fb:%d nack pli\r\na=rtpmap:%d rtx/90000\r\na=fmtp:%d apt=%d\r\n", p.pt, p.pt, p.pt+1, p.pt+1, p.pt)
	}
	return b.String()
}

// An answer is the used part of the server's answer.
type answer struct {
	ufrag, password string
	addr            netip.AddrPort // of its first UDP candidate
	transport       uint8          // id of the transport-wide sequence number extension; 0 for none
	remb            bool           // the server accepts REMB
}

func readAnswer(sdp string) (a answer, err error) {
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		switch f := strings.Fields(line); {
		case strings.HasPrefix(line, "a=ice-ufrag:") && a.ufrag == "":
			a.ufrag = line[len("a=ice-ufrag:"):]
		case strings.HasPrefix(line, "a=ice-pwd:") && a.password == "":
			a.password = line[len("a=ice-pwd:"):]
		case strings.HasPrefix(line, "a=extmap:") && len(f) == 2 && f[1] == transportWide:
			id, _, _ := strings.Cut(f[0][len("a=extmap:"):], "/") // a direction may follow
			n, err := strconv.ParseUint(id, 10, 4)
			if err != nil {
				return a, fmt.Errorf("extension %q: %w", line, err)
			}
			a.transport = uint8(n)
		case strings.HasPrefix(line, "a=rtcp-fb:"):
			a.remb = a.remb || strings.HasSuffix(line, " goog-remb")
		case strings.HasPrefix(line, "a=candidate:") && !a.addr.IsValid() && len(f) >= 6 && strings.EqualFold(f[2], "udp"):
			if a.addr, err = netip.ParseAddrPort(net.JoinHostPort(f[4], f[5])); err != nil {
				return a, fmt.Errorf("candidate %q: %w", line, err)
			}
		}
	}
	if a.ufrag == "" || a.password == "" || !a.addr.IsValid() {
		return a, errors.New("the answer lacks ICE credentials or a UDP candidate")
	}
	return a, nil
}
