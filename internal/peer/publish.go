package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
)

// A Publication is what a participant sends: an audio and a video Outlet, or one
// of them.
type Publication struct {
	*connection
	readers sync.WaitGroup
}

// Publish sends the outlets to an endpoint. It returns when media can flow. A refusal of the
// server is a *Problem. The caller closes the Publication.
func Publish(ctx context.Context, endpoint Endpoint, network Network, outlets ...*Outlet) (*Publication, error) {
	pc, err := newPeerConnection(network)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	p := &Publication{}
	senders, err := addOutlets(pc, outlets)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("publish: %w", err), pc.Close())
	}
	if p.connection, err = connect(ctx, pc, endpoint, network); err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	for i, t := range senders {
		for _, l := range outlets[i].layers {
			l.setMID(t.Mid(), t.Sender().GetParameters().HeaderExtensions)
			p.readers.Add(1)
			go p.readFeedback(t.Sender(), l)
		}
	}
	return p, nil
}

// addOutlets prepares pc to send the outlets, and returns their transceivers.
func addOutlets(pc *webrtc.PeerConnection, outlets []*Outlet) ([]*webrtc.RTPTransceiver, error) {
	var senders []*webrtc.RTPTransceiver
	video := false
	for _, o := range outlets {
		t, err := pc.AddTransceiverFromTrack(o.layers[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return nil, err
		}
		for _, l := range o.layers[1:] {
			if err := t.Sender().AddEncoding(l); err != nil {
				return nil, err
			}
		}
		// Only this codec: of several the server would choose.
		if err := t.SetCodecPreferences(capabilities(o.codec)); err != nil {
			return nil, err
		}
		video = video || o.codec.Kind() == media.Video
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

func (p *Publication) readFeedback(s *webrtc.RTPSender, l *outletLayer) {
	defer p.readers.Done()
	buf := make([]byte, 1500)
	for {
		n, _, err := s.ReadSimulcast(buf, l.rid)
		if err != nil {
			return // the sender stopped
		}
		if packets, err := rtcp.Unmarshal(buf[:n]); err == nil {
			l.handleFeedback(packets)
		}
	}
}

// Close ends the publication at the server, then here. It may be called twice.
func (p *Publication) Close() error {
	err := p.close(errClosed)
	p.readers.Wait()
	return err
}
