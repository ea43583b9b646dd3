package sfu

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"rostrum/internal/media"
)

// Bounds on what one offer may contain; real clients stay far below.
const (
	maxOfferBytes    = 64 << 10
	maxSections      = 8
	maxPayloads      = 96
	maxLayers        = 4
	maxLabelLength   = 32
	maxOfferedSSRCs  = 32
	maxExtensionID   = 14 // one-byte headers (RFC 8285 §4.2)
	minPasswordChars = 22 // RFC 8839 §5.4
	maxICEChars      = 256
)

// OfferFault classes what is wrong with an offer.
type OfferFault string

const (
	FaultMalformed   OfferFault = "malformed"     // not SDP, or without what WebRTC needs
	FaultTooLarge    OfferFault = "too-large"     // more bytes, tracks, layers or sources than we take
	FaultNotBundled  OfferFault = "not-bundled"   // several media that do not share one transport
	FaultNoMedia     OfferFault = "no-media"      // nothing to send, or nothing to receive
	FaultNoCodec     OfferFault = "no-codec"      // a video section without any codec we may use
	FaultNoEncrypted OfferFault = "not-encrypted" // no DTLS fingerprint
)

// OfferError tells why an offer can't be answered. Detail is fit to be shown to the client.
type OfferError struct {
	Fault  OfferFault
	Detail string
}

func (e *OfferError) Error() string { return "offer " + string(e.Fault) + ": " + e.Detail }

func faulty(f OfferFault, format string, args ...any) error {
	return &OfferError{Fault: f, Detail: fmt.Sprintf(format, args...)}
}

// RTP header extensions we understand (RFC 8285), by URI.
const (
	extMID          = "urn:ietf:params:rtp-hdrext:sdes:mid"
	extRID          = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	extRepairedRID  = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	extAudioLevel   = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	extAbsSendTime  = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	extTransportCC  = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	extPlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
)

// credentials authenticate one ICE session's checks (RFC 8839 §5.4).
type credentials struct{ ufrag, pwd string }

// An offer is what we understood of a client's SDP.
type offer struct {
	ice          credentials
	fingerprints []fingerprint
	passive      bool // the peer insists on being the DTLS server
	bundle       []string
	msid         string
	mixed        bool // a=extmap-allow-mixed
	sections     []section
}

type fingerprint struct{ hash, value string }

// A section is one m-section of the offer.
type section struct {
	kind       string // "audio", "video", "application", …
	proto      string
	formats    []string
	mid        string
	sends      bool
	receives   bool
	rsize      bool
	payloads   []payload
	extensions map[string]uint8
	layers     []string // RIDs the peer wants to send, in its order
	ssrcs      []uint32 // media SSRCs announced, in order
	rtxOf      map[uint32]uint32
}

// A payload is one payload type with a codec we know.
type payload struct {
	pt       uint8
	codec    media.Codec
	format   string // its rtpmap value, as offered
	fmtp     string
	feedback []string
	rtx      uint8 // payload type of its retransmissions (RFC 4588), 0 for none
}

func (p payload) answers(feedback string) bool { return slices.Contains(p.feedback, feedback) }

// parseOffer reads an offer. Errors are *OfferError.
func parseOffer(text string) (*offer, error) {
	if len(text) > maxOfferBytes {
		return nil, faulty(FaultTooLarge, "the offer has %d bytes, at most %d are read", len(text), maxOfferBytes)
	}
	if strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") {
		return nil, faulty(FaultMalformed, "the offer has a carriage return within a line") // we echo some lines
	}
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(text); err != nil {
		return nil, faulty(FaultMalformed, "the offer is not SDP: %v", err)
	}
	if len(desc.MediaDescriptions) > maxSections {
		return nil, faulty(FaultTooLarge, "the offer has %d media sections, at most %d are taken", len(desc.MediaDescriptions), maxSections)
	}
	o := &offer{}
	o.readTransport(desc.Attributes)
	for _, a := range desc.Attributes {
		switch a.Key {
		case "group":
			if rest, ok := strings.CutPrefix(a.Value, "BUNDLE"); ok {
				o.bundle = strings.Fields(rest)
			}
		case "extmap-allow-mixed":
			o.mixed = true
		}
	}
	mids := map[string]bool{}
	for _, m := range desc.MediaDescriptions {
		o.readTransport(m.Attributes)
		s, err := readSection(m)
		if err != nil {
			return nil, err
		}
		if s.mid != "" && mids[s.mid] {
			return nil, faulty(FaultMalformed, "two media sections share the mid %q", s.mid)
		}
		mids[s.mid] = true
		if o.msid == "" {
			o.msid, _ = m.Attribute("msid")
		}
		o.sections = append(o.sections, s)
	}
	return o, o.check()
}

// readTransport takes ICE and DTLS attributes, the first of each: bundled sections repeat them.
func (o *offer) readTransport(attributes []sdp.Attribute) {
	for _, a := range attributes {
		switch a.Key {
		case "ice-ufrag":
			if o.ice.ufrag == "" {
				o.ice.ufrag = a.Value
			}
		case "ice-pwd":
			if o.ice.pwd == "" {
				o.ice.pwd = a.Value
			}
		case "setup":
			o.passive = a.Value == "passive"
		case "fingerprint":
			hash, value, ok := strings.Cut(strings.TrimSpace(a.Value), " ")
			f := fingerprint{strings.ToLower(hash), strings.ToUpper(strings.TrimSpace(value))}
			if ok && len(o.fingerprints) < 8 && !slices.Contains(o.fingerprints, f) {
				o.fingerprints = append(o.fingerprints, f)
			}
		}
	}
}

func (o *offer) check() error {
	if !validICE(o.ice.ufrag, 4) || !validICE(o.ice.pwd, minPasswordChars) {
		return faulty(FaultMalformed, "ice-ufrag or ice-pwd is missing or not as RFC 8839 wants it")
	}
	if len(o.fingerprints) == 0 {
		return faulty(FaultNoEncrypted, "the offer has no DTLS fingerprint")
	}
	live := 0
	for _, s := range o.sections {
		if s.sends || s.receives {
			live++
		}
	}
	if live == 0 {
		return faulty(FaultNoMedia, "no media section sends or receives")
	}
	if live > 1 {
		for _, s := range o.sections {
			if (s.sends || s.receives) && !slices.Contains(o.bundle, s.mid) {
				return faulty(FaultNotBundled, "media section %q is not in a BUNDLE group", s.mid)
			}
		}
	}
	return nil
}

func validICE(s string, least int) bool {
	if len(s) < least || len(s) > maxICEChars {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_' || c == '=') {
			return false
		}
	}
	return true
}

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
	for _, f := range s.formats {
		n, err := strconv.ParseUint(f, 10, 7)
		name, _, _ := strings.Cut(formats[f], "/")
		codec, known := media.CodecNamed(name)
		if err != nil || !known || codec.Kind().String() != s.kind {
			continue
		}
		s.payloads = append(s.payloads, payload{
			pt: uint8(n), codec: codec, format: formats[f], fmtp: fmtps[f],
			feedback: append(feedbacks[f], feedbacks["*"]...), rtx: repairs[f],
		})
	}
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

// AsOfferError returns the OfferError in err's chain.
func AsOfferError(err error) (*OfferError, bool) {
	var o *OfferError
	ok := errors.As(err, &o)
	return o, ok
}
