package signaling_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// watch receives the first publisher of a token's stage until ctx ends.
func watch(ctx context.Context, token string, receive func(*rtp.Packet)) error {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		return err
	}
	var claims struct {
		Participant string `json:"jti"`
		Topic       string `json:"topic"`
		EventsURL   string `json:"events_url"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	options := &websocket.DialOptions{Subprotocols: []string{token}}
	socket, _, err := websocket.Dial(ctx, claims.EventsURL+"/"+claims.Topic, options)
	if err != nil {
		return err
	}
	defer socket.Close(websocket.StatusNormalClosure, "")
	socket.SetReadLimit(8 << 20)
	media, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	defer media.Close()
	media.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for p, _, err := track.ReadRTP(); err == nil; p, _, err = track.ReadRTP() {
			receive(p)
		}
	})
	for subscribed := false; ; {
		var m struct {
			Type    string
			Payload struct {
				Participants []struct {
					ID           string
					IsPublishing bool
				}
				Answer string
				Error  *struct{ Code, Detail string }
			}
		}
		if err := wsjson.Read(ctx, socket, &m); err != nil {
			return err
		}
		if m.Payload.Error != nil {
			return fmt.Errorf("subscribe: %s (%s)", m.Payload.Error.Detail, m.Payload.Error.Code)
		}
		if m.Type == "REPLY" {
			err = media.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: m.Payload.Answer})
		}
		for _, p := range m.Payload.Participants { // of STAGE_STATE
			if !subscribed && p.IsPublishing && p.ID != claims.Participant && err == nil {
				subscribed = true
				err = subscribe(ctx, socket, media, p.ID)
			}
		}
		if err != nil {
			return err
		}
	}
}

// subscribe offers to receive a publisher.
func subscribe(ctx context.Context, socket *websocket.Conn, media *webrtc.PeerConnection, publisher string) error {
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		direction := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err := media.AddTransceiverFromKind(kind, direction); err != nil {
			return err
		}
	}
	offer, err := media.CreateOffer(nil)
	if err != nil {
		return err
	}
	payload := map[string]string{"participantId": publisher, "offer": offer.SDP} // the server needs no candidates
	if err := media.SetLocalDescription(offer); err != nil {
		return err
	}
	return wsjson.Write(ctx, socket, map[string]any{"type": "SUBSCRIBE", "id": "1", "payload": payload})
}
