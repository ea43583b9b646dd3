package sdp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Limits on one offer. Browsers and encoders stay far below them.
const (
	maxOfferBytes    = 64 << 10
	maxSections      = 8
	maxPayloads      = 96
	MaxLayers        = 4 // simulcast layers of one section
	maxTokenChars    = 32
	maxOfferedSSRCs  = 32
	maxFingerprints  = 8
	maxExtensionID   = 14 // one-byte headers (RFC 8285 §4.2)
	minUfragChars    = 4  // RFC 8839 §5.4
	minPasswordChars = 22 // RFC 8839 §5.4
	maxICEChars      = 256
)

// URIs of the RTP header extensions that the media engine reads or writes (RFC 8285).
const (
	ExtMID          = "urn:ietf:params:rtp-hdrext:sdes:mid"
	ExtRID          = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	ExtRepairedRID  = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	ExtAudioLevel   = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	ExtAbsSendTime  = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	ExtTransportCC  = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	ExtPlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
)

// Credentials authenticate the connectivity checks of one ICE session (RFC 8839 §5.4).
type Credentials struct{ Ufrag, Pwd string }

// Fingerprint is the hash of a certificate (RFC 8122 §5): the hash function in lower case,
// the value in upper case with colons.
type Fingerprint struct{ Hash, Value string }

// Offer is what the media engine needs of a client's session description.
type Offer struct {
	ICE          Credentials
	Fingerprints []Fingerprint
	Passive      bool // a=setup:passive: the client is the DTLS server
	EitherRole   bool // a=setup:actpass: the client may be the DTLS client or server
	DTLSInSTUN   bool // a=ice-options: the client embeds DTLS in its checks (draft-hancke-webrtc-sped)
	Bundle       []string
	MixedExtmap  bool // a=extmap-allow-mixed
	Remote       RemoteCandidates
	Sections     []Section

	setup       string
	iceOptions  []string // those that are answered
	unknownHash string   // of a fingerprint that is not used
}

// ParseOffer reads an offer. Errors are *Error.
func ParseOffer(text string) (*Offer, error) {
	if len(text) > maxOfferBytes {
		return nil, Errorf(FaultTooLarge, "the offer has %d bytes, at most %d are read", len(text), maxOfferBytes)
	}
	desc, err := parseDescription(text)
	if err != nil {
		return nil, err
	}
	o := &Offer{}
	if err := o.readTransport(desc.attributes); err != nil {
		return nil, err
	}
	for _, a := range desc.attributes {
		switch a.key {
		case "group":
			if rest, ok := strings.CutPrefix(a.value, "BUNDLE"); ok {
				o.Bundle = strings.Fields(rest)
			}
		case "extmap-allow-mixed":
			o.MixedExtmap = true
		}
	}
	for i := range desc.media {
		if err := o.addSection(&desc.media[i]); err != nil {
			return nil, err
		}
	}
	o.removeCollisions()
	return o, o.validate()
}

func (o *Offer) addSection(m *mediaDescription) error {
	if err := o.readTransport(m.attributes); err != nil {
		return err
	}
	s, err := readSection(m)
	if err != nil {
		return err
	}
	if s.MID != "" && slices.ContainsFunc(o.Sections, func(other Section) bool { return other.MID == s.MID }) {
		return Errorf(FaultMalformed, "two media sections share the mid %q", s.MID)
	}
	o.Sections = append(o.Sections, s)
	return nil
}

// removeCollisions removes payload types that an earlier section uses for something else:
// bundled sections share one number space (RFC 9143 §9.1), and a packet must have one meaning.
func (o *Offer) removeCollisions() {
	meaning := map[uint8]string{}
	taken := func(pt uint8, what string) bool {
		if have, ok := meaning[pt]; ok {
			return have != what
		}
		meaning[pt] = what
		return false
	}
	for i := range o.Sections {
		s := &o.Sections[i]
		s.Payloads = slices.DeleteFunc(s.Payloads, func(p Payload) bool { return taken(p.Type, strings.ToLower(p.RTPMap)) })
	}
	for i := range o.Sections {
		for k := range o.Sections[i].Payloads {
			p := &o.Sections[i].Payloads[k]
			if p.RTX != 0 && taken(p.RTX, fmt.Sprint("rtx of ", p.Type)) {
				p.RTX = 0
			}
			if p.RED != 0 && taken(p.RED, fmt.Sprint("red of ", p.Type)) {
				p.RED, p.PrefersRED = 0, false
			}
		}
	}
}

// readTransport reads ICE and DTLS attributes. Bundled sections repeat them; the first of
// each is used.
func (o *Offer) readTransport(attributes []attribute) error {
	for _, a := range attributes {
		switch a.key {
		case "ice-ufrag":
			o.ICE.Ufrag = cmp.Or(o.ICE.Ufrag, a.value)
		case "ice-pwd":
			o.ICE.Pwd = cmp.Or(o.ICE.Pwd, a.value)
		case "candidate":
			o.Remote.add(a.value)
		case "ice-options":
			o.addICEOptions(a.value)
		case "setup":
			switch a.value {
			case "active", "passive", "actpass":
				o.setup = cmp.Or(o.setup, a.value)
			default: // holdconn, too: RFC 8842 §5.2 does not allow it
				return Errorf(FaultMalformed, "a=setup:%.20q is not active, passive or actpass", a.value)
			}
		case "fingerprint":
			o.addFingerprint(a.value)
		}
	}
	o.Passive, o.EitherRole = o.setup == "passive", o.setup == "actpass"
	return nil
}

// dtlsInSTUN are the ICE options for DTLS in STUN: of the draft, and of libwebrtc since 155
// and before.
var dtlsInSTUN = []string{"sped", "googspedv1", "goog-sped-v1"}

func (o *Offer) addICEOptions(value string) {
	for _, option := range strings.Fields(value) {
		if slices.Contains(dtlsInSTUN, option) && !slices.Contains(o.iceOptions, option) {
			o.iceOptions = append(o.iceOptions, option)
		}
	}
	o.DTLSInSTUN = len(o.iceOptions) > 0
}

func (o *Offer) addFingerprint(value string) {
	hash, value, ok := strings.Cut(strings.TrimSpace(value), " ")
	f := Fingerprint{strings.ToLower(hash), strings.ToUpper(strings.TrimSpace(value))}
	if !slices.Contains(hashes, f.Hash) {
		o.unknownHash = f.Hash
		return
	}
	if ok && len(o.Fingerprints) < maxFingerprints && !slices.Contains(o.Fingerprints, f) {
		o.Fingerprints = append(o.Fingerprints, f)
	}
}

// hashes are the hash functions of fingerprints that are verified. SHA-1 is broken.
var hashes = []string{"sha-256", "sha-384", "sha-512"}

func (o *Offer) validate() error {
	if !validICE(o.ICE.Ufrag, minUfragChars) || !validICE(o.ICE.Pwd, minPasswordChars) {
		return Errorf(FaultMalformed, "ice-ufrag or ice-pwd is missing or does not follow RFC 8839")
	}
	if len(o.Fingerprints) == 0 && o.unknownHash != "" {
		return Errorf(FaultMalformed, "a=fingerprint:%.20q is not %s", o.unknownHash, strings.Join(hashes, ", "))
	}
	if len(o.Fingerprints) == 0 {
		return Errorf(FaultNoEncrypted, "the offer has no DTLS fingerprint")
	}
	live := 0
	for i := range o.Sections {
		if o.Sections[i].live() {
			live++
		}
	}
	if live == 0 {
		return Errorf(FaultNoMedia, "no media section sends or receives")
	}
	if live > 1 {
		for i := range o.Sections {
			if s := &o.Sections[i]; s.live() && !slices.Contains(o.Bundle, s.MID) {
				return Errorf(FaultNotBundled, "media section %q is not in a BUNDLE group", s.MID)
			}
		}
	}
	return nil
}

// validICE reports whether s has only ice-chars and an allowed length (RFC 8839 §5.4). "-",
// "_" and "=" are not ice-chars, but some clients use base64url.
func validICE(s string, minChars int) bool {
	if len(s) < minChars || len(s) > maxICEChars {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("+/-_=", c) >= 0) {
			return false
		}
	}
	return true
}
