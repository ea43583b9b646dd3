package realtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
)

// A PublishConfig says how an endpoint is published to.
type PublishConfig struct {
	// Network is the transport of media; empty takes any.
	Network Network
	// Rejoin is how long a lost connection is tried again: 0 is 30 s, NoRejoin ends it.
	Rejoin time.Duration
	// OnChange is called with the error of each loss, and with nil when the connection was
	// replaced. It may be nil.
	OnChange func(error)
}

// A Publication is what a participant sends: an audio and a video LocalTrack, or one of
// them. A lost connection is replaced; until then the tracks drop what is written.
type Publication struct {
	keptConnection
	tracks []*LocalTrack
}

// Publish sends tracks to a WHIP endpoint, without the events of a stage. It returns when
// media can flow; ctx bounds that. A refusal of the server is a *Problem. The caller closes
// the Publication.
func Publish(ctx context.Context, at Endpoint, cfg PublishConfig, tracks ...*LocalTrack) (*Publication, error) {
	p := newPublication(func() Endpoint { return at }, cfg.Network, tracks)
	p.changed = cfg.OnChange
	if err := p.start(ctx, rejoinLimit(cfg.Rejoin)); err != nil {
		return nil, err
	}
	return p, nil
}

// newPublication prepares one that start connects.
func newPublication(at func() Endpoint, network Network, tracks []*LocalTrack) *Publication {
	p := &Publication{tracks: tracks}
	p.open = func(ctx context.Context) (*mediaConnection, error) {
		c, err := p.connect(ctx, at(), network)
		if err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		return c, nil
	}
	return p
}

// Tracks are those that are published.
func (p *Publication) Tracks() []*LocalTrack { return p.tracks }

// connect makes one connection that sends the tracks.
func (p *Publication) connect(ctx context.Context, at Endpoint, network Network) (*mediaConnection, error) {
	pc, err := newPeerConnection(network)
	if err != nil {
		return nil, err
	}
	senders, err := addTracks(pc, p.tracks)
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	c := newMediaConnection(pc, network)
	if err := c.connect(ctx, at); err != nil {
		return nil, err
	}
	for i, t := range senders {
		for _, l := range p.tracks[i].layers {
			l.setMID(t.Mid(), t.Sender().GetParameters().HeaderExtensions)
			c.readers.start(func() { readFeedback(t.Sender(), l) })
		}
	}
	return c, nil
}

// addTracks prepares pc to send the tracks, and returns their transceivers.
func addTracks(pc *webrtc.PeerConnection, tracks []*LocalTrack) ([]*webrtc.RTPTransceiver, error) {
	var senders []*webrtc.RTPTransceiver
	video := false
	for _, track := range tracks {
		t, err := pc.AddTransceiverFromTrack(track.layers[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return nil, err
		}
		for _, l := range track.layers[1:] {
			if err := t.Sender().AddEncoding(l); err != nil {
				return nil, err
			}
		}
		// Only this codec: of several the server would choose.
		if err := t.SetCodecPreferences(capabilities(track.codec)); err != nil {
			return nil, err
		}
		video = video || track.codec.Kind() == media.Video
		senders = append(senders, t)
	}
	if !video { // the service refuses an offer without H.264 even for audio alone
		t, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return nil, err
		}
		if err := t.SetCodecPreferences(capabilities(media.H264)); err != nil {
			return nil, err
		}
	}
	return senders, nil
}

// readFeedback handles the RTCP packets of a layer until its sender stops.
func readFeedback(s *webrtc.RTPSender, l *localLayer) {
	buf := make([]byte, 1500)
	for {
		n, _, err := s.ReadSimulcast(buf, l.rid)
		if err != nil {
			return
		}
		if packets, err := rtcp.Unmarshal(buf[:n]); err == nil {
			l.handleFeedback(packets)
		}
	}
}
