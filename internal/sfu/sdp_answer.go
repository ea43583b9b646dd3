package sfu

import (
	"fmt"
	"slices"
	"strings"

	"rostrum/internal/media"
)

// An answer is what we say to an offer. It is written as text by String.
type answer struct {
	offer       *offer
	session     uint64
	ice         credentials
	fingerprint string // SHA-256 of our certificate
	active      bool   // we are the DTLS client
	candidates  []Candidate
	sections    []answered // one for each section of the offer
}

// answered is one m-section of the answer; without a payload the section is refused.
type answered struct {
	payload    payload
	direction  string
	extensions map[string]uint8
	feedback   []string
	layers     []string
	rtx        bool

	// for a section that sends
	stream, track string // msid
	ssrc, rtxSSRC uint32
}

// wanted lists the feedback we take part in, per kind.
var wanted = map[media.Kind][]string{
	media.Audio: {"transport-cc", "nack", "rrtr"},
	media.Video: {"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli", "rrtr"},
}

func (a *answer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n", a.session>>1)
	var group []string
	for i, s := range a.offer.sections {
		if a.sections[i].direction != "" && slices.Contains(a.offer.bundle, s.mid) {
			group = append(group, s.mid)
		}
	}
	if len(group) > 0 {
		fmt.Fprintf(&b, "a=group:BUNDLE %s\r\n", strings.Join(group, " "))
	}
	if a.offer.mixed {
		b.WriteString("a=extmap-allow-mixed\r\n")
	}
	b.WriteString("a=msid-semantic: WMS *\r\n")
	for i := range a.sections {
		a.writeSection(&b, &a.offer.sections[i], &a.sections[i])
	}
	return b.String()
}

func (a *answer) writeSection(b *strings.Builder, s *section, t *answered) {
	if t.direction == "" {
		formats := strings.Join(s.formats, " ")
		if s.kind == "audio" || s.kind == "video" {
			formats = "0" // as browsers write it: Pion refuses a dynamic number without its rtpmap
		}
		fmt.Fprintf(b, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\n", s.kind, s.proto, formats)
		if s.mid != "" {
			fmt.Fprintf(b, "a=mid:%s\r\n", s.mid)
		}
		if s.kind == "audio" || s.kind == "video" {
			b.WriteString("a=inactive\r\n")
		}
		return
	}
	fmt.Fprintf(b, "m=%s 9 %s", s.kind, s.proto)
	for _, pt := range t.formats() {
		fmt.Fprintf(b, " %d", pt)
	}
	b.WriteString("\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n")
	// Candidates stand in every section: some clients look no further than the one they read.
	for _, c := range a.candidates {
		fmt.Fprintf(b, "a=%s\r\n", c)
	}
	setup := "passive"
	if a.active {
		setup = "active"
	}
	fmt.Fprintf(b, "a=end-of-candidates\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:%s\r\n",
		a.ice.ufrag, a.ice.pwd, a.fingerprint, setup)
	if s.mid != "" {
		fmt.Fprintf(b, "a=mid:%s\r\n", s.mid)
	}
	for _, uri := range sortedByID(t.extensions) {
		fmt.Fprintf(b, "a=extmap:%d %s\r\n", t.extensions[uri], uri)
	}
	fmt.Fprintf(b, "a=%s\r\n", t.direction)
	if t.ssrc != 0 {
		fmt.Fprintf(b, "a=msid:%s %s\r\n", t.stream, t.track)
	}
	b.WriteString("a=rtcp-mux\r\n")
	if s.rsize {
		b.WriteString("a=rtcp-rsize\r\n")
	}
	t.writeCodec(b)
	t.writeSources(b)
}

// formats lists the payload types, the preferred one first.
func (t *answered) formats() []uint8 {
	p := t.payload
	all := []uint8{p.pt}
	switch {
	case t.rtx:
		all = append(all, p.rtx)
	case p.redFirst:
		all = []uint8{p.red, p.pt}
	case p.red != 0:
		all = append(all, p.red)
	}
	return all
}

func (t *answered) writeCodec(b *strings.Builder) {
	p := t.payload
	fmt.Fprintf(b, "a=rtpmap:%d %s\r\n", p.pt, p.format)
	for _, f := range t.feedback {
		fmt.Fprintf(b, "a=rtcp-fb:%d %s\r\n", p.pt, f)
	}
	if p.fmtp != "" {
		fmt.Fprintf(b, "a=fmtp:%d %s\r\n", p.pt, p.fmtp)
	}
	if p.red != 0 {
		fmt.Fprintf(b, "a=rtpmap:%d red/48000/2\r\na=fmtp:%d %d/%d\r\n", p.red, p.red, p.pt, p.pt)
	}
	if t.rtx {
		fmt.Fprintf(b, "a=rtpmap:%d rtx/%d\r\na=fmtp:%d apt=%d\r\n", p.rtx, p.codec.ClockRate(), p.rtx, p.pt)
	}
}

func (t *answered) writeSources(b *strings.Builder) {
	for _, id := range t.layers {
		fmt.Fprintf(b, "a=rid:%s recv\r\n", id)
	}
	if len(t.layers) > 0 {
		fmt.Fprintf(b, "a=simulcast:recv %s\r\n", strings.Join(t.layers, ";"))
	}
	if t.ssrc == 0 {
		return
	}
	sources := []uint32{t.ssrc}
	if t.rtx {
		sources = append(sources, t.rtxSSRC)
		fmt.Fprintf(b, "a=ssrc-group:FID %d %d\r\n", t.ssrc, t.rtxSSRC)
	}
	for _, ssrc := range sources {
		fmt.Fprintf(b, "a=ssrc:%d cname:%s\r\na=ssrc:%d msid:%s %s\r\n", ssrc, t.stream, ssrc, t.stream, t.track)
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

// accept answers a section with one of its payloads, taking the extensions and feedback that
// both sides know.
func accept(s *section, p payload, direction string, extensions, feedback []string) answered {
	t := answered{payload: p, direction: direction, extensions: map[string]uint8{}, rtx: p.rtx != 0 && p.answers("nack")}
	for _, uri := range extensions {
		if id, ok := s.extensions[uri]; ok {
			t.extensions[uri] = id
		}
	}
	for _, f := range wanted[p.codec.Kind()] {
		if p.answers(f) && slices.Contains(feedback, f) {
			t.feedback = append(t.feedback, f)
		}
	}
	return t
}
