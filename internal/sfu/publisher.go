package sfu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// PublishConfig says what a publisher may do and who hears of it.
type PublishConfig struct {
	// Participant is the id under which others know the publisher.
	Participant string
	// Codecs are the video codecs that may be used, the best first. Default: H264, VP8,
	// VP9, AV1: of those that the offer has, the first is taken.
	Codecs []media.Codec
	// MaxPixels bounds width times height of every layer. 0: no bound.
	MaxPixels int
	// MaxBitrate bounds the video layers together, in bits a second. 0: no bound. Crossing a
	// bound is told by LimitExceeded.
	MaxBitrate int
	// Notify is told what happens to the publisher: Connected, MediaStarted, MediaStopped,
	// LayersChanged, LayersUnused, LimitExceeded, and Closed last. It may be nil.
	Notify func(Event)
}

// A Publisher is what one participant sends: at most one audio and one video Track. Its
// methods may be called from any goroutine; after Close they do nothing.
type Publisher struct {
	router      *Router
	cfg         PublishConfig
	transport   *Transport
	stream      string   // msid of what subscribers receive
	tracks      []*Track // constant; audio first
	muted       [2]atomic.Bool
	loudness    loudnessMeter
	clockOffset atomic.Int64 // the publisher's clock minus ours, ns, by its latest sender report

	mu          sync.Mutex // guards what follows
	subscribers map[*Subscriber]struct{}
	closed      bool

	// The home shard's own.
	sources         []source
	unknownSSRCs    []uint32 // SSRCs that tried to claim a layer
	slab            slab
	audioBurst      []media.Packet // of the open burst
	burstOpen       bool           // the burst waits on the shard's pending list
	outlets         []*shard       // where there are subscribers
	taps            []*tap
	twcc            twccRecorder
	receiveEstimate receiveEstimator
	schedule        publisherSchedule
}

// Publish answers the offer of one who wants to send. Errors are *sdp.Error, ErrBusy or
// ErrClosed. Media flows once the peer has connected; until then the Publisher can already
// be subscribed to.
func (r *Router) Publish(offer string, cfg PublishConfig) (*Publisher, string, error) {
	o, err := sdp.ParseOffer(offer)
	if err != nil {
		return nil, "", err
	}
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = []media.Codec{media.H264, media.VP8, media.VP9, media.AV1}
	}
	p := &Publisher{router: r, cfg: cfg, stream: streamName(cfg.Participant), subscribers: map[*Subscriber]struct{}{}}
	sections, err := p.negotiate(o)
	if err != nil {
		return nil, "", err
	}
	if p.transport, err = newTransport(r, o, cfg.Notify); err != nil {
		return nil, "", err
	}
	p.transport.publisher = p
	if err := r.add(p); err != nil {
		p.transport.abort()
		return nil, "", err
	}
	if err := p.transport.start(); err != nil {
		return nil, "", err
	}
	return p, p.transport.answer(o, sections), nil
}

// streamName makes an id fit to stand in an SDP line.
func streamName(id string) string {
	if id == "" || sdp.CheckToken("id", id) != nil {
		return fmt.Sprintf("stream-%08x", rand.Uint32())
	}
	return id
}

var publishExtensions = map[media.Kind][]string{
	media.Audio: {sdp.ExtMID, sdp.ExtAudioLevel, sdp.ExtTransportCC, sdp.ExtAbsSendTime},
	media.Video: {sdp.ExtMID, sdp.ExtRID, sdp.ExtRepairedRID, sdp.ExtTransportCC, sdp.ExtAbsSendTime, sdp.ExtPlayoutDelay},
}

var publishFeedback = []string{"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"}

// accept chooses one audio and one video section; further ones are refused in the answer.
func (p *Publisher) negotiate(o *sdp.Offer) ([]sdp.AnswerSection, error) {
	sections := make([]sdp.AnswerSection, len(o.Sections))
	video := false
	for i := range o.Sections {
		s := &o.Sections[i]
		if !s.Sends {
			continue
		}
		kind, codecs := media.Audio, []media.Codec{media.Opus}
		if s.Kind == "video" {
			kind, codecs, video = media.Video, p.cfg.Codecs, true
		}
		if p.track(kind) != nil {
			continue
		}
		for _, codec := range codecs {
			if chosen, ok := s.Choose(codec); ok {
				if !chosen.PrefersRED {
					chosen.RED = 0 // it would double the bit rate of one who doesn't ask for it
				}
				sections[i] = s.Accept(chosen, "recvonly", publishExtensions[kind], publishFeedback)
				sections[i].RIDs = s.RIDs
				p.tracks = append(p.tracks, newTrack(p, s, &sections[i]))
				break
			}
		}
	}
	slices.SortFunc(p.tracks, func(a, b *Track) int { return int(a.kind) - int(b.kind) })
	switch {
	case video && p.track(media.Video) == nil:
		return nil, sdp.Errorf(sdp.FaultNoCodec, "none of the video codecs %v is offered (H.264 needs packetization-mode=1)", p.cfg.Codecs)
	case len(p.tracks) == 0:
		return nil, sdp.Errorf(sdp.FaultNoMedia, "nothing in the offer can be published: Opus and %v are taken", p.cfg.Codecs)
	}
	return sections, nil
}

// answer writes the answer that goes with a new transport.
func (t *Transport) answer(o *sdp.Offer, sections []sdp.AnswerSection) string {
	a := sdp.Answer{
		Offer: o, SessionID: rand.Uint64(), ICE: t.ice.Load().local, Fingerprint: t.engine.fingerprint,
		Active: t.active, Candidates: t.engine.candidates, Sections: sections,
	}
	return a.String()
}

func (p *Publisher) track(k media.Kind) *Track {
	for _, t := range p.tracks {
		if t.kind == k {
			return t
		}
	}
	return nil
}

// Participant is the id that PublishConfig gave.
func (p *Publisher) Participant() string { return p.cfg.Participant }

// Codec is what a medium is coded with, NoCodec if the publisher doesn't send it.
func (p *Publisher) Codec(k media.Kind) media.Codec {
	if t := p.track(k); t != nil {
		return t.codec
	}
	return media.NoCodec
}

// SetMuted tells that a medium is meant to be silent: it then never counts as stopped, and
// a muted voice is no active speaker. Packets still flow, if there are any.
func (p *Publisher) SetMuted(k media.Kind, muted bool) { p.muted[k].Store(muted) }

// ETag names the ICE session for conditional requests; a restart changes it.
func (p *Publisher) ETag() string { return p.transport.etag() }

// Patch applies a trickle-ice-sdpfrag. It returns "" after candidates and the answering
// fragment after an ICE restart. Errors are *sdp.Error or ErrClosed.
func (p *Publisher) Patch(fragment string) (string, error) { return p.transport.patch(fragment) }

// Restarted is the fragment with which Patch answered the latest ICE restart, "" if there was
// none: an answer may get lost, and the restart be asked for again.
func (p *Publisher) RestartAnswer() string { return p.transport.restartAnswer() }

// Close ends the publisher and, with cause PublisherGone, its subscribers. Reason is
// repeated in the Closed event.
func (p *Publisher) Close(reason string) { p.transport.end(CauseClosed, reason, nil) }

// Done is closed when the publisher has ended.
func (p *Publisher) Done() <-chan struct{} { return p.transport.done }

func (p *Publisher) addSubscriber(s *Subscriber) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.subscribers[s] = struct{}{}
	return nil
}

func (p *Publisher) removeSubscriber(s *Subscriber) {
	p.mu.Lock()
	delete(p.subscribers, s)
	p.mu.Unlock()
}

// ended is called once, by the transport.
func (p *Publisher) ended(cause Cause) {
	p.mu.Lock()
	p.closed = true
	subscribers := p.subscribers
	p.subscribers = nil
	p.mu.Unlock()
	p.router.remove(p)
	if cause != CauseEngineClosed {
		cause = CausePublisherGone
	}
	for s := range subscribers {
		s.transport.end(cause, "", nil)
	}
	for _, s := range p.router.engine.shards {
		s.post(func() { s.forgetPublisher(p) })
	}
}
