package realtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
	"rostrum/internal/wire"
)

// SubscribeConfig says what is received. Its zero value receives audio and video and only
// counts them.
//
// OnSample and OnPacket are called from one goroutine for each track, which is blocked
// meanwhile. What arrives while it is blocked waits in a buffer of 1 MB for each track; beyond
// that it is dropped, and counted as lost.
type SubscribeConfig struct {
	// OnSample is called for each sample that can be decoded, in order: an access unit of
	// H.264 (Annex B), a frame of VP8 or VP9, a temporal unit of AV1, a packet of Opus.
	OnSample func(*RemoteTrack, Received)
	// OnPacket is called for each RTP packet, in order, with redundant audio decoded: the
	// payload is of the track's codec, whatever its payload type. The packet may be kept.
	OnPacket func(*RemoteTrack, *rtp.Packet)
	// AudioOnly leaves out video.
	AudioOnly bool
	// NoRED omits redundant audio (RFC 2198) from the offer.
	NoRED bool
	// AudioWait is how long a missing audio packet is waited for. Default 250 ms.
	AudioWait time.Duration

	// Network is which transports media may use; of a Stage its Config says so.
	Network Network
	// Rejoin is how long a lost connection is tried again: 0 is 30 s, or what the Stage's
	// Config says; NoRejoin ends it.
	Rejoin time.Duration
	// OnChange is called with the error of each loss, and with nil when the connection was
	// replaced. It may be nil.
	OnChange func(error)
}

// A Subscription receives what one participant publishes. A lost connection is replaced by
// one with new tracks; the choice of layer and media is made again.
type Subscription struct {
	keptConnection
	cfg         SubscribeConfig
	participant string
	early       *earlySubscriptions // of the stage; nil without, or if they have other media

	mu     sync.Mutex // guards what follows
	tracks []*RemoteTrack
	choice wire.SelectLayer
}

// Subscribe receives from a WHEP endpoint, without the events of a stage. It returns when
// media can flow; ctx bounds that. A refusal of the server is a *Problem. The caller closes
// the Subscription.
func Subscribe(ctx context.Context, at Endpoint, cfg SubscribeConfig) (*Subscription, error) {
	s := newSubscription(func() Endpoint { return at }, at.publisher, cfg)
	s.changed = cfg.OnChange
	if err := s.start(ctx, rejoinLimit(cfg.Rejoin)); err != nil {
		return nil, err
	}
	return s, nil
}

// newSubscription prepares one that start connects.
func newSubscription(at func() Endpoint, participant string, cfg SubscribeConfig) *Subscription {
	s := &Subscription{cfg: cfg, participant: participant}
	s.open = func(ctx context.Context) (*mediaConnection, error) {
		c, err := s.connect(ctx, at())
		if err != nil {
			return nil, fmt.Errorf("subscribe: %w", err)
		}
		return c, nil
	}
	return s
}

// ParticipantID is whose media are received; empty for the endpoint of another server.
func (s *Subscription) ParticipantID() string { return s.participant }

// connect makes one connection that receives, and repeats the choice of its predecessor.
func (s *Subscription) connect(ctx context.Context, at Endpoint) (*mediaConnection, error) {
	s.mu.Lock()
	s.tracks = nil
	choice := s.choice
	s.mu.Unlock()
	c := s.early.take(ctx, s.participant)
	if c != nil {
		c.endpoint = at
	} else {
		var err error
		if c, err = newReceiver(s.cfg); err != nil {
			return nil, err
		}
		if err := c.offer(ctx, at); err != nil {
			return nil, err
		}
	}
	c.pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { s.receive(c, t, r) })
	if err := c.establish(ctx); err != nil {
		return nil, err
	}
	if choice != (wire.SelectLayer{}) {
		// The layer may be one that the publisher no longer sends; then the server chooses.
		_, _ = c.resource.selectLayer(ctx, choice)
	}
	return c, nil
}

// newReceiver makes a connection that is to receive.
func newReceiver(cfg SubscribeConfig) (*mediaConnection, error) {
	var extra []webrtc.RTPCodecParameters
	if !cfg.NoRED {
		extra = append(extra, redCapability())
	}
	pc, err := newPeerConnection(cfg.Network, extra...)
	if err != nil {
		return nil, err
	}
	if err := addReceivers(pc, cfg.AudioOnly); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	return newMediaConnection(pc, cfg.Network), nil
}

func addReceivers(pc *webrtc.PeerConnection, audioOnly bool) error {
	receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, receive); err != nil {
		return err
	}
	if audioOnly {
		return nil
	}
	_, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, receive)
	return err
}

// receive begins a track of a connection, whose first packet came.
func (s *Subscription) receive(c *mediaConnection, t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	_, name, _ := strings.Cut(t.Codec().MimeType, "/")
	codec, ok := media.CodecNamed(name)
	if t.PayloadType() == redPayloadType {
		codec, ok = media.Opus, true
	}
	if !ok {
		return
	}
	track := newRemoteTrack(codec)
	track.ParticipantID = s.participant
	if codec.Kind() == media.Audio && s.cfg.AudioWait > 0 {
		track.order.wait = s.cfg.AudioWait
	}
	track.requestKeyframe = func() {
		// If it is lost, the next damage requests again.
		_ = c.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
	}
	s.mu.Lock()
	s.tracks = append(s.tracks, track)
	s.mu.Unlock()
	c.readers.start(func() { track.readReports(r) })
	c.readers.start(func() { track.read(t, c.offered, &s.cfg) })
}

// Negotiated reports whether the answer has a medium: the publisher sends it, in a codec of
// the offer.
func (s *Subscription) Negotiated(kind Kind) bool {
	var answer sdp.SessionDescription
	if err := answer.UnmarshalString(s.connection().currentAnswer()); err != nil {
		return false // Pion parsed it before
	}
	for _, m := range answer.MediaDescriptions {
		if _, inactive := m.Attribute("inactive"); m.MediaName.Media == kind.String() && m.MediaName.Port.Value != 0 && !inactive {
			return true
		}
	}
	return false
}

// Tracks are the media that were received so far, through the current connection.
func (s *Subscription) Tracks() []*RemoteTrack {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tracks)
}

// Flow describes what a subscription receives now.
type Flow struct {
	Label     string `json:"label"`             // of the layer; empty where there is only one
	Requested string `json:"wished,omitempty"`  // the preferred layer; empty lets the server choose
	Video     *bool  `json:"video,omitempty"`   // whether video flows; nil if the server does not say
	Audio     *bool  `json:"audio,omitempty"`   // whether audio flows
	Reason    string `json:"reason,omitempty"`  // why video does not flow: see LayerSelected
	Width     int    `json:"width,omitempty"`   // pixels
	Height    int    `json:"height,omitempty"`  // pixels
	Bitrate   int    `json:"bitrate,omitempty"` // bits a second
}

func flowOf(f wire.Flow) Flow {
	return Flow{Label: f.Label, Requested: f.Preferred, Video: &f.Video, Audio: &f.Audio, Reason: f.Reason, Width: f.Width, Height: f.Height, Bitrate: f.Bitrate}
}

// SelectLayer prefers a layer by its label; "auto" lets the server choose by the bandwidth.
func (s *Subscription) SelectLayer(ctx context.Context, label string) (Flow, error) {
	return s.choose(ctx, wire.SelectLayer{Label: &label})
}

// Receive says whether the server sends a medium.
func (s *Subscription) Receive(ctx context.Context, kind Kind, flows bool) (Flow, error) {
	if kind == media.Audio {
		return s.choose(ctx, wire.SelectLayer{Audio: &flows})
	}
	return s.choose(ctx, wire.SelectLayer{Video: &flows})
}

func (s *Subscription) choose(ctx context.Context, request wire.SelectLayer) (Flow, error) {
	now, err := s.connection().resource.selectLayer(ctx, request)
	if err != nil {
		return now, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if request.Label != nil {
		s.choice.Label = request.Label
	}
	if request.Video != nil {
		s.choice.Video = request.Video
	}
	if request.Audio != nil {
		s.choice.Audio = request.Audio
	}
	return now, nil
}
