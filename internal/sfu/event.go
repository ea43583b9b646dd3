package sfu

import (
	"time"

	"rostrum/internal/media"
)

// Event is something that happened to a Publisher, a Subscriber or a Router. It is one of
// the types below. Events of one Router are delivered one at a time and in order.
type Event interface{ event() }

type (
	// Connected says that a transport's handshake is done: media may flow.
	Connected struct {
		Protocol string // as in TransportStats
		Profile  string // SRTP protection profile
		After    time.Duration
	}

	// MediaStarted says that the first packet of a kind of media was received. It is sent
	// again after MediaStopped.
	MediaStarted struct{ Kind media.Kind }

	// MediaStopped says that media that is not muted has been silent for Config.MediaTimeout.
	MediaStopped struct{ Kind media.Kind }

	// LayersChanged lists the layers of the video, the smallest first. It is sent when a layer
	// appears or disappears, or its size changes.
	LayersChanged struct{ Layers []LayerInfo }

	// LayersUnused lists the labels of the video's layers that no viewer uses. The publisher
	// may stop sending them until the next LayersUnused without them. Before the first one,
	// all layers must be sent.
	LayersUnused struct{ Labels []string }

	// LimitExceeded says that a publisher sends more than its PublishConfig allows, for long
	// enough not to be a short overshoot. What follows is up to the receiver of the event.
	LimitExceeded struct {
		Limit         Limit
		Width, Height int // measured, for LimitPixels
		Bitrate       int // measured, for LimitBitrate
	}

	// LayerSelected says what a subscriber receives from now on. Layer is the label; it is ""
	// and Paused is true when nothing flows.
	LayerSelected struct {
		Kind   media.Kind
		Layer  string
		Paused bool
		Reason PauseReason // why nothing flows
	}

	// ActiveSpeakerChanged names the participant who speaks, "" for nobody. The Router sends it.
	ActiveSpeakerChanged struct{ Participant string }

	// Closed is the last event of a Publisher or Subscriber.
	Closed struct {
		Cause  Cause
		Reason string // as passed to Close; "" otherwise
		Err    error  // the underlying fault, if any
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
	Width, Height int    // 0 before the first keyframe
	Bitrate       int    // over the last second
	FPS           float64
	Active        bool // packets arrived within about the last second
}

// Limit names what was exceeded.
type Limit string

const (
	LimitPixels  Limit = "resolution"
	LimitBitrate Limit = "bitrate"
)

// PauseReason says why a subscription sends nothing.
type PauseReason string

const (
	PausedByChoice    PauseReason = "choice"    // the viewer asked for it
	PausedByBandwidth PauseReason = "bandwidth" // not even the lowest layer fits the path
	PausedNoLayer     PauseReason = "no-layer"  // the publisher sends none
	PausedNoCodec     PauseReason = "no-codec"  // the viewer's offer lacks the publisher's codec
	NotPaused         PauseReason = ""
)

// Cause says why a transport ended.
type Cause string

const (
	CauseClosed          Cause = "closed"           // Close was called
	CausePeerClosed      Cause = "peer-closed"      // the peer closed DTLS
	CauseLost            Cause = "lost"             // nothing authentic arrived for Config.LostAfter
	CauseNeverConnected  Cause = "never-connected"  // no handshake within Config.ConnectTimeout
	CauseHandshakeFailed Cause = "handshake-failed" // wrong fingerprint, no common cipher, …
	CausePublisherGone   Cause = "publisher-gone"   // the publisher of a subscription has ended
	CauseEngineClosed    Cause = "engine-closed"
	CauseFault           Cause = "fault" // the server failed
)
