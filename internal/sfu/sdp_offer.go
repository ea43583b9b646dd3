package sfu

import (
	"errors"
	"fmt"
	"slices"
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
	tried        tried
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
	red      uint8 // payload type under which packets also carry earlier ones (RFC 2198), 0 for none
	redFirst bool  // which the offer prefers to the codec alone
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
		case "candidate":
			o.tried.add(a.Value)
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

// AsOfferError returns the OfferError in err's chain.
func AsOfferError(err error) (*OfferError, bool) {
	var o *OfferError
	ok := errors.As(err, &o)
	return o, ok
}
