package stage

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/media"
	"rostrum/internal/sdp"
	"rostrum/internal/sfu"
	"rostrum/ivsrealtime"
)

// A Connection is one media connection of a participant: what it publishes, or
// what it receives of one publisher.
type Connection struct {
	id         string // a secret: who knows it and has the participant's token may end it
	session    *Session
	owner      *participant
	remote     string          // the publisher's id; empty when publishing
	publisher  *sfu.Publisher  // when publishing
	subscriber *sfu.Subscriber // when receiving

	// The session's own.
	opened  bool        // the client has its answer
	dead    bool        // the media engine ended it before that
	started bool        // it was recorded that media flows
	over    bool        // it has ended, whatever the media engine still says
	limit   *time.Timer // ends it when it has lasted too long
	flow    Flow        // what flows now, when receiving
}

// A Flow says what a receiving connection carries now.
type Flow struct {
	Label   string `json:"label"`            // of the layer; "" when there is but one, or none
	Wished  string `json:"wished,omitempty"` // of the layer that was asked for; "" leaves it to the bandwidth
	Video   bool   `json:"video"`            // whether the picture flows
	Audio   bool   `json:"audio"`
	Width   int    `json:"width,omitempty"`
	Height  int    `json:"height,omitempty"`
	Bitrate int    `json:"bitrate,omitempty"` // bits a second
	Reason  string `json:"reason,omitempty"`  // why the picture doesn't flow
}

// A Wish changes what a receiving connection should carry; nil leaves a part as it is.
type Wish struct {
	Label *string // of a layer; "auto" leaves it to the bandwidth
	Video *bool
	Audio *bool
}

// transport is what publishing and receiving connections have in common.
type transport interface {
	ETag() string
	Patch(fragment string) (string, error)
	RestartAnswer() string
	Close(reason string)
}

func (c *Connection) transport() transport {
	if c.publisher != nil {
		return c.publisher
	}
	return c.subscriber
}

// ID names the connection's resource.
func (c *Connection) ID() string { return c.id }

// ETag names the running ICE session; a restart changes it.
func (c *Connection) ETag() string { return c.transport().ETag() }

// Publish answers the offer of a participant who wants to send. An older
// publication of the same participant is taken over. Errors are *authority.Refusal.
func (r *Registry) Publish(g authority.Grant, offer string, from Client) (c *Connection, answer string, err error) {
	err = r.in(g, func(s *Session) error {
		c, answer, err = s.publish(g, offer, from)
		return err
	})
	return c, answer, err
}

func (s *Session) publish(g authority.Grant, offer string, from Client) (*Connection, string, error) {
	c := &Connection{id: arn.NewSecret(24), session: s}
	if err := s.ask(func() error { return s.arriveToPublish(c, g) }); err != nil {
		return nil, "", err
	}
	limits := s.registry.cfg.Limits
	publisher, answer, err := s.router.Publish(offer, sfu.PublishConfig{
		Participant: g.ParticipantID, MaxPixels: limits.PublishPixels, MaxBitrate: limits.PublishBitrate,
		Notify: func(e sfu.Event) { s.soon(func() { s.publicationEvent(c, e) }) },
	})
	c.publisher = publisher
	if err != nil {
		refusal, code := offerRefusal(err, ivsrealtime.ErrorInvalidVideoCodec)
		s.soon(func() { s.publishRefused(c, code) })
		return nil, "", refusal
	}
	return c, answer, s.admit(c, from)
}

// Subscribe answers the offer of a participant who wants to receive what
// another one publishes. An older subscription to the same is taken over.
// Errors are *authority.Refusal.
func (r *Registry) Subscribe(g authority.Grant, publisherID, offer string, from Client) (c *Connection, answer string, err error) {
	err = r.in(g, func(s *Session) error {
		c, answer, err = s.subscribe(g, publisherID, offer, from)
		return err
	})
	return c, answer, err
}

func (s *Session) subscribe(g authority.Grant, publisherID, offer string, from Client) (*Connection, string, error) {
	c := &Connection{id: arn.NewSecret(24), session: s, remote: publisherID, flow: Flow{Reason: string(sfu.PausedNoLayer)}}
	var viewer *sfu.Viewer
	var publisher *sfu.Publisher
	err := s.ask(func() (err error) {
		viewer, publisher, err = s.arriveToSubscribe(c, g)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	subscriber, answer, err := viewer.Subscribe(publisher, offer, sfu.SubscribeConfig{
		Notify: func(e sfu.Event) { s.soon(func() { s.subscriptionEvent(c, e) }) },
	})
	c.subscriber = subscriber
	if errors.Is(err, sfu.ErrClosed) {
		err = noPublisher(publisherID)
	}
	if err != nil {
		refusal, code := offerRefusal(err, ivsrealtime.ErrorInvalidVideoCodec)
		s.soon(func() { s.subscribeRefused(c, code) })
		return nil, "", refusal
	}
	if subscriber.LacksCodec(media.Video) {
		c.flow.Reason = string(sfu.PausedNoCodec)
	}
	return c, answer, s.admit(c, from)
}

// admit makes an answered connection its participant's, and waits until that is kept.
func (s *Session) admit(c *Connection, from Client) error {
	err := s.do(func() error { return s.connectionOpened(c, from) })
	if err != nil {
		c.transport().Close("")
	}
	return err
}

func noPublisher(id string) *authority.Refusal {
	return authority.Refuse(authority.NotFound, authority.PublisherNotFound, "nobody publishes as %s on this stage", id)
}

// offerRefusal turns the media engine's word into the participant's, and into
// the code of its history; that is empty where history keeps no such thing.
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
		return &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server takes no more connections now", RetryAfter: 5 * time.Second, Err: err}, ""
	}
	return authority.Failure("answer the offer", err), ivsrealtime.ErrorInternalServer
}

// Connection finds a participant's connection by its id. Another participant's
// is refused as if it weren't there.
func (r *Registry) Connection(g authority.Grant, id string) (*Connection, error) {
	r.mu.Lock()
	c := r.connections[id]
	replaced := c == nil && slices.Contains(r.replaced, id)
	r.mu.Unlock()
	if replaced {
		return nil, authority.Refuse(authority.NotFound, authority.TokenReused, "the token was used by another client, whose connection took over from this one")
	}
	if c == nil || c.session.stageARN != g.StageARN || c.owner.id != g.ParticipantID {
		return nil, gone()
	}
	return c, nil
}

func gone() *authority.Refusal {
	return authority.Refuse(authority.NotFound, authority.ResourceGone, "there is no such connection of this participant; it may have ended")
}

// Close ends the connection at its participant's wish, and returns when that is kept.
func (c *Connection) Close() error {
	err := c.session.do(func() error {
		if c.over {
			return gone()
		}
		c.session.hangUp(c, "")
		return nil
	})
	if errors.Is(err, errOver) {
		return gone()
	}
	return err
}

// Patch applies a trickle-ice-sdpfrag under a condition, the request's If-Match
// (RFC 9725 §4.3): the ETag of the ICE session it is meant for, or * for a
// restart. The fragment it returns answers a restart, and is empty otherwise.
func (c *Connection) Patch(fragment, ifMatch string) (string, error) {
	if ifMatch != "*" && ifMatch != c.ETag() {
		return "", authority.Refuse(authority.Stale, authority.PreconditionFailed, "the ICE session %s is not the running one", ifMatch)
	}
	answer, err := c.transport().Patch(fragment)
	if errors.Is(err, sfu.ErrClosed) {
		return "", gone()
	}
	if err != nil {
		refusal, _ := offerRefusal(err, "")
		return "", refusal
	}
	if answer == "" && ifMatch == "*" {
		answer = c.transport().RestartAnswer() // the client asks again: the first answer was lost
	}
	return answer, nil
}

// Choose changes what a receiving connection should carry and tells what flows now.
func (c *Connection) Choose(w Wish) (flow Flow, err error) {
	if c.subscriber == nil {
		return Flow{}, authority.Refuse(authority.Unusable, authority.InvalidInput, "a publishing connection has no layer to choose")
	}
	err = c.session.ask(func() error {
		if c.over {
			return gone()
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
		flow.Wished = choice.Layer
		if layers, ok := c.session.layersOf(c.remote); ok {
			flow.measure(layers)
		}
		return nil
	})
	if errors.Is(err, errOver) {
		err = gone()
	}
	return flow, err
}

// measure fills in what is known of the layer that flows.
func (f *Flow) measure(layers []sfu.LayerInfo) {
	for _, l := range layers {
		if f.Video && l.Label == f.Label {
			f.Width, f.Height, f.Bitrate = l.Width, l.Height, l.Bitrate
		}
	}
}

// select notes what the media engine says flows.
func (f *Flow) selected(e sfu.LayerSelected) {
	if e.Kind == media.Audio {
		f.Audio = !e.Paused
		return
	}
	f.Label, f.Video, f.Reason = e.Layer, !e.Paused, string(e.Reason)
}
