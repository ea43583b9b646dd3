package stage

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/media"
	"rostrum/internal/sdp"
	"rostrum/internal/sfu"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// A Connection is one media connection of a participant: what it publishes, or
// what it receives of one publisher.
type Connection struct {
	id         string // a secret: whoever knows it and has the participant's token may end it
	session    *Session
	owner      *participant
	remote     string          // the publisher's id; empty when publishing
	publisher  *sfu.Publisher  // when publishing
	subscriber *sfu.Subscriber // when receiving
	protocol   ivsrealtime.ParticipantProtocol
	ingestARN  string                 // of the ingest configuration; empty for WebRTC
	stream     *IngestStream          // of an encoder; nil for WebRTC
	virtual    *authority.Grant       // of the virtual participant of redundant ingest; nil for another publication
	endReason  atomic.Pointer[string] // why this side closed it

	// What follows belongs to the session's goroutine.
	answered      bool        // the client got its answer
	endedEarly    bool        // the media engine closed it before that
	started       bool        // the start of media was recorded
	ended         bool        // events of the media engine no longer matter
	durationTimer *time.Timer // ends it at the longest duration
	endsAt        time.Time   // when it does
	flow          Flow        // when receiving
}

// A Flow describes what a receiving connection carries now.
type Flow wire.Flow

// A Preference changes what a receiving connection should carry; nil leaves a
// part as it is.
type Preference struct {
	Label *string // of a layer; "auto" lets the bandwidth decide
	Video *bool
	Audio *bool
}

// A PublisherRef names the publisher of a subscription: by its id or, for a client that does
// not know the state yet, by its place.
type PublisherRef struct {
	ID    string
	Place int // from 1, among the other publishers of the state; 0 if the id names it
}

// transport is what publishing and receiving connections have in common.
type transport interface {
	ETag() string
	Patch(fragment string, mayRestart bool) (string, error)
	RestartAnswer() string
	Close(reason string)
}

func (c *Connection) transport() transport {
	if c.publisher != nil {
		return c.publisher
	}
	return c.subscriber
}

// ID is the id of the connection's resource.
func (c *Connection) ID() string { return c.id }

// PublisherID is the id of the participant that a receiving connection receives.
func (c *Connection) PublisherID() string { return c.remote }

// ETag is the tag of the running ICE session; a restart changes it.
func (c *Connection) ETag() string { return c.transport().ETag() }

func publisherNotFound(id string) *authority.Refusal {
	return authority.Refuse(authority.NotFound, authority.PublisherNotFound, "nobody publishes as %s on this stage", id)
}

// offerRefusal turns an error of the media engine into the participant's
// refusal and the code of its history, which is empty where the history
// records no such error.
func offerRefusal(err error, codec ivsrealtime.EventErrorCode) (*authority.Refusal, ivsrealtime.EventErrorCode) {
	var refusal *authority.Refusal
	if errors.As(err, &refusal) {
		return refusal, ivsrealtime.ErrorPublisherNotFound
	}
	if fault, ok := errors.AsType[*sdp.Error](err); ok {
		switch fault.Fault {
		case sdp.FaultNoCodec:
			return authority.Refuse(authority.Unusable, authority.CodecMismatch, "%s", fault.Detail), codec
		case sdp.FaultMalformed, sdp.FaultTooLarge:
			return authority.Refuse(authority.Malformed, authority.InvalidInput, "%s", fault.Detail), ivsrealtime.ErrorInvalidInput
		}
		return authority.Refuse(authority.Unusable, authority.InvalidInput, "%s", fault.Detail), ivsrealtime.ErrorInvalidInput
	}
	if errors.Is(err, sfu.ErrBusy) || errors.Is(err, sfu.ErrClosed) {
		return &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server cannot take more connections now", RetryAfter: 5 * time.Second, Err: err}, ""
	}
	return authority.Failure("answer the offer", err), ivsrealtime.ErrorInternalServer
}

func connectionGone() *authority.Refusal {
	return authority.Refuse(authority.NotFound, authority.ResourceGone, "there is no such connection of this participant; it may have ended")
}

func connectionReplaced() *authority.Refusal {
	return authority.Refuse(authority.NotFound, authority.TokenReused, "the token was used by another client, whose connection took over from this one")
}

// closedByReplacement is the reason of the end of a connection that a newer one replaced.
const closedByReplacement = "token-reused"

// gone refuses a request to a connection that has ended. The client of one that was
// replaced must not reconnect by itself.
func (c *Connection) gone() *authority.Refusal {
	if reason := c.endReason.Load(); reason != nil && *reason == closedByReplacement {
		return connectionReplaced()
	}
	return connectionGone()
}

// Close ends the connection for its participant, and returns once that is
// stored.
func (c *Connection) Close() error {
	err := c.session.callAndCommit(func() error {
		if c.ended {
			return c.gone()
		}
		c.session.closeConnection(c, "")
		return nil
	})
	if errors.Is(err, errSessionEnded) {
		return c.gone()
	}
	return err
}

// Patch applies a trickle-ice-sdpfrag under a condition, the request's
// If-Match (RFC 9725 §4.3): the ETag of the ICE session it is meant for, or *
// for a restart. Without a condition only candidates are accepted, as some
// clients send them. The fragment it returns answers a restart, and is empty
// otherwise.
func (c *Connection) Patch(fragment, ifMatch string) (string, error) {
	if ifMatch != "" && ifMatch != "*" && ifMatch != c.ETag() {
		return "", authority.Refuse(authority.Stale, authority.PreconditionFailed, "the ICE session %s is not the running one", ifMatch)
	}
	answer, err := c.transport().Patch(fragment, ifMatch != "")
	if errors.Is(err, sfu.ErrRestart) {
		return "", authority.Refuse(authority.Unconditional, authority.PreconditionFailed, "send If-Match with the ETag of the ICE session, or * to restart ICE")
	}
	if errors.Is(err, sfu.ErrClosed) {
		return "", c.gone()
	}
	if err != nil {
		refusal, _ := offerRefusal(err, "")
		return "", refusal
	}
	if answer != "" {
		c.session.post(func() { c.session.recordChange(c.owner, ChangeReconnected, c.remote, reconnectedICE) })
	}
	if answer == "" && ifMatch == "*" {
		answer = c.transport().RestartAnswer() // the client repeats the request: it did not get the first answer
	}
	return answer, nil
}

// SetPreference changes what a receiving connection should carry and returns
// what flows now.
func (c *Connection) SetPreference(w Preference) (flow Flow, err error) {
	if c.subscriber == nil {
		return Flow{}, authority.Refuse(authority.Unusable, authority.InvalidInput, "a publishing connection has no layer to choose")
	}
	err = c.session.call(func() error {
		if c.ended {
			return c.gone()
		}
		choice := c.subscriber.Choice()
		if w.Label != nil {
			choice.Layer = *w.Label
			if choice.Layer == "auto" {
				choice.Layer = ""
			}
		}
		if w.Video != nil {
			choice.NoVideo = !*w.Video
		}
		if w.Audio != nil {
			choice.NoAudio = !*w.Audio
		}
		if err := c.subscriber.Choose(choice); err != nil {
			return &authority.Refusal{Code: authority.InvalidInput, Kind: authority.Unusable, Detail: fmt.Sprint(err)}
		}
		flow = c.flow
		flow.Preferred = choice.Layer
		if layers, ok := c.session.layersOf(c.remote); ok {
			flow.addLayer(layers)
		}
		return nil
	})
	if errors.Is(err, errSessionEnded) {
		err = c.gone()
	}
	return flow, err
}

// addLayer fills in size and bitrate of the layer that flows.
func (f *Flow) addLayer(layers []sfu.LayerInfo) {
	for _, l := range layers {
		if f.Video && l.Label == f.Label {
			f.Width, f.Height, f.Bitrate = l.Width, l.Height, l.Bitrate
		}
	}
}

// setSelected stores what the media engine reports to flow.
func (f *Flow) setSelected(e sfu.LayerSelected) {
	if e.Kind == media.Audio {
		f.Audio = !e.Paused
		return
	}
	f.Label, f.Video, f.Reason = e.Layer, !e.Paused, string(e.Reason)
}

// skipsEvent reports whether an event of the media engine comes before the
// client has its answer, or after the end. Before the answer the engine
// reports at most that the connection closed, which is remembered.
func (c *Connection) skipsEvent(e sfu.Event) bool {
	if _, ended := e.(sfu.Closed); ended && !c.answered {
		c.endedEarly = true
	}
	return c.ended || !c.answered
}
