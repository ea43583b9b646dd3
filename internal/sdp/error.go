package sdp

import "fmt"

// Fault classifies what is wrong with an offer or a fragment.
type Fault string

const (
	FaultMalformed   Fault = "malformed"     // not SDP, or without what WebRTC needs
	FaultTooLarge    Fault = "too-large"     // more bytes, sections, layers or sources than the limits allow
	FaultNotBundled  Fault = "not-bundled"   // several media sections that do not share one transport
	FaultNoMedia     Fault = "no-media"      // nothing to send, or nothing to receive
	FaultNoCodec     Fault = "no-codec"      // a video section without any usable codec
	FaultNoEncrypted Fault = "not-encrypted" // no DTLS fingerprint
)

// Error says why an offer or a fragment cannot be used. Detail may be shown to the client.
type Error struct {
	Fault  Fault
	Detail string
}

func (e *Error) Error() string { return "offer " + string(e.Fault) + ": " + e.Detail }

// Errorf returns an *Error whose Detail is formatted like fmt.Sprintf.
func Errorf(f Fault, format string, args ...any) error {
	return &Error{Fault: f, Detail: fmt.Sprintf(format, args...)}
}
