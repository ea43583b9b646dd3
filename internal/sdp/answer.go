package sdp

import (
	"fmt"
	"slices"
	"strings"
)

// Answer is the answer to an offer. String writes it as SDP.
type Answer struct {
	Offer       *Offer
	SessionID   uint64
	ICE         Credentials
	Fingerprint string // SHA-256 of the server's certificate
	Active      bool   // a=setup:active: the server is the DTLS client
	Candidates  []Candidate
	Sections    []AnswerSection // one for each section of the offer
}

// AnswerSection is one media section of an answer. One without a Direction refuses the
// section of the offer: as inactive inside BUNDLE, with port 0 outside.
type AnswerSection struct {
	Payload    Payload
	Direction  string
	Extensions map[string]uint8 // header extension ids by URI
	Feedback   []string
	RIDs       []string // accepted simulcast layers
	RTX        bool

	// Sent is what the section sends; its SSRC is 0 where it only receives.
	Sent SentTrack
}

// SentTrack names a track that the server sends: its MediaStream and track ids (RFC 8830)
// and its SSRCs (RFC 5576).
type SentTrack struct {
	Stream, Track string
	SSRC, RTXSSRC uint32
}

func (a *Answer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n", a.SessionID>>1)
	var bundle []string
	for i := range a.Offer.Sections {
		if s := &a.Offer.Sections[i]; a.isBundled(s) && (a.Sections[i].Direction != "" || !s.Rejected) {
			bundle = append(bundle, s.MID)
		}
	}
	if len(bundle) > 0 {
		fmt.Fprintf(&b, "a=group:BUNDLE %s\r\n", strings.Join(bundle, " "))
	}
	if a.Offer.MixedExtmap {
		b.WriteString("a=extmap-allow-mixed\r\n")
	}
	if a.Offer.DTLSInSTUN {
		fmt.Fprintf(&b, "a=ice-options:%s\r\n", strings.Join(a.Offer.iceOptions, " "))
	}
	b.WriteString("a=msid-semantic: WMS *\r\n")
	for i := range a.Sections {
		switch s := &a.Offer.Sections[i]; {
		case a.Sections[i].Direction != "":
			a.writeAccepted(&b, s, &a.Sections[i])
		case a.isBundled(s) && !s.Rejected:
			a.writeInactive(&b, s)
		default:
			writeRejected(&b, s)
		}
	}
	return b.String()
}

func (a *Answer) isBundled(s *Section) bool { return slices.Contains(a.Offer.Bundle, s.MID) }

// writeInactive answers a section that is not used: it keeps the transport of its BUNDLE group.
// Some clients take a section with port 0 for a transport that they lack, and reject the whole
// answer.
func (a *Answer) writeInactive(b *strings.Builder, s *Section) {
	fmt.Fprintf(b, "m=%s 9 %s %s\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n", s.Kind, s.Proto, s.Formats[0])
	a.writeTransport(b)
	fmt.Fprintf(b, "a=mid:%s\r\na=inactive\r\na=rtcp-mux\r\n", s.MID)
	if s.FirstRTPMap != "" {
		fmt.Fprintf(b, "a=rtpmap:%s %s\r\n", s.Formats[0], s.FirstRTPMap)
	}
}

func writeRejected(b *strings.Builder, s *Section) {
	isMedia := s.Kind == "audio" || s.Kind == "video"
	formats := strings.Join(s.Formats, " ")
	if isMedia {
		formats = "0" // as browsers write it: pion rejects a dynamic payload type without its rtpmap
	}
	fmt.Fprintf(b, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\n", s.Kind, s.Proto, formats)
	if s.MID != "" {
		fmt.Fprintf(b, "a=mid:%s\r\n", s.MID)
	}
	if isMedia {
		b.WriteString("a=inactive\r\n")
	}
}

func (a *Answer) writeAccepted(b *strings.Builder, s *Section, t *AnswerSection) {
	fmt.Fprintf(b, "m=%s 9 %s", s.Kind, s.Proto)
	for _, pt := range t.formats() {
		fmt.Fprintf(b, " %d", pt)
	}
	b.WriteString("\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n")
	a.writeTransport(b)
	if s.MID != "" {
		fmt.Fprintf(b, "a=mid:%s\r\n", s.MID)
	}
	for _, uri := range sortedByID(t.Extensions) {
		fmt.Fprintf(b, "a=extmap:%d %s\r\n", t.Extensions[uri], uri)
	}
	fmt.Fprintf(b, "a=%s\r\n", t.Direction)
	if t.Sent.SSRC != 0 {
		fmt.Fprintf(b, "a=msid:%s %s\r\n", t.Sent.Stream, t.Sent.Track)
	}
	b.WriteString("a=rtcp-mux\r\n")
	if s.ReducedSize {
		b.WriteString("a=rtcp-rsize\r\n")
	}
	t.writeCodec(b)
	t.writeSources(b)
}

// writeTransport writes ICE and DTLS. Each section repeats the candidates, because some
// clients read those of one section only.
func (a *Answer) writeTransport(b *strings.Builder) {
	for _, c := range a.Candidates {
		fmt.Fprintf(b, "a=%s\r\n", c)
	}
	setup := "passive"
	if a.Active {
		setup = "active"
	}
	fmt.Fprintf(b, "a=end-of-candidates\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:%s\r\n",
		a.ICE.Ufrag, a.ICE.Pwd, a.Fingerprint, setup)
}

// formats lists the payload types, the preferred one first.
func (t *AnswerSection) formats() []uint8 {
	p := t.Payload
	switch {
	case t.RTX:
		return []uint8{p.Type, p.RTX}
	case p.RED != 0 && p.PrefersRED:
		return []uint8{p.RED, p.Type}
	case p.RED != 0:
		return []uint8{p.Type, p.RED}
	}
	return []uint8{p.Type}
}

func (t *AnswerSection) writeCodec(b *strings.Builder) {
	p := t.Payload
	fmt.Fprintf(b, "a=rtpmap:%d %s\r\n", p.Type, p.RTPMap)
	for _, f := range t.Feedback {
		fmt.Fprintf(b, "a=rtcp-fb:%d %s\r\n", p.Type, f)
	}
	if own := withoutParameterSets(p.FMTP); own != "" {
		fmt.Fprintf(b, "a=fmtp:%d %s\r\n", p.Type, own)
	}
	if p.RED != 0 {
		fmt.Fprintf(b, "a=rtpmap:%d red/48000/2\r\na=fmtp:%d %d/%d\r\n", p.RED, p.RED, p.Type, p.Type)
	}
	if t.RTX {
		fmt.Fprintf(b, "a=rtpmap:%d rtx/%d\r\na=fmtp:%d apt=%d\r\n", p.RTX, p.Codec.ClockRate(), p.RTX, p.Type)
	}
}

// withoutParameterSets removes from a fmtp value what describes the offerer's own stream.
func withoutParameterSets(fmtp string) string {
	if !strings.Contains(fmtp, "sprop-") {
		return fmtp
	}
	kept := slices.DeleteFunc(strings.Split(fmtp, ";"), func(p string) bool {
		key, _, _ := strings.Cut(strings.TrimSpace(p), "=")
		return strings.EqualFold(key, "sprop-parameter-sets") || strings.EqualFold(key, "sprop-level-parameter-sets")
	})
	return strings.TrimSpace(strings.Join(kept, ";"))
}

func (t *AnswerSection) writeSources(b *strings.Builder) {
	for _, id := range t.RIDs {
		fmt.Fprintf(b, "a=rid:%s recv\r\n", id)
	}
	if len(t.RIDs) > 0 {
		fmt.Fprintf(b, "a=simulcast:recv %s\r\n", strings.Join(t.RIDs, ";"))
	}
	s := t.Sent
	if s.SSRC == 0 {
		return
	}
	ssrcs := []uint32{s.SSRC}
	if t.RTX {
		ssrcs = append(ssrcs, s.RTXSSRC)
		fmt.Fprintf(b, "a=ssrc-group:FID %d %d\r\n", s.SSRC, s.RTXSSRC)
	}
	for _, ssrc := range ssrcs {
		fmt.Fprintf(b, "a=ssrc:%d cname:%s\r\na=ssrc:%d msid:%s %s\r\n", ssrc, s.Stream, ssrc, s.Stream, s.Track)
	}
}

func sortedByID(extensions map[string]uint8) []string {
	uris := make([]string, 0, len(extensions))
	for uri := range extensions {
		uris = append(uris, uri)
	}
	slices.SortFunc(uris, func(a, b string) int { return int(extensions[a]) - int(extensions[b]) })
	return uris
}
