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
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
)

// SubscribeConfig says what to do with what comes. Its zero value receives sound
// and picture and only counts them.
type SubscribeConfig struct {
	Network   Network
	AudioOnly bool
	// PlainSound keeps redundant sound (RFC 2198) out of the offer.
	PlainSound bool
	// SoundWait is how long a missing packet of sound is waited for. Default: 250 ms.
	SoundWait time.Duration
	// OnFrame is called for each frame that can be decoded, in order, from one
	// goroutine an Inlet. While it works, that Inlet waits.
	OnFrame func(*Inlet, Received)
}

// A Subscription receives what one participant publishes.
type Subscription struct {
	*connection
	readers sync.WaitGroup

	mu     sync.Mutex // guards what follows
	over   bool       // no more inlets
	inlets []*Inlet
}

// Subscribe makes an offer at an endpoint and returns when media can flow. A
// refusal of the server is a *Problem. Close the Subscription when done.
func Subscribe(ctx context.Context, at Endpoint, cfg SubscribeConfig) (*Subscription, error) {
	var further []webrtc.RTPCodecParameters
	if !cfg.PlainSound {
		further = append(further, redundantSound())
	}
	pc, err := newPeerConnection(cfg.Network, further...)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	s := &Subscription{}
	negotiated := make(chan struct{})
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { s.receive(t, r, cfg, negotiated) })
	if err := wish(pc, cfg.AudioOnly); err != nil {
		return nil, errors.Join(fmt.Errorf("subscribe: %w", err), pc.Close())
	}
	s.connection, err = connect(ctx, pc, at, cfg.Network)
	close(negotiated)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
}

func wish(pc *webrtc.PeerConnection, audioOnly bool) error {
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

// receive is called by Pion when a track's first packet came, perhaps before
// connect has returned, whose offer time it needs.
func (s *Subscription) receive(t *webrtc.TrackRemote, r *webrtc.RTPReceiver, cfg SubscribeConfig, negotiated <-chan struct{}) {
	<-negotiated
	if s.connection == nil {
		return
	}
	_, name, _ := strings.Cut(t.Codec().MimeType, "/")
	codec, ok := media.CodecNamed(name)
	if t.PayloadType() == redundantPT {
		codec, ok = media.Opus, true
	}
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	in := newInlet(codec)
	if codec.Kind() == media.Audio && cfg.SoundWait > 0 {
		in.order.wait = cfg.SoundWait
	}
	in.ask = func() {
		// If it gets lost, the next damage asks again.
		_ = s.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
	}
	s.inlets = append(s.inlets, in)
	s.readers.Go(func() { in.readReports(r) })
	s.readers.Go(func() { in.read(t, s.offered, cfg.OnFrame) })
}

// Inlets are the media that came so far.
func (s *Subscription) Inlets() []*Inlet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.inlets)
}

// Layer is what a server says of the layers of a subscription.
type Layer struct {
	Label   string `json:"label"`             // that flows now
	Wished  string `json:"wished,omitempty"`  // that was asked for
	Video   *bool  `json:"video,omitempty"`   // whether the picture flows; nil if it doesn't say
	Audio   *bool  `json:"audio,omitempty"`   // whether the sound flows
	Reason  string `json:"reason,omitempty"`  // why the picture doesn't
	Width   int    `json:"width,omitempty"`   // pixels
	Height  int    `json:"height,omitempty"`  // pixels
	Bitrate int    `json:"bitrate,omitempty"` // bits a second
}

// ChooseLayer asks the server for a layer by its label, or for "auto".
func (s *Subscription) ChooseLayer(ctx context.Context, label string) (now Layer, err error) {
	err = s.resource.ask(ctx, "layer", map[string]string{"label": label}, &now)
	return now, err
}

// ShowVideo asks the server to send the picture, or the sound alone.
func (s *Subscription) ShowVideo(ctx context.Context, video bool) (now Layer, err error) {
	err = s.resource.ask(ctx, "layer", map[string]bool{"video": video}, &now)
	return now, err
}

// Close ends the subscription at the server, then here, and waits for OnFrame to
// return. It is safe twice.
func (s *Subscription) Close() error {
	err := s.close(errClosed)
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.readers.Wait()
	return err
}
