package sfu

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"rostrum/internal/media"
)

// readSection reads one m-section.
func readSection(m *sdp.MediaDescription) (section, error) {
	s := section{
		kind: m.MediaName.Media, proto: strings.Join(m.MediaName.Protos, "/"), formats: m.MediaName.Formats,
		sends: true, receives: true, extensions: map[string]uint8{}, rtxOf: map[uint32]uint32{},
	}
	if len(s.formats) > maxPayloads {
		return s, faulty(FaultTooLarge, "a media section has %d formats, at most %d are taken", len(s.formats), maxPayloads)
	}
	if s.kind != "audio" && s.kind != "video" || !strings.HasSuffix(s.proto, "RTP/SAVPF") && !strings.HasSuffix(s.proto, "RTP/SAVP") {
		s.sends, s.receives = false, false
		s.mid, _ = m.Attribute("mid")
		return s, checkToken("mid", s.mid)
	}
	direct := map[string][2]bool{"sendonly": {true, false}, "recvonly": {false, true}, "inactive": {}, "sendrecv": {true, true}}
	var rids, simulcast []string
	for _, a := range m.Attributes {
		switch a.Key {
		case "mid":
			s.mid = a.Value
		case "rtcp-rsize":
			s.rsize = true
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
		default:
			if d, ok := direct[a.Key]; ok {
				s.sends, s.receives = d[0], d[1]
			}
		}
	}
	if m.MediaName.Port.Value == 0 && !slices.ContainsFunc(m.Attributes, func(a sdp.Attribute) bool { return a.Key == "bundle-only" }) {
		s.sends, s.receives = false, false // rejected (RFC 8866 §5.14)
	}
	s.readPayloads(m)
	for _, id := range simulcast {
		if slices.Contains(rids, id) && !slices.Contains(s.layers, id) {
			s.layers = append(s.layers, id)
		}
	}
	if len(s.layers) > maxLayers {
		return s, faulty(FaultTooLarge, "%d simulcast layers are offered, at most %d are taken", len(s.layers), maxLayers)
	}
	for _, id := range s.layers {
		if err := checkToken("rid", id); err != nil {
			return s, err
		}
	}
	return s, checkToken("mid", s.mid)
}

// checkToken refuses identifiers that could break out of the line we echo them in.
func checkToken(what, s string) error {
	if len(s) > maxLabelLength {
		return faulty(FaultTooLarge, "a %s has %d characters, at most %d are taken", what, len(s), maxLabelLength)
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return faulty(FaultMalformed, "a %s contains a character outside visible ASCII", what)
		}
	}
	return nil
}

func (s *section) readExtension(value string) {
	id, uri, ok := strings.Cut(value, " ")
	if !ok {
		return
	}
	uri, _, _ = strings.Cut(strings.TrimSpace(uri), " ")
	id, _, _ = strings.Cut(id, "/")
	if n, err := strconv.ParseUint(id, 10, 8); err == nil && n >= 1 && n <= maxExtensionID {
		s.extensions[uri] = uint8(n)
	}
}

// simulcastSend lists the RIDs of the send direction, the first of each set of
// alternatives (RFC 8853 §5.1).
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

// readSource notes announced SSRCs and which of them repairs which (RFC 5576, RFC 4588 §8.3).
func (s *section) readSource(key, value string) {
	f := strings.Fields(value)
	if key == "ssrc" {
		if n, ok := ssrcOf(f, 0); ok && len(s.ssrcs) < maxOfferedSSRCs && !slices.Contains(s.ssrcs, n) {
			s.ssrcs = append(s.ssrcs, n)
		}
		return
	}
	if len(f) == 3 && f[0] == "FID" {
		primary, ok1 := ssrcOf(f, 1)
		repair, ok2 := ssrcOf(f, 2)
		if ok1 && ok2 && len(s.rtxOf) < maxOfferedSSRCs {
			s.rtxOf[repair] = primary
		}
	}
}

func ssrcOf(f []string, i int) (uint32, bool) {
	if i >= len(f) {
		return 0, false
	}
	n, err := strconv.ParseUint(f[i], 10, 32)
	return uint32(n), err == nil
}

func (s *section) readPayloads(m *sdp.MediaDescription) {
	formats, fmtps, feedbacks := map[string]string{}, map[string]string{}, map[string][]string{}
	for _, a := range m.Attributes {
		pt, value, _ := strings.Cut(a.Value, " ")
		switch a.Key {
		case "rtpmap":
			formats[pt] = value
		case "fmtp":
			fmtps[pt] = value
		case "rtcp-fb":
			feedbacks[pt] = append(feedbacks[pt], value)
		}
	}
	repairs := map[string]uint8{}
	for _, f := range s.formats {
		name, _, _ := strings.Cut(formats[f], "/")
		n, err := strconv.ParseUint(f, 10, 7)
		if apt, ok := parameter(fmtps[f], "apt"); ok && err == nil && strings.EqualFold(name, "rtx") {
			repairs[apt] = uint8(n)
		}
	}
	reds := redundancies(s.formats, formats, fmtps)
	for _, f := range s.formats {
		n, err := strconv.ParseUint(f, 10, 7)
		name, _, _ := strings.Cut(formats[f], "/")
		codec, known := media.CodecNamed(name)
		if err != nil || !known || codec.Kind().String() != s.kind {
			continue
		}
		p := payload{
			pt: uint8(n), codec: codec, format: formats[f], fmtp: fmtps[f],
			feedback: append(feedbacks[f], feedbacks["*"]...), rtx: repairs[f],
		}
		if i, ok := reds[f]; ok && codec == media.Opus {
			n, _ := strconv.ParseUint(s.formats[i], 10, 7)
			p.red, p.redFirst = uint8(n), i < slices.Index(s.formats, f)
		}
		s.payloads = append(s.payloads, p)
	}
}

// redundancies finds the formats that carry one other format several times (RFC 2198 §5). It
// tells where in the list they stand, by the other's.
func redundancies(list []string, formats, fmtps map[string]string) map[string]int {
	found := map[string]int{}
	for i, f := range list {
		if _, err := strconv.ParseUint(f, 10, 7); err != nil || !strings.EqualFold(formats[f], "red/48000/2") {
			continue
		}
		all := strings.Split(fmtps[f], "/")
		if !slices.ContainsFunc(all, func(one string) bool { return one != all[0] }) {
			found[all[0]] = i
		}
	}
	return found
}

// parameter returns one value of an fmtp line.
func parameter(fmtp, key string) (string, bool) {
	for _, p := range strings.Split(fmtp, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(p), "="); ok && strings.EqualFold(k, key) {
			return v, true
		}
	}
	return "", false
}

// choose picks the payload for a codec: of H.264 only packetization mode 1, and constrained
// baseline, which every browser decodes, before the other profiles.
func (s *section) choose(codec media.Codec) (payload, bool) {
	var found payload
	for _, p := range s.payloads {
		if p.codec != codec {
			continue
		}
		if codec == media.H264 {
			if mode, _ := parameter(p.fmtp, "packetization-mode"); mode != "1" {
				continue
			}
			if profile, _ := parameter(p.fmtp, "profile-level-id"); strings.HasPrefix(strings.ToLower(profile), "42e0") {
				return p, true
			}
		}
		if found.codec == media.NoCodec {
			found = p
		}
	}
	return found, found.codec != media.NoCodec
}
