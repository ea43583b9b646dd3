package sfu

import (
	"fmt"
	"slices"
	"sync/atomic"

	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// Choice is what a viewer wants of one publisher.
type Choice struct {
	// Layer is the label of the layer to stay on; "" leaves it to the bandwidth.
	Layer string
	// NoVideo and NoAudio pause a medium.
	NoVideo, NoAudio bool
	// Pinned puts this publisher's video before others when bandwidth is short.
	Pinned bool
}

// SubscribeConfig says what a subscriber wants at first and who hears of it.
type SubscribeConfig struct {
	Choice Choice
	// Notify is told what happens to the subscriber: Connected, LayerSelected, and Closed
	// last. It may be nil.
	Notify func(Event)
}

// A Subscriber is what a Viewer takes from one Publisher: at most one audio and one video
// Subscription on one Transport. Its methods may be called from any goroutine; after Close
// they do nothing.
type Subscriber struct {
	viewer        *Viewer
	publisher     *Publisher
	transport     *Transport
	subs          []*Subscription // constant; audio first
	missingCodecs []media.Kind    // constant: what the offer has no codec for
	choice        atomic.Pointer[Choice]
	sender        twccSender // transport-wide congestion control
	fanOut        *fanOut    // the home shard's own; nil until connected
	fanOutIndex   int        // in its subscribers
	onPacingList  bool       // it is on the shard's pacing list
}

var subscribeExtensions = []string{sdp.ExtTransportCC}

// Subscribe answers the offer of one who wants to receive what p publishes. p may belong to
// another Router of the same Engine. Errors are *sdp.Error, ErrBusy or ErrClosed.
func (v *Viewer) Subscribe(p *Publisher, offer string, cfg SubscribeConfig) (*Subscriber, string, error) {
	o, err := sdp.ParseOffer(offer)
	if err != nil {
		return nil, "", err
	}
	sub := &Subscriber{viewer: v, publisher: p}
	sub.choice.Store(&cfg.Choice)
	sections, err := sub.negotiate(o)
	if err != nil {
		return nil, "", err
	}
	if sub.transport, err = newTransport(v.router, o, cfg.Notify); err != nil {
		return nil, "", err
	}
	sub.transport.subscriber = sub
	for _, join := range []func(*Subscriber) error{v.add, p.addSubscriber} {
		if err := join(sub); err != nil {
			sub.transport.abort()
			return nil, "", err
		}
	}
	if err := sub.transport.start(); err != nil {
		return nil, "", err
	}
	return sub, sub.transport.answer(o, sections), nil
}

// accept matches the offer's receiving sections with the publisher's tracks.
func (s *Subscriber) negotiate(o *sdp.Offer) ([]sdp.AnswerSection, error) {
	sections := make([]sdp.AnswerSection, len(o.Sections))
	missed := media.NoCodec
	for i := range o.Sections {
		sec := &o.Sections[i]
		kind := media.Audio
		if sec.Kind == "video" {
			kind = media.Video
		}
		t := s.publisher.track(kind)
		if !sec.Receives || t == nil || s.subscription(kind) != nil {
			continue
		}
		chosen, ok := sec.Choose(t.codec)
		if !ok {
			missed = t.codec
			s.missingCodecs = append(s.missingCodecs, kind)
			continue
		}
		// A number on every packet and feedback on it only where a layer is to be decided.
		extensions, feedback := subscribeExtensions, []string{"transport-cc", "ccm fir", "nack", "nack pli", "rrtr"}
		if video := s.publisher.track(media.Video); video == nil || !video.simulcast() || chosen.RTX == 0 && kind == media.Video {
			extensions, feedback = nil, []string{"goog-remb", "ccm fir", "nack", "nack pli", "rrtr"}
		}
		a := sec.Accept(chosen, "sendonly", extensions, feedback)
		if kind == media.Audio {
			a.RTX = false
		}
		a.Sent = sdp.SentTrack{Stream: s.publisher.stream, Track: s.publisher.stream + "-" + kind.String(), SSRC: t.ssrc, RTXSSRC: t.rtx}
		sections[i] = a
		s.subs = append(s.subs, newSubscription(s, t, &a))
	}
	if len(s.subs) == 2 && s.subs[0].track.kind == media.Video {
		s.subs[0], s.subs[1] = s.subs[1], s.subs[0]
	}
	switch {
	case len(s.subs) == 0 && missed != media.NoCodec:
		return nil, sdp.Errorf(sdp.FaultNoCodec, "the publisher sends %s, which the offer doesn't have", missed)
	case len(s.subs) == 0:
		return nil, sdp.Errorf(sdp.FaultNoMedia, "the offer receives nothing of what the publisher sends")
	}
	return sections, nil
}

func (s *Subscriber) subscription(k media.Kind) *Subscription {
	for _, sub := range s.subs {
		if sub.track.kind == k {
			return sub
		}
	}
	return nil
}

func (s *Subscriber) ssrc() uint32 { return s.subs[0].track.ssrc }

// Lacks reports whether the publisher sends a medium in a codec that the offer didn't have.
func (s *Subscriber) LacksCodec(k media.Kind) bool { return slices.Contains(s.missingCodecs, k) }

// Choose changes what the viewer wants. An unknown layer label is an error that names the
// known ones.
func (s *Subscriber) Choose(c Choice) error {
	if video := s.subscription(media.Video); c.Layer != "" {
		if video == nil {
			return fmt.Errorf("there is no video to choose a layer of")
		}
		if _, ok := video.track.layerIndex(c.Layer); !ok {
			if l := video.track.layers; len(l) == 1 && l[0].label == "" {
				return fmt.Errorf("no layer is called %q: the publisher sends one, without a label", c.Layer)
			}
			var known []string
			for _, l := range video.track.layers {
				known = append(known, l.label)
			}
			return fmt.Errorf("no layer is called %q, there are %q", c.Layer, known)
		}
	}
	s.choice.Store(&c)
	return nil
}

// Choice is what the viewer wants now.
func (s *Subscriber) Choice() Choice { return *s.choice.Load() }

// Publisher is what is subscribed to.
func (s *Subscriber) Publisher() *Publisher { return s.publisher }

// ETag names the ICE session for conditional requests; a restart changes it.
func (s *Subscriber) ETag() string { return s.transport.etag() }

// Patch applies a trickle-ice-sdpfrag. It returns "" after candidates and the answering
// fragment after an ICE restart. Errors are *sdp.Error or ErrClosed.
func (s *Subscriber) Patch(fragment string) (string, error) { return s.transport.patch(fragment) }

// Restarted is the fragment with which Patch answered the latest ICE restart, "" if there was
// none: an answer may get lost, and the restart be asked for again.
func (s *Subscriber) RestartAnswer() string { return s.transport.restartAnswer() }

// Close ends the subscriber. Reason is repeated in the Closed event.
func (s *Subscriber) Close(reason string) { s.transport.end(CauseClosed, reason, nil) }

// Done is closed when the subscriber has ended.
func (s *Subscriber) Done() <-chan struct{} { return s.transport.done }

// ended is called once, by the transport.
func (s *Subscriber) ended() {
	s.viewer.remove(s)
	s.publisher.removeSubscriber(s)
	if home := s.transport.shard.Load(); home != nil {
		home.post(func() { s.leaveFanOut(home) })
	}
}
