package sdp

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"rostrum/internal/media"
)

// Section is one media section (m= line) of an offer.
type Section struct {
	Kind         string // "audio", "video", "application", …
	Proto        string
	Formats      []string
	MID          string
	Rejected     bool   // by the offer itself, or not RTP
	FirstRTPMap  string // value of the rtpmap attribute of the first format, if any
	Sends        bool
	Receives     bool
	ReducedSize  bool // a=rtcp-rsize (RFC 5506)
	Payloads     []Payload
	Extensions   map[string]uint8  // header extension ids by URI
	RIDs         []string          // simulcast layers that the client sends, in its order
	SSRCs        []uint32          // announced SSRCs, in order
	RepairedSSRC map[uint32]uint32 // from the SSRC of an RTX stream to the stream that it repairs
}

// live reports whether the section carries media in any direction.
func (s *Section) live() bool { return s.Sends || s.Receives }

func readSection(m *mediaDescription) (Section, error) {
	s := Section{
		Kind: m.kind, Proto: m.proto, Formats: m.formats,
		Sends: true, Receives: true, Extensions: map[string]uint8{}, RepairedSSRC: map[uint32]uint32{},
	}
	if len(s.Formats) > maxPayloads {
		return s, Errorf(FaultTooLarge, "a media section has %d formats, at most %d are taken", len(s.Formats), maxPayloads)
	}
	s.MID, _ = m.first("mid")
	if err := CheckToken("mid", s.MID); err != nil {
		return s, err
	}
	_, bundleOnly := m.first("bundle-only")
	isRTP := (s.Kind == "audio" || s.Kind == "video") && (strings.HasSuffix(s.Proto, "RTP/SAVPF") || strings.HasSuffix(s.Proto, "RTP/SAVP"))
	if s.Rejected = !isRTP || m.port == 0 && !bundleOnly; s.Rejected { // RFC 8866 §5.14
		s.Sends, s.Receives = false, false
		return s, nil
	}
	if err := s.readAttributes(m.attributes); err != nil {
		return s, err
	}
	if len(s.RIDs) > MaxLayers {
		return s, Errorf(FaultTooLarge, "%d simulcast layers are offered, at most %d are taken", len(s.RIDs), MaxLayers)
	}
	for _, id := range s.RIDs {
		if err := CheckToken("rid", id); err != nil {
			return s, err
		}
	}
	return s, s.readPayloads(m)
}

// readAttributes reads all attributes but those of the payload types. The layers are the RIDs
// that a=simulcast lists and a=rid describes.
func (s *Section) readAttributes(attributes []attribute) (err error) {
	var rids, simulcast []string
	for _, a := range attributes {
		switch a.key {
		case "rtcp-rsize":
			s.ReducedSize = true
		case "extmap":
			err = s.readExtension(a.value)
		case "rid":
			var id string
			if id, err = sentRID(a.value); id != "" {
				rids = append(rids, id)
			}
		case "simulcast":
			simulcast, err = simulcastSend(a.value)
		case "ssrc", "ssrc-group":
			s.readSource(a.key, a.value)
		case "sendrecv", "sendonly", "recvonly", "inactive":
			s.Sends = a.key == "sendrecv" || a.key == "sendonly"
			s.Receives = a.key == "sendrecv" || a.key == "recvonly"
		}
		if err != nil {
			return err
		}
	}
	for _, id := range simulcast {
		if slices.Contains(rids, id) && !slices.Contains(s.RIDs, id) {
			s.RIDs = append(s.RIDs, id)
		}
	}
	return nil
}

// sentRID returns the RID of a=rid, "" if it is not that of a layer which the client sends
// (RFC 8851 §4).
func sentRID(value string) (string, error) {
	f := strings.Fields(value)
	switch {
	case len(f) < 2 || f[1] != "send" && f[1] != "recv":
		return "", Errorf(FaultMalformed, "a=rid:%.40q has no direction send or recv", value)
	case f[1] == "recv":
		return "", nil
	}
	return f[0], nil
}

// CheckToken rejects identifiers that could break out of the line in which an answer repeats
// them. name is used in the error.
func CheckToken(name, s string) error {
	if len(s) > maxTokenChars {
		return Errorf(FaultTooLarge, "a %s has %d characters, at most %d are taken", name, len(s), maxTokenChars)
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return Errorf(FaultMalformed, "a %s contains a character outside visible ASCII", name)
		}
	}
	return nil
}

// readExtension reads a=extmap (RFC 8285 §5). The direction may be behind the id.
func (s *Section) readExtension(value string) error {
	id, uri, ok := strings.Cut(value, " ")
	if !ok {
		return nil
	}
	uri, _, _ = strings.Cut(strings.TrimSpace(uri), " ")
	id, direction, directed := strings.Cut(id, "/")
	if directed && !slices.Contains([]string{"sendrecv", "sendonly", "recvonly", "inactive"}, direction) {
		return Errorf(FaultMalformed, "a=extmap:%.40q has an unknown direction", value)
	}
	if n, err := strconv.ParseUint(id, 10, 8); err == nil && n >= 1 && n <= maxExtensionID && direction != "inactive" {
		s.Extensions[uri] = uint8(n)
	}
	return nil
}

// simulcastSend lists the RIDs of the send direction. Of alternatives it takes the first
// (RFC 8853 §5.1).
func simulcastSend(value string) (ids []string, err error) {
	f := strings.Fields(value)
	for i := 0; i+1 < len(f); i += 2 {
		switch f[i] {
		case "send":
			for _, alternatives := range strings.Split(f[i+1], ";") {
				id, _, _ := strings.Cut(alternatives, ",")
				ids = append(ids, strings.TrimPrefix(id, "~"))
			}
		case "recv":
		default:
			return nil, Errorf(FaultMalformed, "a=simulcast:%.40q has a direction other than send and recv", value)
		}
	}
	return ids, nil
}

// readSource records announced SSRCs and which of them repairs which (RFC 5576, RFC 4588 §8.3).
func (s *Section) readSource(key, value string) {
	f := strings.Fields(value)
	if key == "ssrc" {
		if n, ok := parseSSRC(f, 0); ok && len(s.SSRCs) < maxOfferedSSRCs && !slices.Contains(s.SSRCs, n) {
			s.SSRCs = append(s.SSRCs, n)
		}
		return
	}
	if len(f) == 3 && f[0] == "FID" {
		primary, ok1 := parseSSRC(f, 1)
		repair, ok2 := parseSSRC(f, 2)
		if ok1 && ok2 && len(s.RepairedSSRC) < maxOfferedSSRCs {
			s.RepairedSSRC[repair] = primary
		}
	}
}

func parseSSRC(fields []string, i int) (uint32, bool) {
	if i >= len(fields) {
		return 0, false
	}
	n, err := strconv.ParseUint(fields[i], 10, 32)
	return uint32(n), err == nil
}

// Choose returns the payload type to use for a codec. Of H.264 it prefers packetization mode 1
// and then constrained baseline, which every browser decodes. Without mode 1 it takes mode 0,
// because all known receivers that offer it understand fragments nevertheless.
func (s *Section) Choose(codec media.Codec) (chosen Payload, ok bool) {
	best := -1
	for _, p := range s.Payloads {
		if p.Codec != codec {
			continue
		}
		rank := 0
		if codec == media.H264 {
			rank = h264Rank(p.FMTP)
		}
		if rank > best {
			chosen, best = p, rank
		}
	}
	return chosen, best >= 0
}

// h264Rank is greater for a better payload type, and negative for one that cannot be used.
func h264Rank(fmtp string) (rank int) {
	switch mode, _ := parameter(fmtp, "packetization-mode"); mode {
	case "1":
		rank += 2
	case "2":
		return -1 // interleaved
	}
	if profile, _ := parameter(fmtp, "profile-level-id"); isConstrainedBaseline(profile) {
		rank++
	}
	return rank
}

// isConstrainedBaseline reads a profile-level-id (RFC 6184 table 5). The level does not matter.
func isConstrainedBaseline(profile string) bool {
	b, err := hex.DecodeString(profile)
	if err != nil || len(b) != 3 {
		return false
	}
	switch b[0] {
	case 0x42:
		return b[1]&0x4f == 0x40
	case 0x4d:
		return b[1]&0x8f == 0x80
	case 0x58:
		return b[1]&0xcf == 0xc0
	}
	return false
}

// feedbackTypes lists the rtcp-fb values that an answer may accept, in its order.
var feedbackTypes = map[media.Kind][]string{
	media.Audio: {"transport-cc", "nack", "rrtr"},
	media.Video: {"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli", "rrtr"},
}

// Accept answers the section with one of its payload types. Of the given extensions and
// feedback types it takes those that the offer has.
func (s *Section) Accept(p Payload, direction string, extensions, feedback []string) AnswerSection {
	a := AnswerSection{Payload: p, Direction: direction, Extensions: map[string]uint8{}, RTX: p.RTX != 0 && p.Supports("nack")}
	for _, uri := range extensions {
		if id, ok := s.Extensions[uri]; ok {
			a.Extensions[uri] = id
		}
	}
	for _, f := range feedbackTypes[p.Codec.Kind()] {
		if p.Supports(f) && slices.Contains(feedback, f) {
			a.Feedback = append(a.Feedback, f)
		}
	}
	return a
}
