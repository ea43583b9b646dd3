package sfu

import (
	"time"

	"rostrum/internal/media"
)

// Event is something that happened to a Publisher, a Subscriber or a Router. It is one of
// the types below. Events of one Router come one at a time and in order.
type Event interface{ event() }

type (
	// Connected tells that a transport's handshake is done: media may flow.
	Connected struct {
		Protocol string // as in TransportStats
		Profile  string // SRTP protection profile
		After    time.Duration
	}

	// MediaStarted tells that the first packet of a medium has come: publishing is real.
	// It comes again after MediaStopped.
	MediaStarted struct{ Kind media.Kind }

	// MediaStopped tells that a medium that is not muted has been silent for Config.MediaTimeout.
	MediaStopped struct{ Kind media.Kind }

	// LayersChanged tells which layers the video has now, smallest first. It comes when one
	// appears or vanishes or its size is measured anew.
	LayersChanged struct{ Layers []LayerInfo }

	// LayersUnused tells which layers of the video nobody has use for, by label: the
	// publisher may leave them out until this comes without them. Until it first comes all
	// are to be sent.
	LayersUnused struct{ Labels []string }

	// LimitExceeded tells that a publisher sends more than its PublishConfig allows, for long
	// enough not to be a moment's overshoot. What follows from it is the listener's decision.
	LimitExceeded struct {
		Limit         Limit
		Width, Height int // measured, for LimitPixels
		Bitrate       int // measured bits a second, for LimitBitrate
	}

	// LayerSelected tells what a subscriber receives from now on. Layer is the label, ""
	// with Paused true when nothing flows.
	LayerSelected struct {
		Kind   media.Kind
		Layer  string
		Paused bool
		Reason PauseReason // why nothing flows
	}

	// ActiveSpeakerChanged tells who speaks, by participant id; "" is nobody. It goes to the Router.
	ActiveSpeakerChanged struct{ Participant string }

	// Closed is the last event of a Publisher or Subscriber.
	Closed struct {
		Cause  Cause
		Reason string // given to Close; "" otherwise
		Err    error  // the fault behind it, if any
	}
)

func (Connected) event()            {}
func (MediaStarted) event()         {}
func (MediaStopped) event()         {}
func (LayersChanged) event()        {}
func (LayersUnused) event()         {}
func (LimitExceeded) event()        {}
func (LayerSelected) event()        {}
func (ActiveSpeakerChanged) event() {}
func (Closed) event()               {}

// LayerInfo describes one layer as measured.
type LayerInfo struct {
	Label         string // the RID; "" for the only layer of a track without simulcast
	Width, Height int    // 0 until a keyframe told
	Bitrate       int    // bits a second over the last second
	FPS           float64
	Active        bool // packets came within the last second or so
}

// Limit names what was exceeded.
type Limit string

const (
	LimitPixels  Limit = "resolution"
	LimitBitrate Limit = "bitrate"
)

// PauseReason tells why a subscription carries nothing.
type PauseReason string

const (
	PausedByChoice    PauseReason = "choice"    // the viewer asked for it
	PausedByBandwidth PauseReason = "bandwidth" // not even the lowest layer fits the path
	PausedNoLayer     PauseReason = "no-layer"  // the publisher sends none
	PausedNoCodec     PauseReason = "no-codec"  // the viewer's offer lacks the publisher's
	NotPaused         PauseReason = ""
)

// Cause tells why a transport ended.
type Cause string

const (
	CauseClosed          Cause = "closed"           // Close was called
	CausePeerClosed      Cause = "peer-closed"      // the peer said goodbye
	CauseLost            Cause = "lost"             // nothing authentic came for Config.LostAfter
	CauseNeverConnected  Cause = "never-connected"  // no handshake within Config.ConnectTimeout
	CauseHandshakeFailed Cause = "handshake-failed" // wrong fingerprint, no common cipher, …
	CausePublisherGone   Cause = "publisher-gone"   // what was subscribed to has ended
	CauseEngineClosed    Cause = "engine-closed"
)
