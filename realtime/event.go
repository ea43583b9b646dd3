package realtime

import (
	"sync"

	"rostrum/internal/wire"
)

// An Event is what happens on a stage: one of the types below.
type Event interface{ isEvent() }

type (
	// ParticipantJoined is sent for each participant that comes, and for those that are there
	// when the Stage is joined, the joining one included.
	ParticipantJoined struct{ Participant Participant }

	// ParticipantLeft is sent with the last state of a participant that left.
	ParticipantLeft struct{ Participant Participant }

	// PublishChanged is sent when a participant begins or ends to publish.
	PublishChanged struct {
		Participant Participant // with its new state
		Code        string      // the fault that ended it: RESOLUTION_EXCEEDED, BITRATE_EXCEEDED or STREAM_DURATION_EXCEEDED; empty without
		Replaced    bool        // it ended because the participant begins a newer publication
	}

	// MuteChanged is sent when a participant mutes or unmutes its media.
	MuteChanged struct{ Participant Participant }

	// MetadataChanged is sent when a participant has other attributes or rights.
	MetadataChanged struct{ Participant Participant }

	// LayersChanged is sent when the layers of a publisher change.
	LayersChanged struct {
		ParticipantID string  // the publisher
		Layers        []Layer // all that there are now
	}

	// LayerSelected is sent when what a Subscription receives of a medium changes.
	LayerSelected struct {
		ParticipantID string // the publisher
		Kind          Kind   // audio or video
		Label         string // of the layer; empty where there is only one, or none
		Paused        bool   // nothing is received
		Reason        string // if it is paused: choice, bandwidth, no-layer or no-codec
	}

	// ActiveSpeaker is sent when another participant speaks; empty when nobody does.
	ActiveSpeaker struct{ ParticipantID string }

	// ConnectionLost is sent when a connection is interrupted: of a Publication, of a
	// Subscription, or, if both are nil, of the events. It is tried again.
	ConnectionLost struct {
		Publication  *Publication  // whose connection it is; nil: not of a Publication
		Subscription *Subscription // whose connection it is; nil: not of a Subscription
		Err          error         // why it is interrupted
	}

	// ConnectionRestored is sent when it is back.
	ConnectionRestored struct {
		Publication  *Publication  // as of ConnectionLost
		Subscription *Subscription // as of ConnectionLost
	}

	// Missed is sent after events were dropped because 1024 waited. Stage.Participants has
	// the state.
	Missed struct{ Count int }
)

// A Layer is one encoding of a publisher's video.
type Layer struct {
	Label         string  // the RID of the layer; empty where there is only one
	Width, Height int     // pixels
	Bitrate       int     // bits a second
	FrameRate     float64 // pictures a second
	Active        bool    // it is available, even while it is not sent because nobody receives it
}

func (ParticipantJoined) isEvent()  {}
func (ParticipantLeft) isEvent()    {}
func (PublishChanged) isEvent()     {}
func (MuteChanged) isEvent()        {}
func (MetadataChanged) isEvent()    {}
func (LayersChanged) isEvent()      {}
func (LayerSelected) isEvent()      {}
func (ActiveSpeaker) isEvent()      {}
func (ConnectionLost) isEvent()     {}
func (ConnectionRestored) isEvent() {}
func (Missed) isEvent()             {}

func layersChanged(m wire.Layers) LayersChanged {
	e := LayersChanged{ParticipantID: m.ParticipantID}
	for _, l := range m.Layers {
		e.Layers = append(e.Layers, Layer{Label: l.Label, Width: l.Width, Height: l.Height, Bitrate: l.Bitrate, FrameRate: l.Framerate, Active: l.Active})
	}
	return e
}

func layerSelected(m wire.LayerSelected) LayerSelected {
	kind := Video
	if m.Kind == wire.Audio {
		kind = Audio
	}
	return LayerSelected{ParticipantID: m.ParticipantID, Kind: kind, Label: m.Label, Paused: m.Paused, Reason: string(m.Reason)}
}

// maxEvents is how many events wait at most.
const maxEvents = 1024

// An eventQueue passes events to a channel. It never blocks: what does not fit is dropped.
type eventQueue struct {
	out chan Event

	mu     sync.Mutex // guards what follows
	missed int        // since the last Missed
	closed bool
}

func newEventQueue() *eventQueue { return &eventQueue{out: make(chan Event, maxEvents)} }

func (q *eventQueue) add(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	// Only add sends: what fits by len does not block.
	switch free := cap(q.out) - len(q.out); {
	case q.missed > 0 && free >= 2:
		q.out <- Missed{q.missed}
		q.missed = 0
		q.out <- e
	case q.missed == 0 && free >= 1:
		q.out <- e
	default:
		q.missed++
	}
}

// close closes the channel. Events that wait are still received.
func (q *eventQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.out)
	}
}
