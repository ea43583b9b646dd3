package sdp

import (
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"

	"rostrum/internal/media"
)

// Section is one media section (m= line) of an offer.
type Section struct {
	Kind         string // "audio", "video", "application", …
	Proto        string
	Formats      []string
	MID          string
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

func readSection(m *pion.MediaDescription) (Section, error) {
	s := Section{
		Kind: m.MediaName.Media, Proto: strings.Join(m.MediaName.Protos, "/"), Formats: m.MediaName.Formats,
		Sends: true, Receives: true, Extensions: map[string]uint8{}, RepairedSSRC: map[uint32]uint32{},
	}
	if len(s.Formats) > maxPayloads {
		return s, Errorf(FaultTooLarge, "a media section has %d formats, at most %d are taken", len(s.Formats), maxPayloads)
	}
	if s.Kind != "audio" && s.Kind != "video" || !strings.HasSuffix(s.Proto, "RTP/SAVPF") && !strings.HasSuffix(s.Proto, "RTP/SAVP") {
		s.Sends, s.Receives = false, false
		s.MID, _ = m.Attribute("mid")
		return s, CheckToken("mid", s.MID)
	}
	rids, simulcast := s.readAttributes(m.Attributes)
	if _, bundleOnly := m.Attribute("bundle-only"); m.MediaName.Port.Value == 0 && !bundleOnly {
		s.Sends, s.Receives = false, false // rejected (RFC 8866 §5.14)
	}
	s.readPayloads(m)
	for _, id := range simulcast {
		if slices.Contains(rids, id) && !slices.Contains(s.RIDs, id) {
			s.RIDs = append(s.RIDs, id)
		}
	}
	if len(s.RIDs) > MaxLayers {
		return s, Errorf(FaultTooLarge, "%d simulcast layers are offered, at most %d are taken", len(s.RIDs), MaxLayers)
	}
	for _, id := range s.RIDs {
		if err := CheckToken("rid", id); err != nil {
			return s, err
		}
	}
	return s, CheckToken("mid", s.MID)
}

// readAttributes reads all attributes but those of the payload types. It returns the RIDs
// that the client sends and those that a=simulcast lists.
func (s *Section) readAttributes(attributes []pion.Attribute) (rids, simulcast []string) {
	for _, a := range attributes {
		switch a.Key {
		case "mid":
			s.MID = a.Value
		case "rtcp-rsize":
			s.ReducedSize = true
		case "extmap":
			s.readExtension(a.Value)
		case "rid":
			if f := strings.Fields(a.Value); len(f) >= 2 && f[1] == "send" {
				rids = append(rids, f[0])
			}
		case "simulcast":
			simulcast = simulcastSend(a.Value)
		case "ssrc", "ssrc-group":
			s.readSource(a.Key, a.Value)
		case "sendrecv", "sendonly", "recvonly", "inactive":
			s.Sends = a.Key == "sendrecv" || a.Key == "sendonly"
			s.Receives = a.Key == "sendrecv" || a.Key == "recvonly"
		}
	}
	return rids, simulcast
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

func (s *Section) readExtension(value string) {
	id, uri, ok := strings.Cut(value, " ")
	if !ok {
		return
	}
	uri, _, _ = strings.Cut(strings.TrimSpace(uri), " ")
	id, _, _ = strings.Cut(id, "/")
	if n, err := strconv.ParseUint(id, 10, 8); err == nil && n >= 1 && n <= maxExtensionID {
		s.Extensions[uri] = uint8(n)
	}
}

// simulcastSend lists the RIDs of the send direction. Of alternatives it takes the first
// (RFC 8853 §5.1).
func simulcastSend(value string) []string {
	f := strings.Fields(value)
	for i := 0; i+1 < len(f); i += 2 {
		if f[i] != "send" {
			continue
		}
		var ids []string
		for _, alternatives := range strings.Split(f[i+1], ";") {
			id, _, _ := strings.Cut(alternatives, ",")
			ids = append(ids, strings.TrimPrefix(id, "~"))
		}
		return ids
	}
	return nil
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

// Choose returns the payload type to use for a codec. Of H.264 it takes packetization mode 1
// only, and prefers constrained baseline, which every browser decodes.
func (s *Section) Choose(codec media.Codec) (Payload, bool) {
	var chosen Payload
	for _, p := range s.Payloads {
		if p.Codec != codec {
			continue
		}
		if codec == media.H264 {
			if mode, _ := parameter(p.FMTP, "packetization-mode"); mode != "1" {
				continue
			}
			if profile, _ := parameter(p.FMTP, "profile-level-id"); strings.HasPrefix(strings.ToLower(profile), "42e0") {
				return p, true
			}
		}
		if chosen.Codec == media.NoCodec {
			chosen = p
		}
	}
	return chosen, chosen.Codec != media.NoCodec
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
