package sdp

import (
	"slices"
	"strings"

	pion "github.com/pion/sdp/v3"
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
	Bundle       []string
	MixedExtmap  bool // a=extmap-allow-mixed
	Remote       RemoteCandidates
	Sections     []Section
}

// ParseOffer reads an offer. Errors are *Error.
func ParseOffer(text string) (*Offer, error) {
	if len(text) > maxOfferBytes {
		return nil, Errorf(FaultTooLarge, "the offer has %d bytes, at most %d are read", len(text), maxOfferBytes)
	}
	if strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") {
		// The answer repeats some values, and clients take a lone CR as a line end.
		return nil, Errorf(FaultMalformed, "the offer has a carriage return within a line")
	}
	var desc pion.SessionDescription
	if err := desc.UnmarshalString(text); err != nil {
		return nil, Errorf(FaultMalformed, "the offer is not SDP: %v", err)
	}
	if len(desc.MediaDescriptions) > maxSections {
		return nil, Errorf(FaultTooLarge, "the offer has %d media sections, at most %d are taken", len(desc.MediaDescriptions), maxSections)
	}
	o := &Offer{}
	o.readTransport(desc.Attributes)
	for _, a := range desc.Attributes {
		switch a.Key {
		case "group":
			if rest, ok := strings.CutPrefix(a.Value, "BUNDLE"); ok {
				o.Bundle = strings.Fields(rest)
			}
		case "extmap-allow-mixed":
			o.MixedExtmap = true
		}
	}
	mids := map[string]bool{}
	for _, m := range desc.MediaDescriptions {
		o.readTransport(m.Attributes)
		s, err := readSection(m)
		if err != nil {
			return nil, err
		}
		if s.MID != "" && mids[s.MID] {
			return nil, Errorf(FaultMalformed, "two media sections share the mid %q", s.MID)
		}
		mids[s.MID] = true
		o.Sections = append(o.Sections, s)
	}
	return o, o.validate()
}

// readTransport reads ICE and DTLS attributes. Bundled sections repeat them; the first of
// each is used.
func (o *Offer) readTransport(attributes []pion.Attribute) {
	for _, a := range attributes {
		switch a.Key {
		case "ice-ufrag":
			if o.ICE.Ufrag == "" {
				o.ICE.Ufrag = a.Value
			}
		case "ice-pwd":
			if o.ICE.Pwd == "" {
				o.ICE.Pwd = a.Value
			}
		case "candidate":
			o.Remote.add(a.Value)
		case "setup":
			o.Passive = a.Value == "passive"
		case "fingerprint":
			hash, value, ok := strings.Cut(strings.TrimSpace(a.Value), " ")
			f := Fingerprint{strings.ToLower(hash), strings.ToUpper(strings.TrimSpace(value))}
			if ok && len(o.Fingerprints) < maxFingerprints && !slices.Contains(o.Fingerprints, f) {
				o.Fingerprints = append(o.Fingerprints, f)
			}
		}
	}
}

func (o *Offer) validate() error {
	if !validICE(o.ICE.Ufrag, minUfragChars) || !validICE(o.ICE.Pwd, minPasswordChars) {
		return Errorf(FaultMalformed, "ice-ufrag or ice-pwd is missing or does not follow RFC 8839")
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
