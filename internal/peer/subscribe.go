package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
	"rostrum/internal/wire"
)

// SubscribeConfig says what is received. Its zero value receives audio and video and only
// counts them.
type SubscribeConfig struct {
	Network   Network
	AudioOnly bool
	// NoRED omits redundant audio (RFC 2198) from the offer.
	NoRED bool
	// AudioWait is how long a missing audio packet is waited for. Default 250 ms.
	AudioWait time.Duration
	// OnFrame is called for each frame that can be decoded, in order, from one goroutine
	// for each Inlet. While it runs, that Inlet is blocked.
	OnFrame func(*Inlet, Received)
}

// A Subscription receives what one participant publishes.
type Subscription struct {
	*connection
	readers sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool       // no inlet is added any more
	inlets []*Inlet
}

// Subscribe receives from an endpoint. It returns when media can flow. A refusal of the
// server is a *Problem. The caller closes the Subscription.
func Subscribe(ctx context.Context, endpoint Endpoint, cfg SubscribeConfig) (*Subscription, error) {
	var extra []webrtc.RTPCodecParameters
	if !cfg.NoRED {
		extra = append(extra, redCapability())
	}
	pc, err := newPeerConnection(cfg.Network, extra...)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	s := &Subscription{}
	negotiated := make(chan struct{})
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { s.receive(t, r, cfg, negotiated) })
	if err := addReceivers(pc, cfg.AudioOnly); err != nil {
		return nil, errors.Join(fmt.Errorf("subscribe: %w", err), pc.Close())
	}
	s.connection, err = connect(ctx, pc, endpoint, cfg.Network)
	close(negotiated)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
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

// receive is called by Pion for a track's first packet, possibly before connect has
// returned, whose offer time it needs.
func (s *Subscription) receive(t *webrtc.TrackRemote, r *webrtc.RTPReceiver, cfg SubscribeConfig, negotiated <-chan struct{}) {
	<-negotiated
	if s.connection == nil {
		return
	}
	_, name, _ := strings.Cut(t.Codec().MimeType, "/")
	codec, ok := media.CodecNamed(name)
	if t.PayloadType() == redPayloadType {
		codec, ok = media.Opus, true
	}
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	in := newInlet(codec)
	if codec.Kind() == media.Audio && cfg.AudioWait > 0 {
		in.order.wait = cfg.AudioWait
	}
	in.requestKeyframe = func() {
		// If it is lost, the next damage requests again.
		_ = s.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
	}
	s.inlets = append(s.inlets, in)
	s.readers.Go(func() { in.readReports(r) })
	s.readers.Go(func() { in.read(t, s.offered, cfg.OnFrame) })
}

// Negotiated reports whether the answer has a medium: the publisher sends it, in a codec of
// the offer.
func (s *Subscription) Negotiated(kind media.Kind) bool {
	s.restarting.Lock()
	defer s.restarting.Unlock()
	var answer sdp.SessionDescription
	if err := answer.UnmarshalString(s.answer); err != nil {
		return false // Pion parsed it before
	}
	for _, m := range answer.MediaDescriptions {
		if _, inactive := m.Attribute("inactive"); m.MediaName.Media == kind.String() && m.MediaName.Port.Value != 0 && !inactive {
			return true
		}
	}
	return false
}

// Inlets are the media that were received so far.
func (s *Subscription) Inlets() []*Inlet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.inlets)
}

// Layer describes the layers of a subscription.
type Layer struct {
	Label     string `json:"label"`             // the current layer
	Requested string `json:"wished,omitempty"`  // the preferred layer
	Video     *bool  `json:"video,omitempty"`   // whether video flows; nil if unknown
	Audio     *bool  `json:"audio,omitempty"`   // whether audio flows
	Reason    string `json:"reason,omitempty"`  // why video does not flow
	Width     int    `json:"width,omitempty"`   // pixels
	Height    int    `json:"height,omitempty"`  // pixels
	Bitrate   int    `json:"bitrate,omitempty"` // bits a second
}

func layerOf(f wire.Flow) Layer {
	return Layer{Label: f.Label, Requested: f.Preferred, Video: &f.Video, Audio: &f.Audio, Reason: f.Reason, Width: f.Width, Height: f.Height, Bitrate: f.Bitrate}
}

// ChooseLayer sets the preferred layer by its label, or "auto".
func (s *Subscription) ChooseLayer(ctx context.Context, label string) (now Layer, err error) {
	return s.resource.selectLayer(ctx, wire.SelectLayer{Label: &label})
}

// ShowVideo says whether the server sends video, or only audio.
func (s *Subscription) ShowVideo(ctx context.Context, video bool) (now Layer, err error) {
	return s.resource.selectLayer(ctx, wire.SelectLayer{Video: &video})
}

// Close ends the subscription at the server, then here, and waits for OnFrame to return. It
// may be called twice.
func (s *Subscription) Close() error {
	err := s.close(errClosed)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.readers.Wait()
	return err
}
