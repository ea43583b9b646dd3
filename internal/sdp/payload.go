package sdp

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"rostrum/internal/media"
)

// Payload is one payload type whose codec the media engine knows.
type Payload struct {
	Type       uint8
	Codec      media.Codec
	RTPMap     string // value of its rtpmap attribute, as offered
	FMTP       string
	Feedback   []string // values of its rtcp-fb attributes
	RTX        uint8    // payload type of its retransmissions (RFC 4588), 0 for none
	RED        uint8    // payload type of its redundant audio (RFC 2198), 0 for none
	PrefersRED bool     // the offer lists RED before the codec itself
}

// ParameterSets lists the H.264 parameter sets that the offer announces (sprop-parameter-sets,
// RFC 6184 §8.1). Those that are not base64 are left out.
func (p Payload) ParameterSets() (all [][]byte) {
	value, _ := parameter(p.FMTP, "sprop-parameter-sets")
	for _, text := range strings.Split(value, ",") {
		if set, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "=")); err == nil && len(set) > 0 {
			all = append(all, set)
		}
	}
	return all
}

// Supports reports whether the offer has a feedback type, such as "nack pli", for p.
func (p Payload) Supports(feedback string) bool { return slices.Contains(p.Feedback, feedback) }

// readPayloads lists the section's payload types in the order of the m= line.
func (s *Section) readPayloads(m *mediaDescription) error {
	rtpmaps, fmtps, feedback := map[string]string{}, map[string]string{}, map[string][]string{}
	for _, a := range m.attributes {
		pt, value, _ := strings.Cut(a.value, " ")
		switch a.key {
		case "rtpmap":
			rtpmaps[pt] = value
		case "fmtp":
			fmtps[pt] = value
		case "rtcp-fb":
			feedback[pt] = append(feedback[pt], value)
		}
	}
	s.FirstRTPMap = rtpmaps[s.Formats[0]]
	rtx := rtxFormats(s.Formats, rtpmaps, fmtps)
	red := redFormats(s.Formats, rtpmaps, fmtps)
	for i, f := range s.Formats {
		pt, err := payloadType(f)
		name, _, _ := strings.Cut(rtpmaps[f], "/")
		codec, known := media.CodecNamed(name)
		if err != nil || !known || codec.Kind().String() != s.Kind {
			continue
		}
		if mode, ok := parameter(fmtps[f], "packetization-mode"); ok && codec == media.H264 && !slices.Contains([]string{"0", "1", "2"}, mode) {
			return Errorf(FaultMalformed, "packetization-mode=%.20q of payload type %d is not 0, 1 or 2", mode, pt)
		}
		p := Payload{
			Type: pt, Codec: codec, RTPMap: rtpmaps[f], FMTP: fmtps[f],
			Feedback: append(feedback[f], feedback["*"]...), RTX: rtx[f],
		}
		if at, ok := red[f]; ok && codec == media.Opus {
			p.RED, _ = payloadType(s.Formats[at])
			p.PrefersRED = at < i
		}
		s.Payloads = append(s.Payloads, p)
	}
	return nil
}

func payloadType(format string) (uint8, error) {
	n, err := strconv.ParseUint(format, 10, 7)
	return uint8(n), err
}

// rtxFormats maps each format to the payload type of its retransmissions (RFC 4588 §8.1).
func rtxFormats(formats []string, rtpmaps, fmtps map[string]string) map[string]uint8 {
	found := map[string]uint8{}
	for _, f := range formats {
		name, _, _ := strings.Cut(rtpmaps[f], "/")
		pt, err := payloadType(f)
		if apt, ok := parameter(fmtps[f], "apt"); ok && err == nil && strings.EqualFold(name, "rtx") {
			found[apt] = pt
		}
	}
	return found
}

// redFormats maps each format to the index in formats of the RED payload type that carries
// it alone (RFC 2198 §5).
func redFormats(formats []string, rtpmaps, fmtps map[string]string) map[string]int {
	found := map[string]int{}
	for i, f := range formats {
		if _, err := payloadType(f); err != nil || !strings.EqualFold(rtpmaps[f], "red/48000/2") {
			continue
		}
		carried := strings.Split(fmtps[f], "/")
		if !slices.ContainsFunc(carried, func(one string) bool { return one != carried[0] }) {
			found[carried[0]] = i
		}
	}
	return found
}

// parameter returns one value of an fmtp attribute.
func parameter(fmtp, key string) (string, bool) {
	for _, p := range strings.Split(fmtp, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(p), "="); ok && strings.EqualFold(k, key) {
			return v, true
		}
	}
	return "", false
}
