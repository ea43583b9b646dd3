package sfu

import (
	"fmt"
	"slices"
	"sync/atomic"

	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// Choice is what a viewer wants to receive from one publisher.
type Choice struct {
	// Layer is the label of the preferred layer; with "" the bandwidth decides.
	Layer string
	// NoVideo and NoAudio pause one kind of media.
	NoVideo, NoAudio bool
}

// SubscribeConfig says what a subscriber wants at first and who receives its events.
type SubscribeConfig struct {
	Choice Choice
	// Notify receives the events of the subscriber: Connected, LayerSelected, and Closed last.
	// It may be nil.
	Notify func(Event)
	// DTLSClient makes the server the DTLS client if the offer leaves that to the answer. Media
	// then comes a round trip earlier under DTLS 1.3. The peer must support AEAD_AES_128_GCM.
	DTLSClient bool
}

// Subscriber is what a Viewer receives from one Publisher: at most one audio and one video
// Subscription, on one Transport. Its methods may be called from any goroutine; after Close
// they do nothing.
type Subscriber struct {
	viewer        *Viewer
	publisher     *Publisher
	transport     *Transport
	subs          []*Subscription // constant; audio first
	missingCodecs []media.Kind    // constant: media that the offer has no codec for
	choice        atomic.Pointer[Choice]

	// Owned by the shard.
	sender       twccSender
	fanOut       *fanOut // nil until connected
	fanOutIndex  int     // among its subscribers
	onPacingList bool
}

// newSubscriber answers an offer.
func newSubscriber(v *Viewer, p *Publisher, o *sdp.Offer, cfg SubscribeConfig) (*Subscriber, string, error) {
	s := &Subscriber{viewer: v, publisher: p}
	s.choice.Store(&cfg.Choice)
	sections, err := s.negotiate(o)
	if err != nil {
		return nil, "", err
	}
	if s.transport, err = newTransport(v.router, s, o, cfg.Notify); err != nil {
		return nil, "", err
	}
	switch {
	case o.DTLSInSTUN && !o.Passive:
		s.transport.flightSent = make(chan struct{}, 1)
	case cfg.DTLSClient && o.EitherRole:
		s.transport.active, s.transport.aeadOnly = true, true
	}
	for _, add := range []func(*Subscriber) error{v.add, p.addSubscriber} {
		if err := add(s); err != nil {
			s.transport.abort()
			return nil, "", err
		}
	}
	if err := s.transport.start(); err != nil {
		return nil, "", err
	}
	return s, s.transport.answer(o, sections), nil
}

// negotiate matches the offer's receiving sections with the publisher's tracks.
func (s *Subscriber) negotiate(o *sdp.Offer) ([]sdp.AnswerSection, error) {
	sections := make([]sdp.AnswerSection, len(o.Sections))
	missing := media.NoCodec
	for i := range o.Sections {
		section := &o.Sections[i]
		kind := media.Audio
		if section.Kind == "video" {
			kind = media.Video
		}
		t := s.publisher.track(kind)
		if !section.Receives || t == nil || s.subscription(kind) != nil {
			continue
		}
		chosen, ok := section.Choose(t.codec())
		if !ok {
			missing = t.codec()
			s.missingCodecs = append(s.missingCodecs, kind)
			continue
		}
		sections[i] = s.acceptSection(section, t, chosen)
	}
	if len(s.subs) == 2 && s.subs[0].track.kind == media.Video {
		s.subs[0], s.subs[1] = s.subs[1], s.subs[0]
	}
	switch {
	case len(s.subs) == 0 && missing != media.NoCodec:
		return nil, sdp.Errorf(sdp.FaultNoCodec, "the publisher sends %s, which the offer doesn't have", missing)
	case len(s.subs) == 0:
		return nil, sdp.Errorf(sdp.FaultNoMedia, "the offer receives nothing of what the publisher sends")
	}
	return sections, nil
}

// acceptSection adds a subscription to a track. Transport-wide numbers and feedback cost
// bandwidth, so they are used only where there are layers to choose from.
func (s *Subscriber) acceptSection(section *sdp.Section, t *Track, chosen sdp.Payload) sdp.AnswerSection {
	extensions, feedback := []string{sdp.ExtTransportCC}, []string{"transport-cc", "ccm fir", "nack", "nack pli", "rrtr"}
	if video := s.publisher.track(media.Video); video == nil || !video.simulcast() || chosen.RTX == 0 && t.kind == media.Video {
		extensions, feedback = nil, []string{"goog-remb", "ccm fir", "nack", "nack pli", "rrtr"}
	}
	a := section.Accept(chosen, "sendonly", extensions, feedback)
	if t.kind == media.Audio {
		a.RTX = false
	}
	stream := s.publisher.stream
	a.Sent = sdp.SentTrack{Stream: stream, Track: stream + "-" + t.kind.String(), SSRC: t.ssrc, RTXSSRC: t.rtxSSRC}
	s.subs = append(s.subs, newSubscription(s, t, &a))
	return a
}

func (s *Subscriber) subscription(k media.Kind) *Subscription {
	for _, u := range s.subs {
		if u.track.kind == k {
			return u
		}
	}
	return nil
}

func (s *Subscriber) bySSRC(ssrc uint32) *Subscription {
	for _, u := range s.subs {
		if u.track.ssrc == ssrc {
			return u
		}
	}
	return nil
}

// LacksCodec reports whether the publisher sends media in a codec that the offer does not have.
func (s *Subscriber) LacksCodec(k media.Kind) bool { return slices.Contains(s.missingCodecs, k) }

// Choose changes what the viewer wants. It returns an error for an unknown layer label.
func (s *Subscriber) Choose(c Choice) error {
	if c.Layer != "" {
		video := s.subscription(media.Video)
		if video == nil {
			return fmt.Errorf("there is no video to choose a layer of")
		}
		if _, ok := video.track.layerIndex(c.Layer); !ok {
			known := video.track.labels()
			if len(known) == 1 && known[0] == "" {
				return fmt.Errorf("no layer is called %q: the publisher sends one, without a label", c.Layer)
			}
			return fmt.Errorf("no layer is called %q, there are %q", c.Layer, known)
		}
	}
	s.choice.Store(&c)
	return nil
}

// Choice returns what the viewer wants now.
func (s *Subscriber) Choice() Choice { return *s.choice.Load() }

// ETag identifies the ICE session in conditional requests. A restart changes it.
func (s *Subscriber) ETag() string { return s.transport.etag() }

// Patch applies a trickle-ice-sdpfrag. It returns "" after candidates and the answering
// fragment after an ICE restart. Errors are *sdp.Error, ErrClosed, or, unless the fragment
// may restart ICE, ErrRestart.
func (s *Subscriber) Patch(fragment string, mayRestart bool) (string, error) {
	return s.transport.patch(fragment, mayRestart)
}

// RestartAnswer returns the fragment with which Patch answered the latest ICE restart, "" if
// there was none. A client whose answer was lost requests the restart again.
func (s *Subscriber) RestartAnswer() string { return s.transport.restartAnswer() }

// Close ends the subscriber. The Closed event repeats reason.
func (s *Subscriber) Close(reason string) { s.transport.end(CauseClosed, reason, nil) }

// Done is closed when the subscriber has ended.
func (s *Subscriber) Done() <-chan struct{} { return s.transport.done }

// Stats returns a snapshot. Before the peer's first packet it is zero.
func (s *Subscriber) Stats() SubscriberStats {
	v := SubscriberStats{Estimate: int(s.viewer.path.estimate.Load())}
	s.transport.call(func(*shard) {
		v.Transport = s.transport.stats()
		for _, u := range s.subs {
			v.Subscriptions = append(v.Subscriptions, u.stats())
		}
	})
	return v
}

func (s *Subscriber) name() string {
	return "subscriber " + s.viewer.id + " of " + s.publisher.cfg.Participant
}

func (s *Subscriber) sendsMedia() bool { return false }

func (s *Subscriber) localSSRC() uint32 { return s.subs[0].track.ssrc }

// connected starts the subscriptions.
func (s *Subscriber) connected(sh *shard) {
	f := sh.fanOuts[s.publisher]
	if f == nil {
		f = newFanOut(sh, s.publisher)
		sh.fanOuts[s.publisher] = f
	}
	f.add(s)
	s.sender.pacingBitrate = s.viewer.path.pacingBitrate(0)
	for _, u := range s.subs {
		u.start(sh)
	}
}

func (s *Subscriber) transportEnded(Cause) {
	s.viewer.remove(s)
	s.publisher.removeSubscriber(s)
	if owner := s.transport.shard.Load(); owner != nil {
		owner.post(func() {
			if s.fanOut != nil {
				s.fanOut.remove(owner, s)
			}
		})
	}
}
