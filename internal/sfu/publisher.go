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

// PublishConfig says what a publisher may send and who receives its events.
type PublishConfig struct {
	// Participant is the id under which others know the publisher.
	Participant string
	// Codecs are the video codecs that may be used, in order of preference. The first that the
	// offer has is used. Default: H264, VP8, VP9, AV1.
	Codecs []media.Codec
	// NeedsVideo refuses offers without video.
	NeedsVideo bool
	// MaxPixels limits width times height of every layer. 0 means no limit.
	MaxPixels int
	// MaxBitrate limits the bitrate of the video layers together. 0 means no limit. Exceeding a
	// limit only sends LimitExceeded.
	MaxBitrate int
	// Notify receives the events of the publisher: Connected, MediaStarted, MediaStopped,
	// LayersChanged, LayersUnused, LimitExceeded, and Closed last. It may be nil.
	Notify func(Event)
}

// Publisher is what one participant sends: at most one audio and one video Track. Its methods
// may be called from any goroutine; after Close they do nothing.
type Publisher struct {
	router    *Router
	cfg       PublishConfig
	transport *Transport
	stream    string         // MediaStream id towards subscribers
	tracks    []*Track       // constant; audio first
	local     *localSource   // nil unless PublishFrames added it
	relayed   *relayedSource // nil unless PublishRelayed added it

	// Read or written by other threads.
	muted       [2]atomic.Bool // by media.Kind
	loudness    loudnessMeter
	clockOffset atomic.Int64 // the publisher's clock minus the engine's in ns, by its latest sender report

	mu          sync.Mutex // guards what follows
	subscribers map[*Subscriber]struct{}
	closed      bool

	// Owned by the publisher's shard.
	publisherReceive
	outlets []*shard // with subscribers
	taps    []*tap
	relays  []*RelayTap
}

// newPublisher answers an offer.
func newPublisher(r *Router, offer string, cfg PublishConfig) (*Publisher, string, error) {
	o, err := sdp.ParseOffer(offer)
	if err != nil {
		return nil, "", err
	}
	p := &Publisher{router: r, cfg: cfg, stream: streamName(cfg.Participant), subscribers: map[*Subscriber]struct{}{}}
	sections, err := p.negotiate(o)
	if err != nil {
		return nil, "", err
	}
	if p.transport, err = newTransport(r, p, o, cfg.Notify); err != nil {
		return nil, "", err
	}
	if err := r.add(p); err != nil {
		p.transport.abort()
		return nil, "", err
	}
	if err := p.transport.start(); err != nil {
		return nil, "", err
	}
	return p, p.transport.answer(o, sections), nil
}

// streamName returns an id that may be written to an SDP line.
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

// negotiate accepts one audio and one video section. The answer refuses all others.
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
		if p.track(kind) == nil {
			sections[i] = p.acceptSection(s, kind, codecs)
		}
	}
	slices.SortFunc(p.tracks, func(a, b *Track) int { return int(a.kind) - int(b.kind) })
	switch {
	case !video && p.cfg.NeedsVideo:
		return nil, sdp.Errorf(sdp.FaultNoCodec, "the offer has no video, which this server needs of who publishes by WHIP: add a section of video, even if nothing is sent in it")
	case video && p.track(media.Video) == nil:
		return nil, sdp.Errorf(sdp.FaultNoCodec, "none of the video codecs %v is offered (of H.264, packetization-mode=2 is not taken)", p.cfg.Codecs)
	case len(p.tracks) == 0:
		return nil, sdp.Errorf(sdp.FaultNoMedia, "nothing in the offer can be published: Opus and %v are taken", p.cfg.Codecs)
	}
	return sections, nil
}

// acceptSection adds a track for a section, with the first codec that it has. Without one it
// rejects the section.
func (p *Publisher) acceptSection(s *sdp.Section, kind media.Kind, codecs []media.Codec) (a sdp.AnswerSection) {
	for _, codec := range codecs {
		chosen, ok := s.Choose(codec)
		if !ok {
			continue
		}
		if !chosen.PrefersRED {
			chosen.RED = 0 // redundant audio doubles the bitrate
		}
		a = s.Accept(chosen, "recvonly", publishExtensions[kind], publishFeedback)
		a.RIDs = s.RIDs
		t := newTrack(p, s, &a)
		p.bindAnnounced(t, s)
		p.tracks = append(p.tracks, t)
		break
	}
	return a
}

func (p *Publisher) track(k media.Kind) *Track {
	for _, t := range p.tracks {
		if t.kind == k {
			return t
		}
	}
	return nil
}

// Participant returns the id from PublishConfig.
func (p *Publisher) Participant() string { return p.cfg.Participant }

// Codec returns the codec of a kind of media, NoCodec if the publisher does not send it.
func (p *Publisher) Codec(k media.Kind) media.Codec {
	if t := p.track(k); t != nil {
		return t.codec()
	}
	return media.NoCodec
}

// SetMuted says that media is muted on purpose: then it never counts as stopped, and the
// publisher is no active speaker. Packets that arrive are still forwarded.
func (p *Publisher) SetMuted(k media.Kind, muted bool) { p.muted[k].Store(muted) }

// ETag identifies the ICE session in conditional requests. A restart changes it.
func (p *Publisher) ETag() string { return p.transport.etag() }

// Patch applies a trickle-ice-sdpfrag. It returns "" after candidates and the answering
// fragment after an ICE restart. Errors are *sdp.Error, ErrClosed, or, unless the fragment
// may restart ICE, ErrRestart.
func (p *Publisher) Patch(fragment string, mayRestart bool) (string, error) {
	return p.transport.patch(fragment, mayRestart)
}

// RestartAnswer returns the fragment with which Patch answered the latest ICE restart, "" if
// there was none. A client whose answer was lost requests the restart again.
func (p *Publisher) RestartAnswer() string { return p.transport.restartAnswer() }

// Close ends the publisher, and its subscribers with CausePublisherGone. The Closed event
// repeats reason.
func (p *Publisher) Close(reason string) {
	p.flush()
	p.transport.end(CauseClosed, reason, nil)
}

// Done is closed when the publisher has ended.
func (p *Publisher) Done() <-chan struct{} { return p.transport.done }

func (p *Publisher) addSubscriber(s *Subscriber) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	for _, u := range s.subs {
		if u.codec != u.track.codec() { // it was set after the answer
			return ErrClosed
		}
	}
	p.subscribers[s] = struct{}{}
	return nil
}

func (p *Publisher) removeSubscriber(s *Subscriber) {
	p.mu.Lock()
	delete(p.subscribers, s)
	p.mu.Unlock()
}

// addOutlet starts the flow to a shard, and passes it the stored keyframe groups if it is
// another shard. It is called on the publisher's shard.
func (p *Publisher) addOutlet(own, outlet *shard) {
	p.outlets = append(p.outlets, outlet)
	if outlet == own {
		return
	}
	if packets := p.keyframeGroups(); len(packets) > 0 && !outlet.burstQueues[own.index].push(burst{p, packets, true}) {
		own.drops[ShardBehind] += uint64(len(packets))
	}
	outlet.wake()
}

// removeOutlet stops the flow to a shard without subscribers.
func (p *Publisher) removeOutlet(outlet *shard) {
	if i := slices.Index(p.outlets, outlet); i >= 0 {
		p.outlets = slices.Delete(p.outlets, i, i+1)
	}
}

// keyframeGroups returns the newest keyframe group of each video layer.
func (p *Publisher) keyframeGroups() []media.Packet {
	var all []media.Packet
	for _, t := range p.tracks {
		for _, l := range t.layers {
			from, ok := l.ring.keyframeGroup()
			if !ok || t.kind == media.Audio {
				continue
			}
			for n := from; n <= l.ring.last; n++ {
				if packet := l.ring.get(n); packet != nil {
					all = append(all, *packet)
				}
			}
		}
	}
	return all
}

// Stats returns a snapshot. Before the peer's first packet it is zero.
func (p *Publisher) Stats() PublisherStats {
	v := PublisherStats{}
	p.mu.Lock()
	v.Subscribers = len(p.subscribers)
	p.mu.Unlock()
	p.transport.call(func(s *shard) {
		v.Transport, v.Limit = p.transport.stats(), p.receiveEstimate.limit
		for _, t := range p.tracks {
			v.Tracks = append(v.Tracks, t.stats(s.now))
		}
	})
	return v
}

func (p *Publisher) name() string { return "publisher " + p.cfg.Participant }

func (p *Publisher) sendsMedia() bool { return true }

// publisherSSRC is the sender of the RTCP that publishers get.
const publisherSSRC = 1

func (p *Publisher) localSSRC() uint32 { return publisherSSRC }

func (p *Publisher) connected(s *shard) { s.publishers = append(s.publishers, p) }

func (p *Publisher) transportEnded(cause Cause) {
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
	for _, s := range p.router.core.shards {
		s.post(func() { s.removePublisher(p) })
	}
}
